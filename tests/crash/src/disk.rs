//! The simulated disk: a volume whose files know which of their sectors are durable.
//!
//! A sector is 512 bytes and changes as a whole. Until a file is synced, a power cut may leave any of its sectors in any
//! version since the last sync, and any length between; until the directory is synced, any beginning of the row of
//! creations, renames and removals. It never checks what is written; it does not know what a database is.

use jvdb_core::medium::{Medium, Permit, Volume};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that a disk writes as one.
pub const SECTOR: usize = 512;

/// Contents of a directory: what a power cut leaves, and what the next start finds.
pub type Image = BTreeMap<String, Vec<u8>>;

type Sector = [u8; SECTOR];

/// One file: what is in the cache, what is on the disk, and what lies between.
#[derive(Default, Clone)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Versions of each sector since the last sync, oldest first.
    pending: BTreeMap<usize, Vec<Sector>>,
    /// Lengths since the last sync, oldest first.
    lengths: Vec<usize>,
}

/// A change of the directory.
#[derive(Clone)]
enum Step {
    Link(String, Arc<Mutex<Inode>>),
    Rename(String, String),
    Remove(String),
}

type Names = BTreeMap<String, Arc<Mutex<Inode>>>;

#[derive(Default)]
struct State {
    names: Names,
    durable_names: Names,
    steps: Vec<Step>,
}

/// What happens to a call, decided by whoever runs the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Done,
    /// It fails, and nothing is done. A sync that fails has dropped some of what it was to write.
    Fails(i32),
    /// So many 256ths of a write are done, then it fails. What is overwritten is overwritten by whole sectors.
    Short(i32, u8),
    /// All of it is done, and it says that it failed.
    Late(i32),
    /// A sync fails and has dropped all that it was to write. The cache shows it still, as clean.
    Drops(i32),
    /// As before, and the cache shows what the disk holds.
    Reverts(i32),
}

impl Fate {
    /// The error it ends in, if it does.
    pub fn errno(self) -> Option<i32> {
        match self {
            Self::Done => None,
            Self::Fails(errno) | Self::Short(errno, _) | Self::Late(errno) => Some(errno),
            Self::Drops(errno) | Self::Reverts(errno) => Some(errno),
        }
    }

    /// What the call comes to, once the disk has done its part.
    fn outcome(self) -> io::Result<()> {
        self.errno().map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    /// Whether a call that is done as a whole or not at all is done.
    fn does(self) -> bool {
        matches!(self, Self::Done | Self::Late(_))
    }
}

/// A call the disk was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Bytes into a file.
    Write,
    /// A file made durable.
    Sync,
    /// A file cut.
    Truncate,
    /// A file opened.
    Open,
    /// A file made.
    Create,
    /// A file renamed.
    Rename,
    /// A file removed.
    Remove,
    /// The directory made durable.
    SyncDirectory,
    /// Bytes out of a file.
    Read,
    /// The directory listed, or a file's length asked for.
    Look,
}

/// Decides what happens to the next call.
pub type Decide = Box<dyn FnMut(Call) -> Fate + Send>;
/// Called after each call that changed the disk.
pub type Watch = Box<dyn FnMut(&Disk) + Send>;

/// A disk that remembers.
pub struct Disk {
    state: Mutex<State>,
    decide: Mutex<Option<Decide>>,
    watch: Mutex<Option<Watch>>,
    identities: AtomicU64,
    clock: AtomicU64,
    failed_syncs: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// A disk that holds an image, all of it durable. `lives` tells how many lives came before: identities are never
    /// given twice.
    pub fn new(image: &Image, lives: u64) -> Arc<Self> {
        let inode = |bytes: &Vec<u8>| Inode { cached: bytes.clone(), durable: bytes.clone(), ..Inode::default() };
        let names: Names =
            image.iter().map(|(name, bytes)| (name.clone(), Arc::new(Mutex::new(inode(bytes))))).collect();
        Arc::new(Self {
            state: Mutex::new(State { durable_names: names.clone(), names, steps: Vec::new() }),
            decide: Mutex::new(None),
            watch: Mutex::new(None),
            identities: AtomicU64::new(lives << 32),
            clock: AtomicU64::new(0),
            failed_syncs: Mutex::default(),
        })
    }

