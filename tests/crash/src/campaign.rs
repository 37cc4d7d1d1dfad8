//! Running workloads on a simulated disk, cutting the power after every change of it, and looking at what is left.

use crate::disk::{Call, Disk, Fate, Image, SimVolume};
use crate::model::{self, KEYS, Model, NAME, Op};
use jvdb_core::testing::deferred_index;
use jvdb_core::{Database, Error, Storage};
use std::sync::{Arc, Mutex, PoisonError};

/// The errno of a broken disk.
const EIO: i32 = 5;

/// How hard to look.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// A point with at most this many images has all of them looked at.
    pub exhaustive: u64,
    /// Images looked at where there are more.
    pub sample: u64,
    /// One image in so many is written to further, and the power cut again.
    pub second_life: u64,
}

/// How disk and engine behave while a workload runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// About one sync in so many fails; 0: none does.
    pub sync_failures: u8,
    /// Flushes leave the index to a later call, as they do where a thread sees to it.
    pub deferred: bool,
}

/// What was tried.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tried {
    /// Workloads.
    pub workloads: u64,
    /// Points at which the power was cut.
    pub points: u64,
    /// Images looked at.
    pub images: u64,
    /// Of those, images of points where every image was looked at.
    pub exhaustive: u64,
    /// Of the images, those of workloads whose flushes leave the index to a later call.
    pub deferred: u64,
}

impl Tried {
    /// Takes in what another campaign tried.
    pub fn add(&mut self, other: &Self) {
        self.workloads += other.workloads;
        self.points += other.points;
        self.images += other.images;
        self.exhaustive += other.exhaustive;
        self.deferred += other.deferred;
    }
}

/// A promise broken.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Seed of the workload and of every choice.
    pub seed: u64,
    /// How disk and engine behaved.
    pub manner: Manner,
    /// Shortest workload that was found to fail.
    pub workload: Vec<Op>,
    /// What was wrong.
    pub what: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "seed {}, {:?}, workload of {} operations:", self.seed, self.manner, self.workload.len())?;
        self.workload.iter().try_for_each(|op| writeln!(f, "    {op:?}"))
    }
}

/// A workload of up to `len` operations on a few names, so that they meet again and again.
pub fn workload(random: &mut fastrand::Rng, len: usize) -> Vec<Op> {
    let names = random.u8(2..KEYS);
    (0..len).map(|_| op(random, names)).collect()
}

fn op(random: &mut fastrand::Rng, names: u8) -> Op {
    let name = random.u8(..names);
    // Few values, so that an operation is often repeated to the byte.
    let value = random.u16(..6);
    match random.u8(..42) {
        0..16 => Op::Put(name, value),
        16..21 => Op::Delete(name),
        21..26 => Op::Batch((0..random.usize(1..6)).map(|_| part(random, names)).collect()),
        26 | 27 => Op::Attribute(name, value),
        28 => Op::RemoveAttribute(name),
        29..34 => Op::Flush,
        34 => Op::Compact,
        35 | 36 => Op::Reopen,
        37 | 38 => Op::Kill,
        39 => Op::Recreate,
        _ => Op::Attend,
    }
}

fn part(random: &mut fastrand::Rng, names: u8) -> Op {
    match random.u8(..3) {
        0 => Op::Delete(random.u8(..names)),
        _ => Op::Put(random.u8(..names), random.u16(..6)),
    }
}

/// What may be found after a power cut.
#[derive(Default)]
struct Expected {
    /// Content after each acknowledged operation; `None` while there is no database.
    states: Vec<Option<Model>>,
    /// What the operation under way may come to.
    coming: Vec<Option<Model>>,
    /// The first state that a power cut may bring back.
    durable: usize,
}

impl Expected {
    /// Whether an image may show this, and if so which state it is.
    fn place(&self, found: &Option<Model>, first: usize) -> Option<usize> {
        let acknowledged = (first..self.states.len()).rev().find(|place| self.states[*place] == *found);
        acknowledged.or_else(|| self.coming.contains(found).then_some(self.states.len()))
    }

    fn last(&self) -> usize {
        self.states.len() - 1
    }
}

struct Watcher {
    expected: Expected,
    random: fastrand::Rng,
    effort: Effort,
    tried: Tried,
    failed: Option<String>,
    life: u64,
}

type Shared = Arc<Mutex<Watcher>>;

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Watcher> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one workload with all its power cuts, and what is done after them in the same manner.
pub fn run(seed: u64, ops: &[Op], effort: Effort, manner: Manner) -> Result<Tried, Failure> {
    deferred_index::defer_index(manner.deferred);
    let mut tried = Tried::default();
    let done = match live(seed, ops, effort, manner, &mut tried) {
        None => Ok(tried),
        Some(what) => {
            let (workload, what) = shrink(seed, ops, effort, manner, what);
            Err(Failure { seed, manner, workload, what })
        }
    };
    deferred_index::defer_index(false);
    done
}

