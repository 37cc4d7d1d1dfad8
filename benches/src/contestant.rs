//! Who takes part: how each is made and opened, and what its figures are compared with.

use crate::dataset::Dataset;
use crate::machine::subdirectory;
use crate::outcome::Result;
use crate::passes::AnyStore;
use std::path::Path;
use tempfile::TempDir;

/// Many databases of one contestant.
pub trait Many {
    /// Makes that database, with all of that data, and flushes it.
    ///
    /// # Errors
    /// The store's own; so does the call below.
    fn fill(&mut self, database: usize, data: &Dataset) -> Result<()>;

    /// What a reader touches of the vector under that key. The database is opened if it is closed; then the one that was
    /// not used for longest makes room.
    fn touch(&mut self, database: usize, key: u64) -> Result<u64>;
}

/// Makes an empty store in an empty directory, for vectors of that dimension.
pub type Creator = fn(&Path, usize) -> Result<AnyStore>;

/// Opens the store in a directory again: dimension, bytes of metadata per vector.
pub type Opener = fn(&Path, usize, usize) -> Result<AnyStore>;

/// Opens a directory of many databases, of which so many are open at once.
pub type ManyOpener = fn(&Path, usize) -> Result<Box<dyn Many>>;

/// What a contestant's figures are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This engine.
    Ours,
    /// Another store.
    Peer,
    /// No store at all: the bare calls that any store must make.
    Limit,
}

/// One who takes part.
#[derive(Clone, Copy)]
pub struct Contestant {
    /// Column title.
    pub name: &'static str,
    /// Ours, peer or limit.
    pub kind: Kind,
    /// Whether it keeps files, and so can be flushed and opened again.
    pub on_disk: bool,
    /// Whether only its reads differ from those of another contestant.
    pub read_only: bool,
    /// Makes an empty store in an empty directory, for vectors of that dimension.
    pub create: Creator,
    /// Opens what it left, where that is measured.
    pub open: Option<Opener>,
    /// Opens a directory of many databases, of which so many are open at once; where it is `None`, each database is a
    /// store of its own that is opened and closed.
    pub many: Option<ManyOpener>,
}

/// A store and the directory of its own that it lies in, which is removed when the store is closed.
pub struct Housed {
    /// The store; dropped first.
    pub store: AnyStore,
    /// Its directory.
    pub dir: TempDir,
}

impl Contestant {
    /// Whether it writes in a way of its own and keeps it on a disk.
    pub fn keeps_files(&self) -> bool {
        self.on_disk && !self.read_only
    }

    /// An empty store in a new directory under `parent`, for vectors of that dimension.
    ///
    /// # Errors
    /// The store's own, or the directory cannot be made.
    pub fn fresh(&self, parent: &Path, dimension: usize) -> Result<Housed> {
        let dir = subdirectory(parent, self.name)?;
        Ok(Housed { store: (self.create)(dir.path(), dimension)?, dir })
    }
}
