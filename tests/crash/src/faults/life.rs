//! One case: a workload on a disk of which one call fails, or all from one on, and everything that must hold after it.
//!
//! The engine goes on after the fault, as a server would. A call that met the fault must say so with the disk's own error
//! and have had no effect; after a failed sync of the database's file, and only then, all writes must be refused; reads
//! must go on. In the end the process dies, the power fails, and a healthy disk must give everything back.

use super::Step;
use super::kind::{Flaw, Kind};
use super::ledger::{Content, Ledger, Moment, Verdict};
use crate::campaign::look_at;
use crate::disk::{Call, Disk, Fate, Image, SimVolume};
use crate::model::{self, Model, NAME, Op};
use jvdb_core::{Database, Error, Options, Storage};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// File of the database under test.
const FILE: &str = "d.jvdb";
/// Databases that are there to have the one under test evicted: as many as may be open.
const OTHERS: [&str; 5] = ["e0", "e1", "e2", "e3", "e4"];
/// Power cuts tried while the workload goes on after the fault, and after its end.
const CUTS: u32 = 3;

/// How the engine is used.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Flushes start by themselves after a few operations.
    pub eager: bool,
    /// Flushes leave the index to a later call, as they do where a thread sees to it.
    pub deferred: bool,
}

/// Which call fails, and how.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub kind: Kind,
    pub errno: i32,
    /// The first of the calls of that sort that fails.
    pub nth: u64,
    pub seed: u64,
    pub manner: Manner,
}

/// What the disk's side and the engine's side both see.
struct Shared {
    case: Case,
    ledger: Ledger,
    random: fastrand::Rng,
    calls: BTreeMap<Call, u64>,
    fired: u64,
    /// Nothing fails: somebody only looks.
    paused: bool,
    /// The next write is done in part and fails, whatever the case is about.
    stumbles: bool,
    cuts: u32,
    life: u64,
    broken: Option<Verdict>,
}

impl Shared {
    fn fate(&mut self, call: Call) -> Fate {
        if self.paused {
            return Fate::Done;
        }
        let number = *self.calls.entry(call).and_modify(|count| *count += 1).or_insert(1) - 1;
        let Case { kind, errno, nth, .. } = self.case;
        if call == Call::Write && std::mem::take(&mut self.stumbles) {
            self.fired += 1;
            return Fate::Short(errno, self.random.u8(..));
        }
        if call != kind.call || number < nth || (number > nth && !kind.lasting) {
            return Fate::Done;
        }
        self.fired += 1;
        if kind.flaw == Flaw::Reverts {
            self.ledger.revert();
        }
        kind.fate(errno, self.random.u8(..))
    }

    /// After a change of the disk: cuts the power, in another world.
    fn changed(&mut self, disk: &Disk) {
        if self.fired > 0 && self.cuts > 0 && self.random.u8(..4) == 0 {
            self.cuts -= 1;
            self.cut(disk);
        }
    }

    fn cut(&mut self, disk: &Disk) {
        let bias = self.random.u8(..4);
        let random = &mut self.random;
        let image = disk.image(|n| match bias {
            0 => 0,
            1 if random.u8(..8) > 0 => n - 1,
            2 if random.u8(..8) > 0 => 0,
            _ => random.usize(..n),
        });
        self.life += 1;
        if let Err(verdict) = self.ledger.check(look_at(&image, self.life), Moment::PowerCut) {
            self.broken.get_or_insert(verdict);
        }
    }
}

type Handle = Arc<Mutex<Shared>>;

fn lock(shared: &Handle) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The directory that all workloads begin with: the other databases, each with something in it.
pub fn directory() -> Image {
    static MADE: OnceLock<Image> = OnceLock::new();
    let make = || {
        let disk = Disk::new(&Image::new(), 1);
        let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&disk))), model::options()).expect("a sound disk");
        for name in OTHERS {
            let db = storage.create(name, model::schema()).expect("a sound disk");
            model::perform(&db, &Op::Put(1, 1)).expect("a sound disk");
        }
        storage.close().expect("a sound disk");
        disk.cached()
    };
    MADE.get_or_init(make).clone()
}

/// The engine at work on the disk.
pub struct Life {
    disk: Arc<Disk>,
    shared: Handle,
    storage: Option<Storage>,
    db: Option<Database>,
    poisoned: bool,
}