    /// Lets `decide` choose the fate of every call from now on.
    pub fn on_call(&self, decide: Option<Decide>) {
        *lock(&self.decide) = decide;
    }

    /// Calls `watch` after every change from now on.
    pub fn after_change(&self, watch: Option<Watch>) {
        *lock(&self.watch) = watch;
    }

    /// What is in the cache: what the next process finds when this one is killed.
    pub fn cached(&self) -> Image {
        let state = lock(&self.state);
        state.names.iter().map(|(name, inode)| (name.clone(), lock(inode).cached.clone())).collect()
    }

    /// The same disk as the next process finds it when this one is killed: what was not durable still is not.
    pub fn survive(&self, lives: u64) -> Arc<Self> {
        let state = lock(&self.state);
        let mut copies: Vec<(*const Mutex<Inode>, Arc<Mutex<Inode>>)> = Vec::new();
        let mut copy = |inode: &Arc<Mutex<Inode>>| {
            let known = copies.iter().find(|(old, _)| *old == Arc::as_ptr(inode)).map(|(_, new)| Arc::clone(new));
            known.unwrap_or_else(|| {
                let new = Arc::new(Mutex::new(lock(inode).clone()));
                copies.push((Arc::as_ptr(inode), Arc::clone(&new)));
                new
            })
        };
        let mut names = |names: &Names| names.iter().map(|(name, inode)| (name.clone(), copy(inode))).collect();
        let (now, durable) = (names(&state.names), names(&state.durable_names));
        let steps = state.steps.iter().map(|step| match step {
            Step::Link(name, inode) => Step::Link(name.clone(), copy(inode)),
            other => other.clone(),
        });
        let state = State { names: now, durable_names: durable, steps: steps.collect() };
        let disk = Self::new(&Image::new(), lives);
        *lock(&disk.state) = state;
        disk
    }

    /// How many images a power cut now may leave; saturates.
    pub fn images(&self) -> u64 {
        let state = lock(&self.state);
        let mut count = state.steps.len() as u64 + 1;
        for inode in all_inodes(&state) {
            let inode = lock(&inode);
            let lengths = inode.lengths.len() as u64 + 1;
            let sectors = inode.pending.values().map(|versions| versions.len() as u64 + 1);
            count = sectors.fold(count.saturating_mul(lengths), u64::saturating_mul);
        }
        count
    }

    /// One of the images that a power cut now may leave. `choose(n)` answers each question with a number below `n`;
    /// all answers together give all images.
    pub fn image(&self, mut choose: impl FnMut(usize) -> usize) -> Image {
        let state = lock(&self.state);
        let mut names = state.durable_names.clone();
        let kept = choose(state.steps.len() + 1);
        for step in &state.steps[..kept] {
            apply(step, &mut names);
        }
        let mut cut: Vec<(*const Mutex<Inode>, Vec<u8>)> = Vec::new();
        for inode in all_inodes(&state) {
            let bytes = lock(&inode).cut(&mut choose);
            cut.push((Arc::as_ptr(&inode), bytes));
        }
        let bytes_of = |inode: &Arc<Mutex<Inode>>| {
            cut.iter()
                .find(|(known, _)| *known == Arc::as_ptr(inode))
                .map(|(_, bytes)| bytes.clone())
                .unwrap_or_default()
        };
        names.iter().map(|(name, inode)| (name.clone(), bytes_of(inode))).collect()
    }

    fn fate(&self, call: Call) -> Fate {
        // Taken out while it runs, so that what it does to this disk is not asked about.
        let Some(mut decide) = lock(&self.decide).take() else { return Fate::Done };
        let fate = decide(call);
        lock(&self.decide).get_or_insert(decide);
        fate
    }

    /// For calls that change nothing.
    fn allow(&self, call: Call) -> io::Result<()> {
        self.fate(call).outcome()
    }

