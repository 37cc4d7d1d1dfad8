//! Many databases, of which few are open at once: going round all of them closes one and opens another each time.

use crate::Result;
use crate::dataset::Dataset;

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
