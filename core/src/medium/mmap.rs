//! Files read through a mapping and written by positional writes.
//!
//! Nothing is ever stored through the mapping: a full disk is an error of a write, not a signal, and there is one write
//! path for all files. The mapping is larger than the file, so that growth seldom maps again; an outgrown mapping is kept
//! until the medium is closed and its pins are gone.

use super::bytes::{Pinned, View};
use super::file::OpenFile;
use super::mapping::{Mapped, Region, SharedRegion};
use super::medium::{FileId, Medium, Permit};
use crate::types::options::Advice;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Address space taken at first, in bytes. It costs nothing until the file fills it.
const FIRST: usize = 256 << 20;
/// How much larger than needed a new mapping is made.
const HEADROOM: usize = 4;
/// Bytes of the head, which is there in every file.
const HEAD: usize = 8192;
/// Reads before the file is mapped: whoever opens it for one vector pays for no mapping, nor for its pages.
const EARLY: usize = 8;
/// Places at which a range is asked whether it is in memory.
#[cfg(target_os = "linux")]
const SAMPLES: u64 = 8;

/// A file behind a read-only mapping.
pub(crate) struct MmapMedium {
    handle: OpenFile,
    maps: [OnceLock<SharedRegion>; 32],
    /// Number of maps made; the last is the largest.
    made: AtomicUsize,
    mapping: Mutex<()>,
    /// Number of reads while there was no mapping.
    early: AtomicUsize,
    /// A mapping of its own for [`peek`](Medium::peek), which must cost nothing for who only writes.
    head: OnceLock<Option<Region>>,
    /// Whether it will be read in order, as was said last, for the mappings to come.
    in_order: AtomicBool,
}

impl MmapMedium {
    /// Takes over an open file. It is mapped after its first few reads.
    ///
    /// # Errors
    /// If its length cannot be read.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        Ok(Self {
            handle: OpenFile::new(file)?,
            maps: [const { OnceLock::new() }; 32],
            made: AtomicUsize::new(0),
            mapping: Mutex::new(()),
            early: AtomicUsize::new(0),
            head: OnceLock::new(),
            in_order: AtomicBool::new(false),
        })
    }

    /// The mapping that covers `len` bytes at `offset`, which must lie within the file, and where in it they begin.
    /// `None` if there is none yet, or no address space for one; then positional reads serve.
    fn cover(&self, offset: u64, len: usize) -> io::Result<Option<(&SharedRegion, usize)>> {
        if self.newest().is_none() && self.early.fetch_add(1, Ordering::Relaxed) < EARLY {
            return self.handle.check(offset, len).map(|_| None);
        }
        self.cover_mapped(offset, len)
    }

    /// As [`cover`](Self::cover), mapping the file if need be.
    fn cover_mapped(&self, offset: u64, len: usize) -> io::Result<Option<(&SharedRegion, usize)>> {
        let end = self.handle.check(offset, len)?;
        let map = match self.newest() {
            Some(map) if map.len() >= end => Some(map),
            _ => {
                // What is not there any more is not mapped as if it were.
                self.handle.check_length()?;
                self.map(end)
            }
        };
        // No end that was checked to fit is smaller than its start.
        Ok(map.map(|map| (map, end - len)))
    }

    /// Whether a range seems to be in the page cache: then to ask for it would only take time.
    fn is_in_memory(&self, offset: u64, len: u64) -> bool {
        #[cfg(target_os = "linux")]
        return (0..SAMPLES).all(|sample| {
            use rustix::io::{ReadWriteFlags, preadv2};
            let (at, mut byte) = (offset + len * sample / SAMPLES, [0]);
            preadv2(self.handle.file(), &mut [io::IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) == Ok(1)
        });
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (offset, len);
            false
        }
    }

    fn newest(&self) -> Option<&SharedRegion> {
        self.maps[..self.made.load(Ordering::Acquire)].last().and_then(OnceLock::get)
    }

    #[cold]
    fn map(&self, end: usize) -> Option<&SharedRegion> {
        let _one_at_a_time = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(map) = self.newest().filter(|map| map.len() >= end) {
            return Some(map);
        }
        let made = self.made.load(Ordering::Acquire);
        let slot = self.maps.get(made)?;
        let roomy = end.saturating_mul(HEADROOM).max(FIRST);
        // Where address space is limited a smaller mapping will do.
        let snug = end.saturating_add(end / 2);
        let region = Region::map(self.handle.file(), roomy).or_else(|_| Region::map(self.handle.file(), snug)).ok()?;
        // Point reads gain nothing from read-ahead, and with a cold cache lose milliseconds to it.
        let _ = region.read_in_order(self.in_order.load(Ordering::Relaxed));
        let map = slot.get_or_init(|| SharedRegion::new(region));
        self.made.store(made + 1, Ordering::Release);
        Some(map)
    }
}

