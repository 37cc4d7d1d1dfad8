//! Files that are memory: segments that grow and never move, and a directory of them.
//!
//! What one write adds to the end lies in one segment, so that a record is contiguous and can be borrowed; only bytes
//! that an abandoned write left behind may be split differently, and are then read as a copy.

use super::bytes::{Pinned, View};
use super::mapping::{Mapped, Region, SharedRegion};
use super::medium::{FileId, Medium, Permit};
use super::volume::{Volume, file_name_missing};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Size of the first segment.
const FIRST: usize = 64 << 10;
/// Addresses the second reserves, so that nearly all of the file is one run. Where there are none to reserve, each segment
/// is at least twice the one before.
const RESERVE: usize = 1 << (usize::BITS / 2 + 4);

struct Segment {
    start: u64,
    region: SharedRegion,
}

impl Segment {
    fn end(&self) -> u64 {
        self.start + self.region.len() as u64
    }
}

/// A file in memory.
pub(crate) struct MemoryMedium {
    segments: [OnceLock<Segment>; 48],
    made: AtomicUsize,
    len: AtomicU64,
    /// Held by whoever writes, so that a new segment starts where the length really ends.
    writing: Mutex<()>,
    /// Addresses to reserve.
    reserve: usize,
}

impl Default for MemoryMedium {
    fn default() -> Self {
        Self {
            segments: [const { OnceLock::new() }; 48],
            made: AtomicUsize::new(0),
            len: AtomicU64::new(0),
            writing: Mutex::new(()),
            reserve: RESERVE,
        }
    }
}

impl MemoryMedium {
    /// Memory that holds `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let medium = Self::default();
        // A medium that nobody else has yet has no readers to disturb.
        medium.write(0, bytes, Permit::ENGINE).expect("the first segment takes any size");
        medium
    }

    /// A copy of all bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let _no_write = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = vec![0; usize::try_from(self.len()).expect("memory fits the address space")];
        self.read_into(0, &mut bytes).expect("the whole lies within its length");
        bytes
    }

    fn made(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments[..self.made.load(Ordering::Acquire)].iter().filter_map(OnceLock::get)
    }

    /// The segment that counts at `offset`: the last one that starts at or before it, with where it ends to count.
    fn segment(&self, offset: u64) -> Option<(&Segment, u64)> {
        let mut end = u64::MAX;
        for segment in self.made().rev() {
            if segment.start <= offset {
                return Some((segment, end.min(segment.end())));
            }
            end = segment.start;
        }
        None
    }

    /// Calls `each` for the pieces of a range: segment, place in it, length.
    fn pieces(&self, mut offset: u64, mut len: usize, mut each: impl FnMut(&Segment, usize, usize)) {
        while len > 0 {
            let (segment, end) = self.segment(offset).expect("segments cover the whole length");
            let piece = len.min((end - offset) as usize);
            each(segment, (offset - segment.start) as usize, piece);
            offset += piece as u64;
            len -= piece;
        }
    }

    /// The one segment that holds a whole range, and the place in it.
    fn whole(&self, offset: u64, len: usize) -> io::Result<Option<(&Segment, usize)>> {
        self.check(offset, len)?;
        Ok(self
            .segment(offset)
            .filter(|(_, end)| offset + len as u64 <= *end)
            .map(|(segment, _)| (segment, (offset - segment.start) as usize)))
    }

    fn check(&self, offset: u64, len: usize) -> io::Result<()> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.len() => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{len} bytes at {offset} reach past the end of {} bytes", self.len()),
            )),
        }
    }

    /// Makes segments cover everything up to `end`, what is new in one piece.
    fn grow(&self, end: u64) -> io::Result<()> {
        let len = self.len();
        if self.made().next_back().is_some_and(|last| end <= last.end()) {
            return Ok(());
        }
        let made = self.made.load(Ordering::Acquire);
        let slot = self.segments.get(made).ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        let last = self.made().next_back().map_or(0, |last| last.region.len());
        let need = usize::try_from(end - len).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        let reserved = if made > 0 { Region::reserve(need.max(self.reserve)).ok() } else { None };
        let region = reserved.map_or_else(|| Region::allocate(need.max(last.saturating_mul(2)).max(FIRST)), Ok)?;
        // Segments start in rising order: behind everything an abandoned longer write left in the last one.
        let start = self.made().next_back().map_or(len, |last| len.max(last.start));
        slot.get_or_init(|| Segment { start, region: SharedRegion::new(region) });
        self.made.store(made + 1, Ordering::Release);
        Ok(())
    }
}