fn live(seed: u64, ops: &[Op], effort: Effort, manner: Manner, tried: &mut Tried) -> Option<String> {
    let expected = Expected { states: vec![None], ..Expected::default() };
    let what = live_on(&Disk::new(&Image::new(), 1), expected, seed, ops, effort, manner, tried);
    tried.workloads += 1;
    what
}

/// Leaves out operations for as long as what remains still fails.
fn shrink(seed: u64, ops: &[Op], effort: Effort, manner: Manner, mut what: String) -> (Vec<Op>, String) {
    let mut shortest = ops.to_vec();
    let mut at = 0;
    while at < shortest.len() {
        let mut shorter = shortest.clone();
        shorter.remove(at);
        match live(seed, &shorter, effort, manner, &mut Tried::default()) {
            Some(found) => (shortest, what) = (shorter, found),
            None => at += 1,
        }
    }
    (shortest, what)
}

fn live_on(
    disk: &Arc<Disk>,
    expected: Expected,
    seed: u64,
    ops: &[Op],
    effort: Effort,
    manner: Manner,
    tried: &mut Tried,
) -> Option<String> {
    let random = fastrand::Rng::with_seed(seed);
    let watcher = Watcher { expected, random, effort, tried: Tried::default(), failed: None, life: 2 };
    let shared: Shared = Arc::new(Mutex::new(watcher));
    let mut process = Process { disk: Arc::clone(disk), shared: Arc::clone(&shared), manner, running: None };
    let what = process.run(ops).err();
    process.die();
    let watcher = lock(&shared);
    tried.points += watcher.tried.points;
    tried.images += watcher.tried.images;
    tried.exhaustive += watcher.tried.exhaustive;
    tried.deferred += if manner.deferred { watcher.tried.images } else { 0 };
    watcher.failed.clone().or(what)
}

/// The engine at work on the disk.
struct Process {
    disk: Arc<Disk>,
    shared: Shared,
    manner: Manner,
    running: Option<(Storage, Database)>,
}

impl Process {
    fn run(&mut self, ops: &[Op]) -> Result<(), String> {
        self.retry_start()?;
        for op in ops {
            self.perform(op)?;
            if let Some(what) = &lock(&self.shared).failed {
                return Err(what.clone());
            }
        }
        Ok(())
    }

    /// Opens the directory, and makes the database if there is none.
    fn start(&mut self) -> Result<(), String> {
        self.watch();
        let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&self.disk))), model::options());
        let storage = storage.map_err(|error| format!("opening failed: {error}"))?;
        let db = match storage.database(NAME) {
            Ok(db) => db,
            Err(Error::NotFound { .. }) => {
                lock(&self.shared).expected.coming = vec![Some(Model::default())];
                let db = storage.create(NAME, model::schema()).map_err(|error| format!("creating failed: {error}"))?;
                self.acknowledge(Some(Model::default()), true);
                db
            }
            Err(error) => return Err(format!("opening failed: {error}")),
        };
        self.running = Some((storage, db));
        Ok(())
    }

    /// Cuts the power, in other worlds, after everything that changes the disk.
    fn watch(&self) {
        let shared = Arc::clone(&self.shared);
        self.disk.after_change(Some(Box::new(move |disk| lock(&shared).look(disk))));
        let (sync_failures, shared) = (self.manner.sync_failures, Arc::clone(&self.shared));
        self.disk.on_call(Some(Box::new(move |call| {
            let fails = sync_failures > 0 && call == Call::Sync && lock(&shared).random.u8(..sync_failures) == 0;
            if fails { Fate::Fails(EIO) } else { Fate::Done }
        })));
    }

    fn acknowledge(&self, state: Option<Model>, durable: bool) {
        let mut watcher = lock(&self.shared);
        watcher.expected.states.push(state);
        watcher.expected.coming.clear();
        if durable {
            watcher.expected.durable = watcher.expected.last();
        }
    }

    fn last(&self) -> Model {
        lock(&self.shared).expected.states.last().cloned().flatten().unwrap_or_default()
    }

    fn perform(&mut self, op: &Op) -> Result<(), String> {
        let mut after = self.last();
        after.apply(op);
        let mut coming = vec![Some(after.clone())];
        if *op == Op::Recreate {
            coming.push(None);
        }
        lock(&self.shared).expected.coming = coming;
        let Some((storage, db)) = self.running.take() else { return Err("nothing is running".into()) };
        let done = match op {
            Op::Kill => Err(Error::Poisoned { database: NAME.into(), cause: "killed".into() }),
            Op::Reopen => {
                drop(db);
                storage.close().and_then(|()| {
                    self.acknowledge(Some(after.clone()), true);
                    self.start().map_err(|what| Error::NotFound { database: what })
                })
            }
            Op::Recreate => storage.drop_database(NAME).and_then(|()| {
                let db = storage.create(NAME, model::schema())?;
                self.running = Some((storage, db));
                Ok(())
            }),
            op => model::perform(&db, op).map(|()| self.running = Some((storage, db))),
        };
        match done {
            Ok(()) if *op == Op::Reopen => Ok(()),
            Ok(()) => {
                self.acknowledge(Some(after), matches!(op, Op::Flush | Op::Compact | Op::Recreate));
                Ok(())
            }
            // Killed, or a sync failed: the next life finds what the cache holds.
            Err(_) if *op == Op::Kill || self.manner.sync_failures > 0 => self.next_life(),
            Err(error) => Err(format!("{op:?} failed: {error}")),
        }
    }

    fn next_life(&mut self) -> Result<(), String> {
        let life = {
            let mut watcher = lock(&self.shared);
            watcher.life += 1;
            watcher.life
        };
        self.die();
        self.disk = self.disk.survive(life);
        {
            let found = look_at(&self.disk.cached(), life).map_err(|what| format!("after a kill: {what}"))?;
            let mut watcher = lock(&self.shared);
            let Some(place) = watcher.expected.place(&found, watcher.expected.last()) else {
                return Err("a kill lost something acknowledged".into());
            };
            if place > watcher.expected.last() {
                // The operation under way had come to something after all.
                watcher.expected.states.push(found);
            }
        }
        self.retry_start()
    }

    /// Opening may meet a failing sync itself; then there is another life.
    fn retry_start(&mut self) -> Result<(), String> {
        match self.start() {
            Err(_) if self.manner.sync_failures > 0 => self.next_life(),
            started => started,
        }
    }

    /// Stops without a trace: what a dying process does not do, it does unseen.
    fn die(&mut self) {
        self.disk.after_change(None);
        self.disk.on_call(None);
        let disk = self.disk.survive(0);
        let running = self.running.take();
        // Closing in order would write; the copy made before knows nothing of it.
        drop(running);
        self.disk = disk;
    }
}

