//! The one seam between the engine and the world: a file-like run of bytes, and the directory such runs live in.
//!
//! The engine sees nothing of an operating system but these two traits. A medium moves bytes and makes them durable; it
//! knows nothing of records, superblocks or indexes. The engine keeps one rule on its side: bytes it has borrowed or
//! pinned are never written again, except with the very same values.

mod bytes;
#[cfg(unix)]
mod directory_lock;
#[cfg(unix)]
mod file;
#[cfg(unix)]
mod folders;
#[cfg(unix)]
mod limit;
mod mapping;
#[expect(clippy::module_inception, reason = "the trait that the room is named for")]
mod medium;
mod memory;
#[cfg(unix)]
mod mmap;
#[cfg(unix)]
mod native;
#[cfg_attr(not(unix), expect(dead_code, reason = "no file has two names there"))]
mod occupied;
mod origin;
#[cfg(unix)]
mod paths;
pub(crate) mod spelling;
mod volume;

pub use bytes::{AlignedBuffer, Pinned, View};
#[cfg(unix)]
pub use directory_lock::DirectoryLock;
#[cfg(unix)]
pub use folders::FolderVolume;
pub use mapping::{Mapped, MappedSlice};
pub use medium::{FileId, Medium, Permit};
pub use memory::MemoryVolume;
#[cfg(unix)]
pub use native::NativeVolume;
pub use occupied::Occupied;
pub use origin::Origin;
pub use volume::Volume;
