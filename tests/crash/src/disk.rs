//! The simulated disk: a volume whose files know which of their sectors are durable.
//!
//! A sector is 512 bytes and changes as a whole. Until a file is synced, a power cut may leave any of its sectors in any
//! version since the last sync, and any length between; until the directory is synced, any beginning of the row of
//! creations, renames and removals. It never checks what is written; it does not know what a database is.
//!
//! Here is the directory, and what a power cut may leave of it; `inode` is one file, `call` what may become of a call, and
//! `volume` what the engine sees.

mod call;
mod inode;
mod volume;

pub use call::{Call, Fate};
pub use inode::SECTOR;
pub use volume::SimVolume;

use inode::{Inode, Left};
use std::collections::BTreeMap;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Contents of a directory: what a power cut leaves, and what the next start finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    files: BTreeMap<String, Vec<u8>>,
    /// What the disk holds behind the ends of files, where nobody sees it.
    beyond: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<const N: usize> From<[(String, Vec<u8>); N]> for Image {
    fn from(files: [(String, Vec<u8>); N]) -> Self {
        Self { files: files.into(), beyond: BTreeMap::new() }
    }
}

impl Deref for Image {
    type Target = BTreeMap<String, Vec<u8>>;
    fn deref(&self) -> &Self::Target {
        &self.files
    }
}

impl DerefMut for Image {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.files
    }
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
        let inode = |(name, bytes): (&String, &Vec<u8>)| {
            let beyond = image.beyond.get(name).cloned().unwrap_or_default();
            let inode = Inode { cached: bytes.clone(), durable: bytes.clone(), beyond, ..Inode::default() };
            (name.clone(), Arc::new(Mutex::new(inode)))
        };
        let names: Names = image.iter().map(inode).collect();
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
        let files = state.names.iter().map(|(name, inode)| (name.clone(), lock(inode).cached.clone())).collect();
        Image { files, beyond: BTreeMap::new() }
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
        let mut cut: Vec<(*const Mutex<Inode>, Left)> = Vec::new();
        for inode in all_inodes(&state) {
            let left = lock(&inode).cut(&mut choose);
            cut.push((Arc::as_ptr(&inode), left));
        }
        let mut image = Image::new();
        for (name, inode) in &names {
            let left = cut.iter().find(|(known, _)| *known == Arc::as_ptr(inode)).map(|(_, left)| left.clone());
            let (bytes, beyond) = left.unwrap_or_default();
            image.files.insert(name.clone(), bytes);
            image.beyond.insert(name.clone(), beyond);
        }
        image
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
