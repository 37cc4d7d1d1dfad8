//! Memory that readers share: a read-only mapping of a file, or memory that plays one.
//!
//! With `sync/rwlock.rs` this is the only file of the engine with unsafe code. It owns raw memory and hands out slices of it, and
//! one number that forked children find to be zero; it knows nothing of files' lengths or of what the bytes mean. The
//! rule it rests on is the engine's: bytes that were handed out as a slice are not changed while the slice lives (see
//! [`Permit`](super::medium::Permit)).
#![allow(unsafe_code)]

use crate::sync::rwlock::this_thread;
use std::alloc::{Layout, alloc_zeroed, dealloc};
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Bytes of a cache line.
const LINE: usize = 64;
/// Bytes that are changed at once.
const WORD: usize = size_of::<u64>();

/// Where a region's memory comes from, and how it goes back.
enum Memory {
    #[cfg(unix)]
    File(memmap2::Mmap),
    /// Addresses that become memory where they are first written.
    #[cfg(unix)]
    Reserve(#[expect(dead_code, reason = "held to be unmapped in the end")] memmap2::MmapMut),
    Allocation(Layout),
}

/// A fixed run of memory with a stable address.
pub struct Region {
    base: NonNull<u8>,
    len: usize,
    memory: Memory,
}

// SAFETY: the region owns its memory exclusively, and all access goes through methods that take `&self` and obey the
// rule stated at the head of this file, so moving it or sharing it between threads adds no new access.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Maps `len` bytes of a file from its start, read-only. `len` may be beyond the file's end; what is beyond must
    /// not be read before the file has grown over it, which the media see to.
    #[cfg(unix)]
    pub(super) fn map(file: &File, len: usize) -> io::Result<Self> {
        // SAFETY: the mapping is read-only and shared. The file changes under it only by the engine's own positional
        // writes, which spare every byte that is handed out as a slice, and by other processes only against the
        // directory lock.
        let map = unsafe { memmap2::MmapOptions::new().len(len).map(file)? };
        let base = NonNull::new(map.as_ptr().cast_mut()).expect("a mapping is never at address zero");
        Ok(Self { base, len, memory: Memory::File(map) })
    }

    /// Allocates `len` zero bytes on a 64-byte boundary.
    pub(super) fn allocate(len: usize) -> io::Result<Self> {
        let full = || io::Error::from(io::ErrorKind::OutOfMemory);
        let layout = Layout::from_size_align(len.max(64), 64).map_err(|_| full())?;
        // SAFETY: the layout has a size above zero.
        let pointer = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(pointer).ok_or_else(full)?;
        Ok(Self { base, len, memory: Memory::Allocation(layout) })
    }

    /// Takes `len` addresses of zero bytes, on a 64-byte boundary, that cost no memory until they are written. In pages
    /// of the usual size at first, then in huge ones, where the system has them. An error where it has no such addresses
    /// to give.
    pub(super) fn reserve(len: usize) -> io::Result<Self> {
        #[cfg(all(unix, target_pointer_width = "64", not(miri)))]
        {
            if counts_addresses() {
                return Err(io::Error::from(io::ErrorKind::Unsupported));
            }
            let mut map = memmap2::MmapOptions::new().len(len).no_reserve_swap().map_anon()?;
            #[cfg(target_os = "linux")]
            {
                /// Bytes in pages of the usual size: what is small should stay so.
                const FINE: usize = 4 << 20;
                let _ = map.advise_range(memmap2::Advice::HugePage, FINE.min(len), len.saturating_sub(FINE));
            }
            let base = NonNull::new(map.as_mut_ptr()).expect("a mapping is never at address zero");
            Ok(Self { base, len, memory: Memory::Reserve(map) })
        }
        #[cfg(not(all(unix, target_pointer_width = "64", not(miri))))]
        {
            let _ = len;
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether the engine may write it.
    fn is_ours(&self) -> bool {
        #[cfg(unix)]
        return !matches!(self.memory, Memory::File(_));
        #[cfg(not(unix))]
        true
    }

    /// The `len` bytes at `at`.
    ///
    /// # Panics
    /// Past the end of the region.
    pub(super) fn slice(&self, at: usize, len: usize) -> &[u8] {
        self.check(at, len);
        // SAFETY: the range lies within the region (checked), which lives as long as `self`; its bytes are initialised
        // (a file's, or zeroed at allocation) and not changed while the slice lives (the rule at the head).
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(at), len) }
    }