impl Life {
    /// Runs a case to its end. Returns how many calls of each sort it made.
    pub fn run(case: Case, base: &Image, steps: &[Step]) -> Result<BTreeMap<Call, u64>, Verdict> {
        let shared = Shared {
            case,
            ledger: Ledger::new(None),
            random: fastrand::Rng::with_seed(case.seed),
            calls: BTreeMap::new(),
            fired: 0,
            paused: false,
            stumbles: false,
            cuts: CUTS,
            life: 2,
            broken: None,
        };
        let shared = Arc::new(Mutex::new(shared));
        let mut life = Self { disk: Disk::new(base, 2), shared, storage: None, db: None, poisoned: false };
        life.watch();
        let lived = steps.iter().try_for_each(|step| life.step(step));
        let ended = lived.and_then(|()| life.end());
        life.disk.after_change(None);
        life.disk.on_call(None);
        ended.map(|()| std::mem::take(&mut lock(&life.shared).calls))
    }

    fn watch(&self) {
        let shared = Arc::clone(&self.shared);
        self.disk.after_change(Some(Box::new(move |disk| lock(&shared).changed(disk))));
        let shared = Arc::clone(&self.shared);
        self.disk.on_call(Some(Box::new(move |call| lock(&shared).fate(call))));
    }

    fn options(&self) -> Options {
        let eager = lock(&self.shared).case.manner.eager;
        model::options().max_unflushed_operations(if eager { 3 } else { 1_000_000 })
    }

    fn step(&mut self, step: &Step) -> Result<(), Verdict> {
        if self.start()? {
            match step {
                Step::Read => self.read()?,
                Step::Evict => self.evict()?,
                Step::Stumble(op) => {
                    lock(&self.shared).stumbles = true;
                    self.write(op)?;
                    lock(&self.shared).stumbles = false;
                }
                Step::Do(Op::Reopen) => self.reopen()?,
                Step::Do(Op::Kill) => self.die()?,
                Step::Do(Op::Recreate) => self.recreate()?,
                Step::Do(op) => self.write(op)?,
            }
        }
        let broken = lock(&self.shared).broken.take();
        broken.map_or(Ok(()), Err)
    }

    /// Opens what is not open, and makes the database if there is none. False if the disk does not let it.
    fn start(&mut self) -> Result<bool, Verdict> {
        if self.storage.is_none() {
            let opened =
                self.call("open", |life| Storage::on(Arc::new(SimVolume(Arc::clone(&life.disk))), life.options()))?;
            self.storage = opened;
            self.poisoned = false;
            self.disk.take_failed_syncs();
        }
        let Some(storage) = self.storage.take() else { return Ok(false) };
        let done = self.acquire(&storage);
        self.storage = Some(storage);
        done.map(|()| self.db.is_some())
    }

    fn acquire(&mut self, storage: &Storage) -> Result<(), Verdict> {
        if self.db.is_some() {
            return Ok(());
        }
        let there = lock(&self.shared).ledger.last().is_some();
        let opened = self.call("open", |_| match storage.database(NAME) {
            Err(Error::NotFound { .. }) if !there => Ok(None),
            opened => opened.map(Some),
        })?;
        match opened {
            Some(None) => {
                lock(&self.shared).ledger.begin([Some(Model::default())]);
                self.db = self.call("create", |_| storage.create(NAME, model::schema()))?;
                if self.db.is_some() {
                    self.poisoned = false;
                    let mut shared = lock(&self.shared);
                    shared.ledger.acknowledge(Some(Model::default()));
                    shared.ledger.make_durable();
                }
            }
            Some(Some(db)) => {
                // A creation that failed when the database was there already.
                if !there {
                    lock(&self.shared).ledger.acknowledge(Some(Model::default()));
                }
                self.db = Some(db);
            }
            None => {}
        }
        Ok(())
    }

    /// Makes a call that only opens or makes something, and looks at how it ended: `None` if the disk failed it.
    fn call<T>(&self, what: &str, call: impl FnOnce(&Self) -> jvdb_core::Result<T>) -> Result<Option<T>, Verdict> {
        let before = lock(&self.shared).fired;
        let result = call(self);
        let fired = lock(&self.shared).fired > before;
        match (result, fired) {
            (Ok(value), false) => Ok(Some(value)),
            (Ok(value), true) if self.is_done() => Ok(Some(value)),
            (Ok(_), true) => Err(Verdict::Undetected(format!("{what}: succeeded although the disk failed it"))),
            (Err(error), _) => self.judge(what, &error, fired, false).map(|()| None),
        }
    }

    /// Whether a success is one although the disk said otherwise: a name that was given or taken away all the same.
    fn is_done(&self) -> bool {
        let Kind { call, flaw, .. } = lock(&self.shared).case.kind;
        flaw == Flaw::Late && matches!(call, Call::Rename | Call::Remove)
    }