    /// Names of the files whose sync failed since this was asked last.
    pub fn take_failed_syncs(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.failed_syncs))
    }

    fn note_failed_sync(&self, inode: &Arc<Mutex<Inode>>) {
        let state = lock(&self.state);
        let name = state.names.iter().find(|(_, known)| Arc::ptr_eq(known, inode)).map(|(name, _)| name.clone());
        lock(&self.failed_syncs).extend(name);
    }

    fn changed(&self) {
        // Taken out while it runs, so that what it does to this disk does not call it again.
        let watch = lock(&self.watch).take();
        if let Some(mut watch) = watch {
            watch(self);
            lock(&self.watch).get_or_insert(watch);
        }
    }
}

/// Every inode once, in an order that does not change.
fn all_inodes(state: &State) -> Vec<Arc<Mutex<Inode>>> {
    let mut inodes: Vec<Arc<Mutex<Inode>>> = Vec::new();
    let linked = state.steps.iter().filter_map(|step| match step {
        Step::Link(_, inode) => Some(inode),
        _ => None,
    });
    for inode in state.durable_names.values().chain(linked).chain(state.names.values()) {
        if !inodes.iter().any(|known| Arc::ptr_eq(known, inode)) {
            inodes.push(Arc::clone(inode));
        }
    }
    inodes
}

fn apply(step: &Step, names: &mut Names) {
    match step {
        Step::Link(name, inode) => drop(names.insert(name.clone(), Arc::clone(inode))),
        Step::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Step::Remove(name) => drop(names.remove(name)),
    }
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.cached.len() {
            self.cached.resize(end, 0);
            self.lengths.push(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            let version = sector_of(&self.cached, sector);
            self.pending.entry(sector).or_default().push(version);
        }
    }

    fn truncate(&mut self, len: usize) {
        self.cached.resize(len, 0);
        self.lengths.push(len);
        let last = len / SECTOR;
        // Sectors beyond the new end may still be there if the old length is.
        if !len.is_multiple_of(SECTOR) && self.pending.contains_key(&last) {
            let version = sector_of(&self.cached, last);
            self.pending.entry(last).or_default().push(version);
        }
    }

    fn sync(&mut self) {
        let old = std::mem::take(&mut self.durable);
        self.durable = vec![0; self.cached.len()];
        let kept = old.len().min(self.durable.len());
        self.durable[..kept].copy_from_slice(&old[..kept]);
        for sector in std::mem::take(&mut self.pending).into_keys() {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(self.cached.len());
            if start < end {
                self.durable[start..end].copy_from_slice(&self.cached[start..end]);
            }
        }
        self.lengths.clear();
    }

    /// A failed sync: some of it reached the disk, the rest is in the cache and counts as clean.
    fn drop_pages(&mut self, mut choose: impl FnMut(usize) -> usize) {
        let cut = self.cut(&mut choose);
        self.durable = cut;
        self.pending.clear();
        self.lengths.clear();
    }

    /// The cache shows what the disk holds. The file keeps its length; what the disk never had reads as zeros.
    fn revert(&mut self) {
        let len = self.cached.len();
        self.cached.clone_from(&self.durable);
        self.cached.resize(len, 0);
    }

    /// How much of a write is done that ends in so many 256ths of it.
    fn part(&self, offset: usize, len: usize, share: u8) -> usize {
        let end = offset + len * usize::from(share) / 256;
        let end = if end < self.cached.len() { end / SECTOR * SECTOR } else { end };
        end.saturating_sub(offset)
    }

    fn cut(&self, choose: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        let len = match choose(self.lengths.len() + 1) {
            0 => self.durable.len(),
            nth => self.lengths[nth - 1],
        };
        let mut bytes = self.durable.clone();
        bytes.resize(len, 0);
        for (sector, versions) in &self.pending {
            let nth = choose(versions.len() + 1);
            let start = sector * SECTOR;
            if nth > 0 && start < len {
                let end = (start + SECTOR).min(len);
                bytes[start..end].copy_from_slice(&versions[nth - 1][..end - start]);
            }
        }
        bytes
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> Sector {
    let mut version = [0; SECTOR];
    let start = sector * SECTOR;
    let end = (start + SECTOR).min(bytes.len());
    version[..end - start].copy_from_slice(&bytes[start..end]);
    version
}

/// An open file of a disk.
struct Opened {
    disk: Arc<Disk>,
    inode: Arc<Mutex<Inode>>,
    seed: u64,
}

impl Medium for Opened {
    fn len(&self) -> u64 {
        lock(&self.inode).cached.len() as u64
    }

    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.disk.allow(Call::Read)?;
        let inode = lock(&self.inode);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let found = start.checked_add(into.len()).and_then(|end| inode.cached.get(start..end));
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8], _: Permit) -> io::Result<()> {
        let fate = self.disk.fate(Call::Write);
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut inode = lock(&self.inode);
        match fate {
            Fate::Short(_, share) => {
                let part = inode.part(offset, bytes.len(), share);
                if part > 0 {
                    inode.write(offset, &bytes[..part]);
                }
            }
            fate if fate.does() => inode.write(offset, bytes),
            _ => {}
        }
        drop(inode);
        self.disk.changed();
        fate.outcome()
    }

    fn sync(&self) -> io::Result<()> {
        let fate = self.disk.fate(Call::Sync);
        let mut inode = lock(&self.inode);
        match fate {
            Fate::Done | Fate::Late(_) => inode.sync(),
            Fate::Fails(_) | Fate::Short(..) => {
                let mut random = fastrand::Rng::with_seed(self.seed);
                inode.drop_pages(|n| random.usize(..n));
            }
            Fate::Drops(_) => inode.drop_pages(|_| 0),
            Fate::Reverts(_) => {
                inode.drop_pages(|_| 0);
                inode.revert();
            }
        }
        drop(inode);
        if fate != Fate::Done {
            self.disk.note_failed_sync(&self.inode);
        }
        self.disk.changed();
        fate.outcome()
    }

    fn truncate(&self, len: u64, _: Permit) -> io::Result<()> {
        let fate = self.disk.fate(Call::Truncate);
        if fate.does() {
            lock(&self.inode).truncate(usize::try_from(len).map_err(io::Error::other)?);
            self.disk.changed();
        }
        fate.outcome()
    }
}