    /// The word at `at`, as it is at this moment.
    ///
    /// # Panics
    /// Past the end of the region, or off a boundary of a word.
    #[inline]
    pub(super) fn load(&self, at: usize) -> u64 {
        self.check(at, WORD);
        assert!(at.is_multiple_of(WORD), "a word on its boundary");
        u64::from_le(self.word(at).load(Ordering::Relaxed))
    }

    /// Copies the bytes at `at`. Unlike [`slice`](Self::slice), fit for bytes that are changed in place: they are loaded
    /// one atomic word at a time, so that a change may be caught half way, but nothing worse.
    ///
    /// # Panics
    /// Past the end of the region.
    #[inline]
    pub(super) fn copy_to(&self, at: usize, into: &mut [u8]) {
        self.check(at, into.len());
        if at.is_multiple_of(WORD) && into.len().is_multiple_of(WORD) {
            for (i, bytes) in into.chunks_exact_mut(WORD).enumerate() {
                bytes.copy_from_slice(&self.word(at + i * WORD).load(Ordering::Relaxed).to_le_bytes());
            }
            return;
        }
        for (i, byte) in into.iter_mut().enumerate() {
            *byte = self.byte(at + i).load(Ordering::Relaxed);
        }
    }

    /// Copies `bytes` to `at`, where others may be copying from meanwhile.
    ///
    /// # Panics
    /// As [`copy_from`](Self::copy_from).
    pub(super) fn change(&self, at: usize, bytes: &[u8]) {
        self.check(at, bytes.len());
        assert!(self.is_ours(), "a mapping of a file is never written");
        if at.is_multiple_of(WORD) && bytes.len().is_multiple_of(WORD) {
            for (i, word) in bytes.chunks_exact(WORD).enumerate() {
                let word = u64::from_le_bytes(word.try_into().expect("a chunk is a word"));
                self.word(at + i * WORD).store(word, Ordering::Relaxed);
            }
            return;
        }
        for (i, byte) in bytes.iter().enumerate() {
            self.byte(at + i).store(*byte, Ordering::Relaxed);
        }
    }

