//! What the machine can do with the bytes of a record, without keys, index or checksum: copies, system calls, stores
//! through a mapping, syncs. The figures stand in the column of the limit, in rows of their own.

use crate::contestant::Kind;
use crate::dataset::Dataset;
use crate::machine::subdirectory;
use crate::outcome::Result;
use crate::rounds::{Row, measure};
use crate::table::grouped;
use crate::workloads::{BATCH, Setting, per_operation, timed};
use memmap2::{Mmap, MmapMut};
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// The bytes of all records of a data set, one behind the other, each on a 64-byte boundary.
struct Records {
    bytes: Vec<u8>,
    stride: usize,
    count: usize,
}

impl Records {
    fn of(data: &Dataset) -> Self {
        let stride = data.payload().next_multiple_of(64);
        let mut bytes = Vec::with_capacity(stride * data.len());
        for (i, record) in data.records(0..data.len()).enumerate() {
            bytes.extend_from_slice(bytemuck::cast_slice(record.vector));
            bytes.extend_from_slice(record.metadata);
            bytes.resize(stride * (i + 1), 0);
        }
        Self { bytes, stride, count: data.len() }
    }

    fn pieces(&self, records: usize) -> impl Iterator<Item = (usize, &[u8])> {
        let piece = self.stride * records;
        self.bytes.chunks(piece).enumerate().map(move |(i, bytes)| (i * piece, bytes))
    }

    /// A copy to memory that was touched before.
    fn copy(&self) -> Result<Duration> {
        let mut to = vec![1_u8; self.bytes.len()];
        let ((), time) = timed(|| {
            self.pieces(1).for_each(|(at, bytes)| to[at..at + bytes.len()].copy_from_slice(bytes));
            Ok(())
        })?;
        std::hint::black_box(to);
        Ok(time)
    }

    /// A copy of one record at a time out of a mapping of a file, in no order.
    fn copy_from(&self, file: &File) -> Result<Duration> {
        file.write_all_at(&self.bytes, 0)?;
        let map = map(file)?;
        // Odd, and so prime to nearly every count: all records, or nearly all, come once.
        let order = (0..self.count).map(|i| i * 7_919 * 31 % self.count);
        let positions: Vec<usize> = order.map(|i| i * self.stride).collect();
        let mut to = vec![1_u8; self.stride];
        let mut pass = || {
            for &at in &positions {
                to.copy_from_slice(&map[at..at + self.stride]);
                std::hint::black_box(&mut to);
            }
            Ok(())
        };
        pass()?;
        Ok(timed(pass)?.1)
    }

    /// Appends of so many records in one call.
    fn append(&self, file: &File, records: usize) -> Result<Duration> {
        Ok(timed(|| Ok(self.pieces(records).try_for_each(|(at, bytes)| file.write_all_at(bytes, at as u64))?))?.1)
    }

    /// Stores of one record at a time through a mapping into space that was reserved before.
    fn store(&self, file: &File) -> Result<Duration> {
        rustix::fs::fallocate(file, FallocateFlags::empty(), 0, self.bytes.len() as u64)?;
        let mut map = map_mut(file)?;
        let ((), time) = timed(|| {
            self.pieces(1).for_each(|(at, bytes)| map[at..at + bytes.len()].copy_from_slice(bytes));
            Ok(())
        })?;
        Ok(time)
    }

    /// The sync after so many records were appended to a file that is at rest.
    fn sync(&self, file: &File, records: usize) -> Result<Duration> {
        file.write_all_at(&self.bytes, 0)?;
        file.sync_all()?;
        file.write_all_at(&self.bytes[..self.stride * records], self.bytes.len() as u64)?;
        Ok(timed(|| Ok(file.sync_data()?))?.1)
    }
}

#[expect(unsafe_code, reason = "mapping a file is")]
fn map(file: &File) -> Result<Mmap> {
    // SAFETY: the file lies in a directory that this process made under a random name, and nothing writes to it or
    // truncates it while the mapping lives.
    Ok(unsafe { Mmap::map(file) }?)
}

#[expect(unsafe_code, reason = "mapping a file is")]
fn map_mut(file: &File) -> Result<MmapMut> {
    // SAFETY: as above; it is written through this mapping alone.
    Ok(unsafe { MmapMut::map_mut(file) }?)
}

/// Copies, appends and syncs of the records' bytes, per record; syncs per sync.
///
/// # Errors
/// A system call failed.
pub fn all(setting: Setting<'_>) -> Result<Vec<Row>> {
    setting.prepare();
    let records = Records::of(setting.data);
    let tenth = records.count / 10;
    let sync = format!("bare: fdatasync of {} records", grouped(tenth));
    let each = records.count;
    type Work<'a> = &'a dyn Fn(&File) -> Result<Duration>;
    let works: [(&str, usize, Work<'_>); 6] = [
        ("bare: memcpy", each, &|_| records.copy()),
        ("bare: memcpy out of a mapping, at random", each, &|file| records.copy_from(file)),
        ("bare: append by pwrite", each, &|file| records.append(file, 1)),
        ("bare: append by pwrite, 1,000 at once", each, &|file| records.append(file, BATCH)),
        ("bare: append through a mapping", each, &|file| records.store(file)),
        (&sync, 1, &|file| records.sync(file, tenth)),
    ];
    let row = |(title, operations, work): (&str, usize, Work<'_>)| {
        let row = measure(title, setting.contestants, setting.rounds, |i| {
            if setting.contestants[i].kind != Kind::Limit {
                return Ok(None);
            }
            let dir = subdirectory(setting.dir, "bare")?;
            let file = File::options().read(true).write(true).create_new(true).open(dir.path().join("bare"))?;
            Ok(Some(per_operation(work(&file)?, operations)))
        });
        Ok(row?.moving(records.stride * if operations == 1 { tenth } else { 1 }))
    };
    works.into_iter().map(row).collect()
}
