//! What threads share: locks, atomics, and the readers' lock of an open file.

pub(crate) mod lock;
pub(crate) mod primitives;
pub(crate) mod rwlock;