    /// The first `len` bytes, to read as a [`Mapped`] of a medium in which they begin at `start`.
    #[inline]
    pub(super) fn mapped(&self, start: u64, len: usize) -> Mapped<'_> {
        Mapped { base: self.base.as_ptr(), start, len: len.min(self.len), _region: PhantomData }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at.is_multiple_of(WORD) && at + WORD <= self.len);
        // SAFETY: the word lies within the region (checked by the callers, and here in debug builds) and on a boundary of
        // its size, because regions begin on one of 64 bytes. It is only ever accessed atomically while others may be
        // changing it: ranges that are handed out as slices are not changed (the rule at the head).
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(at).cast()) }
    }

    fn byte(&self, at: usize) -> &AtomicU8 {
        debug_assert!(at < self.len);
        // SAFETY: as in `word`; a byte needs no boundary.
        unsafe { AtomicU8::from_ptr(self.base.as_ptr().add(at)) }
    }

    /// Copies `bytes` to `at`, where nobody reads yet.
    ///
    /// # Panics
    /// Past the end of the region, or if it is a mapping of a file, which is read-only.
    pub(super) fn copy_from(&self, at: usize, bytes: &[u8]) {
        self.check(at, bytes.len());
        assert!(self.is_ours(), "a mapping of a file is never written");
        // SAFETY: the target range lies within memory of ours (checked) that no slice handed out covers (the
        // rule at the head), so it cannot overlap `bytes`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.as_ptr().add(at), bytes.len()) }
    }

    /// Tells the kernel whether a mapping of a file will be read in order, or here and there.
    #[cfg(unix)]
    pub(super) fn read_in_order(&self, in_order: bool) -> io::Result<()> {
        let Memory::File(map) = &self.memory else { return Ok(()) };
        map.advise(if in_order { memmap2::Advice::Sequential } else { memmap2::Advice::Random })
    }

    /// Gives back the pages that a mapping of a file has in this process's memory.
    #[cfg(unix)]
    pub(super) fn let_go(&self) -> io::Result<()> {
        let Memory::File(map) = &self.memory else { return Ok(()) };
        // SAFETY: a shared mapping that is never written loses only its way to the pages of the file, which stay in the page
        // cache as they are: the next look finds the same bytes there.
        unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) }
    }

    fn check(&self, at: usize, len: usize) {
        assert!(at <= self.len && len <= self.len - at, "range {at}+{len} is outside a region of {}", self.len);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        match self.memory {
            // Unmaps itself.
            #[cfg(unix)]
            Memory::File(_) | Memory::Reserve(_) => {}
            // SAFETY: allocated with this layout in `allocate`, and nothing that borrows from it can outlive `self`.
            Memory::Allocation(layout) => unsafe { dealloc(self.base.as_ptr(), layout) },
        }
    }
}

/// Whether the system counts addresses as memory before they are written (`vm.overcommit_memory` is 2).
#[cfg(all(unix, target_pointer_width = "64", not(miri)))]
fn counts_addresses() -> bool {
    static COUNTS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let look = || std::fs::read("/proc/sys/vm/overcommit_memory").is_ok_and(|mode| mode.starts_with(b"2"));
    *COUNTS.get_or_init(look)
}

/// The part of a medium that lies in memory as one run: all of it, or most.
#[derive(Debug, Clone, Copy)]
pub struct Mapped<'a> {
    base: *const u8,
    /// Offset in the medium of what lies at `base`.
    start: u64,
    len: usize,
    _region: PhantomData<&'a Region>,
}

impl<'a> Mapped<'a> {
    /// Shows nothing.
    pub const NONE: Self = Self { base: std::ptr::null(), start: 0, len: 0, _region: PhantomData };

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where in memory, from the base, `len` bytes at `offset` lie; `None` if not all of them are here.
    #[inline(always)]
    fn position_of(&self, offset: u64, len: usize) -> Option<usize> {
        // What lies before the start is far beyond the end.
        let at = offset.wrapping_sub(self.start);
        (at <= self.len as u64 && len <= self.len - at as usize).then_some(at as usize)
    }

    /// `len` bytes at `offset`, as [`Medium::read`](super::medium::Medium::read) borrows them; `None` if not all of them are here.
    #[inline(always)]
    pub(crate) fn slice(&self, offset: u64, len: usize) -> Option<&'a [u8]> {
        let at = self.position_of(offset, len)?;
        // SAFETY: the range lies within a region that is borrowed for 'a (checked; of no region, only an empty range
        // passes, which this line excludes), and as with `Region::slice` its bytes do not change meanwhile.
        (len > 0).then(|| unsafe { std::slice::from_raw_parts(self.base.add(at), len) })
    }

    /// The cache line at `offset`, word by word; it may be being changed, as in [`Region::copy_to`].
    #[inline(always)]
    pub(crate) fn words(&self, offset: u64) -> Option<[u64; LINE / WORD]> {
        let at = self.position_of(offset, LINE).filter(|at| at.is_multiple_of(LINE))?;
        Some(std::array::from_fn(|i| {
            // SAFETY: the word lies within a region that is borrowed for 'a and on a boundary of its size (both checked:
            // regions begin on one of a line). What may be changing is only ever accessed atomically.
            let word = unsafe { AtomicU64::from_ptr(self.base.cast_mut().add(at + i * WORD).cast()) };
            u64::from_le(word.load(Ordering::Relaxed))
        }))
    }

    /// As [`Medium::prefetch`](super::medium::Medium::prefetch).
    #[inline(always)]
    pub(crate) fn prefetch(&self, offset: u64, len: usize) {
        let at = offset.wrapping_sub(self.start);
        for line in [0, LINE, len] {
            let at = at.saturating_add(line as u64);
            if at < self.len as u64 {
                // SAFETY: the address lies within the region (checked); a prefetch reads nothing and never faults.
                #[cfg(target_arch = "x86_64")]
                unsafe {
                    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                    _mm_prefetch::<_MM_HINT_T0>(self.base.add(at as usize).cast());
                }
            }
        }
    }
}