/// The disk as the engine sees it.
pub struct SimVolume(pub Arc<Disk>);

impl SimVolume {
    fn opened(&self, inode: Arc<Mutex<Inode>>) -> Box<dyn Medium> {
        Box::new(Opened { disk: Arc::clone(&self.0), inode, seed: self.0.identities.fetch_add(1, Relaxed) })
    }

    fn find(&self, file: &str) -> io::Result<Arc<Mutex<Inode>>> {
        lock(&self.0.state).names.get(file).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn step(&self, call: Call, step: Step) -> io::Result<()> {
        let fate = self.0.fate(call);
        if fate.does() {
            self.take(step);
        }
        fate.outcome()
    }

    fn take(&self, step: Step) {
        let mut state = lock(&self.0.state);
        apply(&step, &mut state.names);
        state.steps.push(step);
        drop(state);
        self.0.changed();
    }
}

impl Volume for SimVolume {
    fn path(&self) -> &str {
        "sim"
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.allow(Call::Look)?;
        Ok(lock(&self.0.state).names.keys().cloned().collect())
    }

    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.0.allow(Call::Open)?;
        Ok(self.opened(self.find(file)?))
    }

    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        let inode = Arc::new(Mutex::new(Inode::default()));
        self.step(Call::Create, Step::Link(file.into(), Arc::clone(&inode)))?;
        Ok(self.opened(inode))
    }

    fn size(&self, file: &str) -> io::Result<u64> {
        self.0.allow(Call::Look)?;
        Ok(lock(&*self.find(file)?).cached.len() as u64)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.find(from)?;
        self.step(Call::Rename, Step::Rename(from.into(), to.into()))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.find(file)?;
        self.step(Call::Remove, Step::Remove(file.into()))
    }

    fn sync(&self) -> io::Result<()> {
        let fate = self.0.fate(Call::SyncDirectory);
        if fate.does() {
            let mut state = lock(&self.0.state);
            state.durable_names = state.names.clone();
            state.steps.clear();
            drop(state);
            self.0.changed();
        }
        fate.outcome()
    }

    fn entropy(&self) -> [u8; 16] {
        let number = self.0.identities.fetch_add(1, Relaxed);
        xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes()).to_le_bytes()
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.0.clock.fetch_add(1, Relaxed))
    }

    fn has_threads(&self) -> bool {
        false
    }
}