impl Watcher {
    /// Cuts the power now, in as many ways as the effort allows.
    fn look(&mut self, disk: &Disk) {
        if self.failed.is_some() {
            return;
        }
        self.tried.points += 1;
        self.check(&disk.cached(), self.expected.last(), "a kill");
        let images = disk.images();
        if images <= self.effort.exhaustive {
            self.tried.exhaustive += images;
            let mut choices: Vec<(usize, usize)> = Vec::new();
            loop {
                let mut nth = 0;
                let image = disk.image(|n| {
                    if nth == choices.len() {
                        choices.push((0, n));
                    }
                    nth += 1;
                    choices[nth - 1].0
                });
                self.check(&image, self.expected.durable, "a power cut");
                // Counts up, the last choice first.
                while choices.last().is_some_and(|(choice, n)| choice + 1 == *n) {
                    choices.pop();
                }
                match choices.last_mut() {
                    Some((choice, _)) => *choice += 1,
                    None => break,
                }
            }
        } else {
            for _ in 0..self.effort.sample {
                // Now most of it reached the disk, now little.
                let bias = self.random.u8(..4);
                let random = &mut self.random;
                let image = disk.image(|n| match bias {
                    0 if random.u8(..8) > 0 => n - 1,
                    1 if random.u8(..8) > 0 => 0,
                    _ => random.usize(..n),
                });
                self.check(&image, self.expected.durable, "a power cut");
            }
        }
    }

    fn check(&mut self, image: &Image, first: usize, after: &str) {
        if self.failed.is_some() {
            return;
        }
        self.tried.images += 1;
        self.life += 1;
        let found = match look_at(image, self.life) {
            Ok(found) => found,
            Err(what) => return self.failed = Some(format!("after {after}: {what}")),
        };
        let Some(place) = self.expected.place(&found, first) else {
            let older = self.expected.states[..first].contains(&found);
            let what = if older { "an older state is back" } else { "a state that never was" };
            let allowed = &self.expected.states[first..];
            return self.failed = Some(format!("after {after}: {what}\n  found {found:?}\n  of {allowed:?}"));
        };
        let again = self.effort.second_life > 0 && self.random.u64(..self.effort.second_life) == 0;
        if again && let Some(state) = self.expected.states.get(place) {
            self.live_again(image, state.clone());
        }
    }

    /// Writes to an image, and cuts the power again.
    fn live_again(&mut self, image: &Image, state: Option<Model>) {
        let expected = Expected { states: vec![state], ..Expected::default() };
        let effort = Effort { exhaustive: 8, sample: 2, second_life: 0 };
        let seed = self.random.u64(..);
        let ops = workload(&mut fastrand::Rng::with_seed(seed), 5);
        let mut tried = Tried::default();
        let what = live_on(&Disk::new(image, self.life), expected, seed, &ops, effort, Manner::default(), &mut tried);
        self.tried.images += tried.images;
        self.tried.points += tried.points;
        self.failed = what.map(|what| format!("in the life after a power cut, doing {ops:?}: {what}"));
    }
}

/// What a start after the power came back finds.
pub(crate) fn look_at(image: &Image, life: u64) -> Result<Option<Model>, String> {
    let volume = SimVolume(Disk::new(image, life));
    let storage = Storage::on(Arc::new(volume), model::options()).map_err(|error| error.to_string())?;
    model::read_all(&storage)
}