impl Medium for MemoryMedium {
    fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    fn peek(&self, offset: u64) -> Option<u64> {
        let first = self.segments[0].get()?;
        let at = usize::try_from(offset).ok().filter(|at| at + size_of::<u64>() <= FIRST.min(first.region.len()))?;
        Some(first.region.load(at))
    }

    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.check(offset, into.len())?;
        let mut done = 0;
        self.pieces(offset, into.len(), |segment, at, piece| {
            segment.region.copy_to(at, &mut into[done..done + piece]);
            done += piece;
        });
        Ok(())
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<View<'_>> {
        Ok(match self.whole(offset, len)? {
            Some((segment, at)) => View::Borrowed(segment.region.slice(at, len)),
            None => View::Owned(self.read_copy(offset, len)?),
        })
    }

    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        Ok(match self.whole(offset, len)? {
            Some((segment, at)) => Pinned::Mapped(segment.region.pin(at, len)),
            None => Pinned::Owned(self.read_copy(offset, len)?),
        })
    }

    fn mapped(&self) -> Mapped<'_> {
        let len = self.len();
        let last = self.made().next_back().filter(|last| last.start < len);
        last.map_or(Mapped::NONE, |last| last.region.mapped(last.start, (len - last.start) as usize))
    }

    fn prefetch(&self, offset: u64, len: usize) {
        if let Some((segment, _)) = self.segment(offset) {
            segment.region.mapped(segment.start, segment.region.len()).prefetch(offset, len);
        }
    }

    fn write(&self, offset: u64, bytes: &[u8], _: Permit) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.grow(end)?;
        // What is there already may be being read; what is new is not.
        let old = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
        let (there, new) = bytes.split_at(old);
        let mut done = 0;
        self.pieces(offset, there.len(), |segment, at, piece| {
            segment.region.change(at, &there[done..done + piece]);
            done += piece;
        });
        let mut done = 0;
        self.pieces(offset + old as u64, new.len(), |segment, at, piece| {
            segment.region.copy_from(at, &new[done..done + piece]);
            done += piece;
        });
        self.len.fetch_max(end, Ordering::AcqRel);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Memory has nothing to make durable.
    fn rewrite(&self, _: u64, _: usize, _: Permit) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, len: u64, _: Permit) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.len.swap(len, Ordering::AcqRel);
        // What is cut off reads as zeros if the file grows over it again.
        self.pieces(len, old.saturating_sub(len) as usize, |segment, at, piece| {
            let zeros = [0; 4096];
            for from in (0..piece).step_by(zeros.len()) {
                segment.region.copy_from(at + from, &zeros[..zeros.len().min(piece - from)]);
            }
        });
        Ok(())
    }
}

/// A directory in memory.
#[derive(Default)]
pub struct MemoryVolume {
    files: Mutex<BTreeMap<String, Arc<MemoryMedium>>>,
    claimed: AtomicBool,
    #[cfg(target_family = "wasm")]
    ticks: AtomicU64,
}

impl std::fmt::Debug for MemoryVolume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryVolume").finish_non_exhaustive()
    }
}