    /// Whether an error is the one that fits.
    fn judge(&self, what: &str, error: &Error, fired: bool, poisoned: bool) -> Result<(), Verdict> {
        let errno = lock(&self.shared).case.errno;
        let right = match error {
            Error::Io { source, path, .. } => fired && source.raw_os_error() == Some(errno) && !path.is_empty(),
            Error::Poisoned { .. } => poisoned,
            _ => false,
        };
        let wrong = || Verdict::Undetected(format!("{what}: the wrong error (fault met: {fired}): {error}"));
        if right { Ok(()) } else { Err(wrong()) }
    }

    /// Everything is read by the process that wrote it, with nothing failing; it must be what was acknowledged.
    fn look(&self) -> Result<(), Verdict> {
        let Some(db) = &self.db else { return Ok(()) };
        lock(&self.shared).paused = true;
        let found = model::read(db).map(Some);
        let mut shared = lock(&self.shared);
        shared.paused = false;
        // What the cache has forgotten may be an error, but never something else.
        if found.is_err() && shared.ledger.is_reverted() {
            return Ok(());
        }
        let moment = if shared.ledger.is_reverted() { Moment::Killed } else { Moment::Alive };
        shared.ledger.check(found, moment).map(drop)
    }

    fn read(&mut self) -> Result<(), Verdict> {
        let Some(db) = &self.db else { return Ok(()) };
        let (before, errno) = {
            let shared = lock(&self.shared);
            (shared.fired, shared.case.errno)
        };
        let found = model::read(db);
        let shared = lock(&self.shared);
        let fired = shared.fired > before;
        match found {
            Ok(_) if fired => Err(Verdict::Undetected("a read that the disk failed gave something".into())),
            Err(what) if fired && what.contains(&format!("os error {errno}")) => Ok(()),
            Err(_) if shared.ledger.is_reverted() => Ok(()),
            Ok(_) if shared.ledger.is_reverted() => Ok(()),
            Err(what) => Err(Verdict::Undetected(format!("read: the wrong error (fault met: {fired}): {what}"))),
            found => shared.ledger.check(found.map(Some), Moment::Alive).map(drop),
        }
    }

    fn write(&mut self, op: &Op) -> Result<(), Verdict> {
        let Some(db) = self.db.take() else { return Ok(()) };
        let writes = !matches!(op, Op::Flush | Op::Attend | Op::Compact);
        let (before, after) = {
            let mut shared = lock(&self.shared);
            let mut after = shared.ledger.last().clone().unwrap_or_default();
            after.apply(op);
            shared.ledger.begin([Some(after.clone())]);
            (shared.fired, after)
        };
        let calls_before = lock(&self.shared).calls.get(&Call::SyncDirectory).copied();
        let result = model::perform(&db, op);
        self.db = Some(db);
        let was_poisoned = self.poisoned;
        let (fired, errno_call, eager) = {
            let shared = lock(&self.shared);
            (shared.fired > before, shared.case.kind.call, shared.case.manner.eager)
        };
        let directory = lock(&self.shared).calls.get(&Call::SyncDirectory).copied() != calls_before;
        self.poisoned |= self.disk.take_failed_syncs().iter().any(|file| file == FILE);
        self.poisoned |= fired && errno_call == Call::SyncDirectory && directory;
        match result {
            // A flush that started by itself is told of by the next call.
            Ok(()) if fired && !(eager && writes) && !self.is_done() => {
                return Err(Verdict::Undetected(format!("{op:?} was acknowledged although the disk failed it")));
            }
            // Without anything to do there is nothing to refuse.
            Ok(()) if was_poisoned && *op != Op::Attend => {
                return Err(Verdict::Undetected(format!("{op:?} was acknowledged after a failed sync")));
            }
            Ok(()) => {
                let mut shared = lock(&self.shared);
                match op {
                    Op::Flush | Op::Compact => shared.ledger.make_durable(),
                    Op::Attend => {}
                    _ => shared.ledger.acknowledge(Some(after)),
                }
                return Ok(());
            }
            Err(error) => self.judge(&format!("{op:?}"), &error, fired, was_poisoned)?,
        }
        self.look()
    }

    fn evict(&mut self) -> Result<(), Verdict> {
        self.db = None;
        let Some(storage) = self.storage.take() else { return Ok(()) };
        for name in OTHERS {
            self.call("open another", |_| storage.database(name))?;
        }
        let acquired = self.acquire(&storage);
        self.storage = Some(storage);
        acquired?;
        self.look()
    }

