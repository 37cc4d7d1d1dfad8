//! Which files this process has open for writing, by what the system knows them as: one file may have two names.

use super::medium::FileId;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// A file that is written under one name. Gives it back when it is dropped.
#[derive(Debug)]
pub struct Occupied(FileId);

/// The path by which each is written, and by how many openings.
static FILES: LazyLock<Mutex<BTreeMap<FileId, (String, usize)>>> = LazyLock::new(Mutex::default);

fn files() -> MutexGuard<'static, BTreeMap<FileId, (String, usize)>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Occupied {
    /// Fails with the other path if the file is written by another one. Two openings of one path are not this room's business.
    pub(super) fn new(id: FileId, path: &str) -> Result<Self, String> {
        let mut files = files();
        let (other, openings) = files.entry(id).or_insert_with(|| (path.into(), 0));
        if other != path {
            return Err(other.clone());
        }
        *openings += 1;
        Ok(Self(id))
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let mut files = files();
        if let Some((_, openings)) = files.get_mut(&self.0) {
            *openings -= 1;
            if *openings == 0 {
                files.remove(&self.0);
            }
        }
    }
}
