//! Two writers on one file, as there are where locks are missing or were removed: what either has flushed is there afterwards,
//! or its flush has failed.

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_core::{Database, Error, Storage};
use jvdb_crash::disk::{Call, Disk, Fate, Image, SimVolume};
use jvdb_crash::model::{self, NAME};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const WORKLOADS: u64 = 400;
const STEPS: usize = 24;

/// One of the two, and what it was told.
struct Writer {
    disk: Arc<Disk>,
    database: Option<Database>,
    /// Keys whose put was acknowledged.
    put: BTreeSet<u64>,
    /// Those of them that a flush has covered.
    flushed: BTreeSet<u64>,
    /// The keys it puts: no other writer does.
    next: u64,
}

impl Writer {
    fn new(disk: &Arc<Disk>, first: u64) -> Self {
        let mut writer = Self {
            disk: Arc::clone(disk),
            database: None,
            put: BTreeSet::new(),
            flushed: BTreeSet::new(),
            next: first,
        };
        writer.reopen();
        writer
    }

    /// Opens the directory in another process, so to speak; what the one before did not flush may be gone.
    fn reopen(&mut self) {
        self.put = self.flushed.clone();
        self.database = None;
        let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&self.disk))), model::options()).unwrap();
        self.database = Some(storage.database(NAME).unwrap());
    }

    fn step(&mut self, random: &mut fastrand::Rng) {
        let database = self.database.clone().unwrap();
        let done = match random.u8(..12) {
            0..6 => {
                let key = self.next;
                self.next += 2;
                database.put(key, &model::vector(1), b"").map(|_| self.put.extend([key]))
            }
            6..9 => database.flush().map(|_| self.flushed.extend(self.put.iter())),
            9 => database.compact().map(drop),
            10 => {
                self.reopen();
                Ok(())
            }
            _ => database.get(self.next - 2).map(drop),
        };
        match done {
            Ok(()) | Err(Error::Fenced { .. } | Error::Removed { .. }) => {}
            // The other one's opening has removed what it took for left behind by a crash.
            Err(Error::Io { action: "rename", .. }) => {}
            Err(error) => panic!("not the error of a second writer: {error}"),
        }
    }
}

/// Flushed keys that are not in the file afterwards, and damage in it.
fn lost(disk: &Disk, writers: &[&Writer]) -> usize {
    let storage = Storage::on(Arc::new(SimVolume(Disk::new(&disk.cached(), 99))), model::options()).unwrap();
    let Ok(database) = storage.database(NAME) else { return 1 };
    let Ok(report) = database.verify() else { return 1 };
    let flushed = writers.iter().flat_map(|writer| &writer.flushed);
    report.damage.len() + flushed.filter(|key| !matches!(database.get(**key), Ok(Some(_)))).count()
}

fn empty() -> Arc<Disk> {
    let disk = Disk::new(&Image::new(), 1);
    let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&disk))), model::options()).unwrap();
    storage.create(NAME, model::schema()).unwrap();
    storage.close().unwrap();
    disk
}

/// Two writers take turns, call by call.
fn taking_turns(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let disk = empty();
    let mut writers = [Writer::new(&disk, 2), Writer::new(&disk, 3)];
    for _ in 0..STEPS {
        let writer = &mut writers[random.usize(..2)];
        // Now and then one does several things in a row.
        (0..random.usize(1..4)).for_each(|_| writer.step(&mut random));
    }
    let [a, b] = &writers;
    lost(&disk, &[a, b])
}

/// The second writer does what it does while the first waits for the disk.
fn during_syncs(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let disk = empty();
    let mut first = Writer::new(&disk, 2);
    let second = Arc::new(Mutex::new(Writer::new(&disk, 3)));
    let (other, busy) = (Arc::clone(&second), Mutex::new(fastrand::Rng::with_seed(seed)));
    disk.on_call(Some(Box::new(move |call| {
        // What the second one calls comes here, too.
        if call == Call::Sync
            && let (Ok(mut writer), Ok(mut random)) = (other.try_lock(), busy.try_lock())
        {
            (0..random.usize(..4)).for_each(|_| writer.step(&mut random));
        }
        Fate::Done
    })));
    (0..STEPS).for_each(|_| first.step(&mut random));
    disk.on_call(None);
    let second = second.lock().unwrap();
    lost(&disk, &[&first, &second])
}

fn all() -> usize {
    (0..WORKLOADS).map(|seed| taking_turns(seed) + during_syncs(seed)).sum()
}

#[test]
fn nothing_that_either_has_flushed_is_lost() {
    assert_eq!((0..WORKLOADS).map(taking_turns).sum::<usize>(), 0, "taking turns");
    assert_eq!((0..WORKLOADS).map(during_syncs).sum::<usize>(), 0, "during syncs");
}

fn noticed(mutant: Mutant) -> usize {
    break_protocol(Some(mutant));
    let lost = std::panic::catch_unwind(all);
    break_protocol(None);
    // An error that is none of a second writer is noticed, too.
    lost.unwrap_or(usize::MAX)
}

#[test]
fn a_broken_fence_is_noticed() {
    for mutant in [Mutant::ClaimTrusted, Mutant::FenceIgnored, Mutant::FlushUnlooked, Mutant::CompactUnlooked] {
        let lost = noticed(mutant);
        println!("{mutant:?}: {lost} lost");
        assert!(lost > 0, "{mutant:?} survived");
    }
}