    /// Closes in order, and opens again.
    fn reopen(&mut self) -> Result<(), Verdict> {
        self.db = None;
        let Some(storage) = self.storage.take() else { return Ok(()) };
        let before = lock(&self.shared).fired;
        let closed = storage.close();
        let fired = lock(&self.shared).fired > before;
        self.disk.take_failed_syncs();
        match &closed {
            Ok(()) if fired => return Err(Verdict::Undetected("a close was acknowledged that the disk failed".into())),
            Ok(()) => {
                let mut shared = lock(&self.shared);
                shared.ledger.make_durable();
                shared.ledger.close();
            }
            Err(error) => self.judge("close", error, fired, self.poisoned)?,
        }
        let moment = if closed.is_ok() { Moment::Closed } else { Moment::Killed };
        self.find(&self.disk.cached(), moment)
    }

    /// What the next process finds is what goes on.
    fn find(&self, image: &Image, moment: Moment) -> Result<(), Verdict> {
        let mut shared = lock(&self.shared);
        shared.life += 1;
        let found = look_at(image, shared.life);
        let found = shared.ledger.check(found, moment)?;
        shared.ledger.go_on(found);
        Ok(())
    }

    /// The process dies, and the next one finds the same cache.
    fn die(&mut self) -> Result<(), Verdict> {
        self.disk.after_change(None);
        self.disk.on_call(None);
        let life = {
            let mut shared = lock(&self.shared);
            shared.life += 1;
            shared.life
        };
        let disk = self.disk.survive(life);
        // Closing in order would write; the copy made before knows nothing of it.
        (self.db, self.storage) = (None, None);
        self.disk = disk;
        self.find(&self.disk.cached(), Moment::Killed)?;
        self.watch();
        Ok(())
    }

    fn recreate(&mut self) -> Result<(), Verdict> {
        self.db = None;
        let Some(storage) = self.storage.take() else { return Ok(()) };
        let before = {
            let mut shared = lock(&self.shared);
            shared.ledger.begin([Some(Model::default()), None]);
            shared.fired
        };
        let result = storage.drop_database(NAME).and_then(|()| storage.create(NAME, model::schema()));
        let fired = lock(&self.shared).fired > before;
        let done = match result {
            Ok(_) if fired && !self.is_done() => {
                Err(Verdict::Undetected("a database was made although the disk failed it".into()))
            }
            Ok(db) => {
                self.db = Some(db);
                self.poisoned = false;
                let mut shared = lock(&self.shared);
                shared.ledger.acknowledge(Some(Model::default()));
                shared.ledger.make_durable();
                Ok(())
            }
            Err(error) => self.judge("recreate", &error, fired, false).and_then(|()| self.half_recreated(&storage)),
        };
        self.storage = Some(storage);
        done
    }

    /// Dropping and making are two calls: either may have failed, and what is there now goes on.
    fn half_recreated(&mut self, storage: &Storage) -> Result<(), Verdict> {
        lock(&self.shared).paused = true;
        let found: Result<Content, String> = model::read_all(storage);
        let mut shared = lock(&self.shared);
        shared.paused = false;
        let was = shared.ledger.last().clone();
        let found = found.map_err(|what| Verdict::Lost(format!("after a failed recreation: {what}")))?;
        if found != was {
            // A failed creation has no effect, unless it was the opening behind it that failed.
            let made_unopened = matches!(shared.case.kind.call, Call::Open | Call::Read | Call::Look);
            if found.is_some() && (found != Some(Model::default()) || !made_unopened) {
                return Err(Verdict::Torn(format!("after a failed recreation: {found:?}")));
            }
            shared.ledger.acknowledge(found);
            shared.ledger.begin([Some(Model::default()), None]);
            self.poisoned = false;
        }
        Ok(())
    }

    /// The process dies, the power fails, and the next process works on a sound disk.
    fn end(&mut self) -> Result<(), Verdict> {
        for _ in 0..CUTS {
            let mut shared = lock(&self.shared);
            shared.cut(&self.disk);
            shared.broken.take().map_or(Ok(()), Err)?;
        }
        self.look()?;
        self.die()?;
        lock(&self.shared).paused = true;
        for op in [Op::Put(21, 3), Op::Delete(1), Op::Flush] {
            self.step(&Step::Do(op))?;
        }
        let survived = self.disk.image(|_| 0);
        let mut shared = lock(&self.shared);
        shared.life += 1;
        let found = look_at(&survived, shared.life);
        shared.ledger.check(found, Moment::PowerCut).map(drop)
    }
}
