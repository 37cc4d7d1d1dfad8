//! A copy of a database as it is at one moment, made while it is read and written.
//!
//! What a flush has made durable changes only when the next flush does, so holding flushes back is enough: the copy is
//! the file up to there, with superblocks that say so. It is whole and durable before it has its name. What becomes of
//! it, and whether the place is a good one, is the caller's business.

use crate::format::layout::{LOG_START, SECTOR};
use crate::format::superblock::Superblock;
use crate::medium::{Medium, Permit, Volume};
use crate::store::flush::Index;
use crate::store::store::Store;
use crate::sync::lock::lock;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::io;

/// Bytes copied at once.
const PIECE: u64 = 4 << 20;

impl Store {
    /// Flushes, and writes what is durable then to a new file of another directory. Returns its length.
    pub(crate) fn backup(&self, volume: &dyn Volume, file: &str) -> Result<u64> {
        self.check_free()?;
        let path = volume.path_of(file);
        let failed = |action| {
            let path = &path;
            move |source| Error::io(action, path, source)
        };
        match volume.size(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("create")(error)),
            Ok(_) => return Err(failed("create")(io::ErrorKind::AlreadyExists.into())),
        }
        let mut progress = lock(&self.progress);
        // Everything is in the table afterwards.
        self.flush_with(&mut progress, Index::Whole)?;
        let superblock = Superblock { applied_end: progress.superblock.durable_end, ..progress.superblock };
        let [a, b, c, d, ..] = volume.entropy();
        let temporary = format!("{file}.{:08x}.tmp", u32::from_le_bytes([a, b, c, d]));
        let copied = (|| {
            let to = volume.create(&temporary).map_err(failed("create"))?;
            self.copy_durable(&superblock, &*to, failed("write"))?;
            if !broken(Mutant::BackupUnsynced) {
                to.sync().map_err(failed("sync"))?;
            }
            volume.rename(&temporary, file).map_err(failed("rename"))
        })();
        drop(progress);
        if copied.is_err() {
            // The error that counts is the one above.
            let _ = volume.remove(&temporary);
        }
        copied?;
        volume.sync().map_err(|source| Error::io("sync directory", volume.path(), source))?;
        tracing::info!(database = self.identity.name, path, bytes = superblock.durable_end, "backed up");
        Ok(superblock.durable_end)
    }

    fn copy_durable(
        &self,
        superblock: &Superblock,
        to: &dyn Medium,
        failed: impl Fn(io::Error) -> Error,
    ) -> Result<()> {
        let mut head = vec![0; LOG_START as usize];
        for generation in [superblock.generation + 1, superblock.generation + 2] {
            let superblock = Superblock { generation, ..*superblock };
            head[superblock.offset() as usize..][..SECTOR].copy_from_slice(&superblock.encode());
        }
        to.write(0, &head, Permit::ENGINE).map_err(&failed)?;
        let from = self.medium()?;
        for offset in (LOG_START..superblock.durable_end).step_by(PIECE as usize) {
            let len = (superblock.durable_end - offset).min(PIECE) as usize;
            from.will_read(offset, len);
            let bytes = from.read(offset, len).map_err(|source| self.fault(Fault::read(offset)(source)))?;
            to.write(offset, &bytes, Permit::ENGINE).map_err(&failed)?;
        }
        Ok(())
    }
}
