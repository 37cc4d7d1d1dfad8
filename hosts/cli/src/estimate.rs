//! `jvdb estimate`: the size of files that are not there yet, by the format's own arithmetic. `core/DESIGN.md` has the format.

use crate::args::Estimate;
use crate::failure::Failure;
use crate::format;
use serde::Serialize;
use std::io::{self, Write};

/// Both superblocks, each in a page of its own.
const HEAD: u64 = 8192;
/// Records begin on multiples of it; also the bytes of a record's header, and of a bucket.
const UNIT: u64 = 64;
/// Bytes of a key that lie in the header.
const INLINE: u64 = 20;
/// Slots of a bucket, and buckets behind the last home.
const SLOTS: u64 = 5;
const BEHIND: u64 = 7;

/// Bytes of databases of one shape.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Sizes {
    head: u64,
    records: u64,
    index: u64,
    /// Of one database, as an import, a compaction or a restore leaves it.
    database: u64,
    /// Of one that grew a little at a time, with the index tables that it outgrew: seldom more, because now and then a table is
    /// outgrown before it is full.
    database_grown: u64,
    total: u64,
    total_grown: u64,
}

/// Runs the command.
pub fn run(estimate: &Estimate, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let sizes = Sizes::of(estimate).ok_or_else(|| Failure::Argument {
        name: "number of vectors or databases",
        what: "no disk has room for so many".to_owned(),
    })?;
    let written = if json { format::write_line(stdout, &sizes) } else { sizes.write(estimate.databases, stdout) };
    written.map_err(Failure::Stdout)
}

impl Sizes {
    /// `None` beyond 64 bits.
    fn of(estimate: &Estimate) -> Option<Self> {
        let key = u64::from(estimate.key);
        let body =
            4 * u64::from(estimate.dimension) + if key > INLINE { key } else { 0 } + u64::from(estimate.metadata);
        let records = (UNIT + body.next_multiple_of(UNIT)).checked_mul(estimate.vectors)?;
        let index = table(estimate.vectors)?;
        let database = HEAD.checked_add(records)?.checked_add(index)?;
        // Each table has room for twice what there was when it was made, so the one before it is half as large at most, and so on.
        let outgrown = u64::from(u64::BITS - estimate.vectors.leading_zeros());
        let database_grown = database.checked_add(index)?.checked_add(outgrown * (BEHIND + 1) * UNIT)?;
        let total = database.checked_mul(estimate.databases)?;
        let total_grown = database_grown.checked_mul(estimate.databases)?;
        Some(Self { head: HEAD, records, index, database, database_grown, total, total_grown })
    }

    fn write(&self, databases: u64, out: &mut impl Write) -> io::Result<()> {
        let Self { head, records, index, database, database_grown, total, total_grown } = self;
        writeln!(out, "superblocks    {head} bytes\nrecords        {records} bytes\nindex          {index} bytes")?;
        writeln!(out, "a database     {database} bytes; grown a little at a time, about {database_grown}")?;
        writeln!(out, "{databases} databases  {total} bytes; grown a little at a time, about {total_grown}")
    }
}

/// The record of an index table that was made for so many names: two slots for each at three quarters of its load.
fn table(names: u64) -> Option<u64> {
    if names == 0 {
        return Some(0);
    }
    let slots = names.checked_mul(8)?.div_ceil(3);
    (slots.div_ceil(SLOTS) + BEHIND).checked_mul(UNIT)?.checked_add(UNIT)
}