impl MemoryVolume {
    /// A directory that holds these files.
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let volume = Self::default();
        for (name, bytes) in files {
            volume.files().insert(name.into(), Arc::new(MemoryMedium::from_bytes(bytes)));
        }
        volume
    }

    /// A copy of one file's bytes, as it is now.
    pub fn bytes(&self, file: &str) -> Option<Vec<u8>> {
        let medium = self.files().get(file).cloned()?;
        Some(medium.to_bytes())
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<MemoryMedium>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One opening of a file that lives on in its directory.
struct Opened(Arc<MemoryMedium>);

/// Where it lies in memory: nothing else lies there while it is open.
fn id_of(medium: &Arc<MemoryMedium>) -> FileId {
    FileId { device: 0, number: Arc::as_ptr(medium) as u64 }
}

impl Medium for Opened {
    fn peek(&self, offset: u64) -> Option<u64> {
        self.0.peek(offset)
    }
    fn id(&self) -> Option<FileId> {
        Some(id_of(&self.0))
    }
    fn len(&self) -> u64 {
        self.0.len()
    }
    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_into(offset, into)
    }
    fn read(&self, offset: u64, len: usize) -> io::Result<View<'_>> {
        self.0.read(offset, len)
    }
    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        self.0.pin(offset, len)
    }
    fn mapped(&self) -> Mapped<'_> {
        self.0.mapped()
    }
    fn prefetch(&self, offset: u64, len: usize) {
        self.0.prefetch(offset, len);
    }
    fn write(&self, offset: u64, bytes: &[u8], permit: Permit) -> io::Result<()> {
        self.0.write(offset, bytes, permit)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
    fn rewrite(&self, offset: u64, len: usize, permit: Permit) -> io::Result<()> {
        self.0.rewrite(offset, len, permit)
    }
    fn truncate(&self, len: u64, permit: Permit) -> io::Result<()> {
        self.0.truncate(len, permit)
    }
}

impl Volume for MemoryVolume {
    fn path(&self) -> &str {
        "memory"
    }

    fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    fn release(&self) {
        self.claimed.store(false, Ordering::Release);
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        let medium = self.files().get(file).cloned().ok_or_else(|| file_name_missing(file))?;
        Ok(Box::new(Opened(medium)))
    }

    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        let medium = Arc::new(MemoryMedium::default());
        self.files().insert(file.into(), Arc::clone(&medium));
        Ok(Box::new(Opened(medium)))
    }

    fn id_of(&self, file: &str) -> io::Result<Option<FileId>> {
        self.files().get(file).map(|medium| Some(id_of(medium))).ok_or_else(|| file_name_missing(file))
    }

    fn size(&self, file: &str) -> io::Result<u64> {
        self.files().get(file).map(|medium| medium.len()).ok_or_else(|| file_name_missing(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let medium = files.remove(from).ok_or_else(|| file_name_missing(from))?;
        files.insert(to.into(), medium);
        Ok(())
    }

    fn keep(&self, file: &str, second: &str) -> io::Result<()> {
        let mut files = self.files();
        let medium = files.get(file).cloned().ok_or_else(|| file_name_missing(file))?;
        files.insert(second.into(), medium);
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.files().remove(file).map(drop).ok_or_else(|| file_name_missing(file))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// A number no other call in this process gave; nothing here outlives the process.
    fn entropy(&self) -> [u8; 16] {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes()).to_le_bytes()
    }

    #[cfg(not(target_family = "wasm"))]
    fn now(&self) -> Duration {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }

    /// Without a clock, time passes by being looked at.
    #[cfg(target_family = "wasm")]
    fn now(&self) -> Duration {
        Duration::from_micros(self.ticks.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, MemoryMedium, RESERVE};
    use crate::medium::mapping::Region;
    use crate::medium::medium::{Medium, Permit};

    /// Grows over several segments, or over the first and a reserve, and reads all of it back in each way there is.
    #[test]
    fn grows_with_and_without_a_reserve() {
        const PIECE: usize = FIRST / 4 + 64;
        let has_reserve = Region::reserve(RESERVE).is_ok();
        // No system has as many addresses.
        for (reserve, segments) in [(RESERVE, if has_reserve { 2 } else { 3 }), (usize::MAX / 8, 3)] {
            let medium = MemoryMedium { reserve, ..MemoryMedium::default() };
            for number in 0..24_u8 {
                let piece = [number + 1; PIECE];
                medium.write(medium.len(), &piece, Permit::ENGINE).expect("there is memory");
            }
            assert_eq!(medium.made().count(), segments);
            for number in 0..24_u8 {
                let (offset, piece) = (u64::from(number) * PIECE as u64, [number + 1; PIECE]);
                assert_eq!(medium.read(offset, PIECE).expect("it is there")[..], piece);
                let window = medium.mapped().slice(offset, PIECE);
                assert!(window.is_none_or(|shown| shown == piece));
                assert!(window.is_some() || number < 12, "most of it is in the window");
            }
            assert_eq!(medium.mapped().slice(medium.len() - 64, 65), None);
        }
    }
}
