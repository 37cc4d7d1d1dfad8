//! What the operating system is told of how a database will be read.

use crate::database::{Database, call};
use crate::error::Error;
use crate::failure::Failure;
use crate::status::*;
use jvdb_core::{self as core, Advice};

/// Advice: here and there, as every file begins. Through a mapping nothing is read ahead, and cursors and visits ask by
/// themselves for what comes; without one (JVDB_NO_MMAP) the kernel sees for itself how the file is read.
pub const JVDB_ADVICE_RANDOM: i32 = 0;
/// Advice: from the start to the end. Much is read ahead, and what was passed may go.
pub const JVDB_ADVICE_SEQUENTIAL: i32 = 1;
/// Advice: soon, and all of it. The kernel is asked to read it into the page cache, which goes on when the call has
/// returned; of a large file most is read by then. It pays where there is room for all of it.
pub const JVDB_ADVICE_WILL_NEED: i32 = 2;
/// Advice: not soon. The mapping gives the memory back that counts as this process's. What is in the page cache stays
/// there until the kernel needs the room. Without a mapping nothing is to be given back.
pub const JVDB_ADVICE_DONT_NEED: i32 = 3;

/// In the order of the numbers above.
const ADVICE: [Advice; 4] = [Advice::Random, Advice::Sequential, Advice::WillNeed, Advice::DontNeed];

/// Tells the operating system how the file will be read: `advice` is a JVDB_ADVICE_*. It changes how long reads take,
/// never what they give. It holds while the file is open, as it is while there is a handle, and until the database is
/// compacted. A database in memory takes no advice and returns JVDB_OK.
///
/// Fails with JVDB_ERROR_INVALID_ARGUMENT for any other number, and with JVDB_ERROR_IO if the operating system refuses;
/// reads go on then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_advise(database: *mut Database, advice: i32, error: *mut *mut Error) -> Status {
    let body = |database: &core::Database| {
        let known = usize::try_from(advice).ok().and_then(|number| ADVICE.get(number));
        let unknown = || Failure::Argument(format!("invalid advice: {advice} is no JVDB_ADVICE_*"));
        database.advise(*known.ok_or_else(unknown)?)?;
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}
