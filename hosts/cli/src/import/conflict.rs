//! Keys of the batch that is being gathered, so that one that the file has twice is noticed before it is stored. Knows nothing of
//! what is in the database.

use jvdb_core::{Key, KeyBuf};
use std::collections::HashSet;

/// They.
#[derive(Default)]
pub struct Conflicts(HashSet<KeyBuf>);

impl Conflicts {
    /// Whether this key was not met since the last batch; from here on it was.
    pub fn is_free(&mut self, key: Key) -> bool {
        self.0.insert(key.to_owned())
    }

    /// The batch was stored: the database has them.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