const SHARDS: usize = 8;

/// One reference count on a cache line of its own.
#[repr(align(128))]
struct Shard(Arc<Region>);

/// A region that many threads pin at once: the reference count is split, so that they do not meet on one cache line.
pub(super) struct SharedRegion([Arc<Shard>; SHARDS]);

impl SharedRegion {
    pub(super) fn new(region: Region) -> Self {
        let region = Arc::new(region);
        Self(std::array::from_fn(|_| Arc::new(Shard(Arc::clone(&region)))))
    }

    /// A slice that keeps the region alive by itself.
    pub(super) fn pin(&self, at: usize, len: usize) -> MappedSlice {
        let bytes = NonNull::from(self.slice(at, len)).cast();
        MappedSlice { _region: Arc::clone(&self.0[this_thread() % SHARDS]), bytes, len }
    }
}

impl Deref for SharedRegion {
    type Target = Region;
    fn deref(&self) -> &Region {
        &self.0[0].0
    }
}

/// Bytes in a mapping, which this keeps alive.
pub struct MappedSlice {
    _region: Arc<Shard>,
    bytes: NonNull<u8>,
    len: usize,
}

// SAFETY: a shared, read-only view of memory that the region keeps alive from any thread.
unsafe impl Send for MappedSlice {}
// SAFETY: as above.
unsafe impl Sync for MappedSlice {}

impl std::fmt::Debug for MappedSlice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MappedSlice").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Deref for MappedSlice {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `bytes` and `len` come from a slice of the region that `_region` keeps alive, and the bytes are not
        // changed while this lives (the rule at the head).
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr(), self.len) }
    }
}

/// A number, zero at first, that the system sets to zero in every forked child of this process. Made once, never freed.
///
/// Linux wipes a page of memory in the child however that was made; elsewhere a handler that `fork` calls does it.
#[cfg(unix)]
pub(super) fn zero_after_fork() -> &'static AtomicU64 {
    #[cfg(all(target_os = "linux", not(miri)))]
    if let Some(number) = wiped_on_fork() {
        return number;
    }
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    #[cfg(not(miri))]
    extern "C" fn wipe() {
        NUMBER.store(0, Ordering::Relaxed);
    }
    // SAFETY: the handler stores to a static and does nothing else, which is allowed in a child of any process.
    #[cfg(not(miri))]
    unsafe {
        libc::pthread_atfork(None, None, Some(wipe))
    };
    &NUMBER
}

#[cfg(all(target_os = "linux", not(miri)))]
fn wiped_on_fork() -> Option<&'static AtomicU64> {
    let page = memmap2::MmapMut::map_anon(size_of::<AtomicU64>()).ok()?;
    // SAFETY: the range is the mapping just made, private and anonymous, as this advice demands.
    let advised = unsafe { libc::madvise(page.as_ptr().cast_mut().cast(), page.len(), libc::MADV_WIPEONFORK) };
    if advised != 0 {
        return None;
    }
    let page = Box::leak(Box::new(page));
    // SAFETY: the mapping is at least as long as the number, aligned to a page, zeroed, never unmapped (leaked), and
    // reached through this reference alone.
    Some(unsafe { AtomicU64::from_ptr(page.as_mut_ptr().cast()) })
}
