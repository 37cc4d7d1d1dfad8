//! The words that every room uses: keys, schemas, options, errors and figures. Nothing here performs input or output.

pub(crate) mod error;
pub(crate) mod fault;
pub(crate) mod key;
pub(crate) mod options;
pub(crate) mod schema;
pub(crate) mod stats;