impl Medium for MmapMedium {
    fn len(&self) -> u64 {
        self.handle.len()
    }

    fn peek(&self, offset: u64) -> Option<u64> {
        let whole = || self.handle.check_length().is_ok() && self.len() >= HEAD as u64;
        let head = self.head.get_or_init(|| whole().then(|| Region::map(self.handle.file(), HEAD).ok()).flatten());
        let at = usize::try_from(offset).ok().filter(|at| at + size_of::<u64>() <= HEAD)?;
        head.as_ref().map(|region| region.load(at))
    }

    fn id(&self) -> Option<FileId> {
        Some(self.handle.id())
    }

    fn measure(&self) -> io::Result<()> {
        self.handle.measure()
    }

    fn mode(&self) -> Option<u32> {
        self.handle.mode()
    }

    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match self.cover(offset, into.len())? {
            Some((map, at)) => map.copy_to(at, into),
            None => self.handle.file().read_exact_at(into, offset)?,
        }
        Ok(())
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<View<'_>> {
        match self.cover(offset, len)? {
            Some((map, at)) => Ok(View::Borrowed(map.slice(at, len))),
            None => self.read_copy(offset, len).map(View::Owned),
        }
    }

    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        match self.cover(offset, len)? {
            Some((map, at)) => Ok(Pinned::Mapped(map.pin(at, len))),
            None => self.read_copy(offset, len).map(Pinned::Owned),
        }
    }

    fn write(&self, offset: u64, bytes: &[u8], _: Permit) -> io::Result<()> {
        self.handle.write(offset, bytes)
    }

    fn rewrite(&self, offset: u64, len: usize, _: Permit) -> io::Result<()> {
        self.handle.rewrite(offset, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.sync()
    }

    fn truncate(&self, len: u64, _: Permit) -> io::Result<()> {
        self.handle.truncate(len)
    }

    fn advise(&self, advice: Advice) -> io::Result<()> {
        if advice == Advice::WillNeed {
            return self.handle.will_read(0, self.len());
        }
        let _none_is_made = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut maps = self.maps[..self.made.load(Ordering::Acquire)].iter().filter_map(OnceLock::get);
        if advice == Advice::DontNeed {
            // Of the mappings alone: what is in the page cache may be all that there is of it, because after a sync has failed
            // nothing else tells what the disk holds.
            return maps.try_for_each(|map| map.let_go());
        }
        let in_order = advice == Advice::Sequential;
        self.in_order.store(in_order, Ordering::Relaxed);
        maps.try_for_each(|map| map.read_in_order(in_order))
    }

    fn mapped(&self) -> Mapped<'_> {
        let len = usize::try_from(self.handle.len()).unwrap_or(0);
        self.newest().map_or(Mapped::NONE, |map| map.mapped(0, len))
    }

    fn will_read(&self, offset: u64, len: usize) {
        let len = self.len().saturating_sub(offset).min(len as u64);
        if !self.is_in_memory(offset, len) {
            // Whoever reads what could not be read ahead waits for it, and is told what is wrong.
            let _ = self.handle.will_read(offset, len);
        }
    }
}
