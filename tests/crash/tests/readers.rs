//! Readers beside a writer on the simulated disk, whose flushes may leave the index to a later call: each call shows one state, at
//! least as new as the one before, and each broken reader is noticed.

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_core::{Database, Metric, Options, Schema, Storage};
use jvdb_crash::disk::{Disk, Image, SimVolume};
use jvdb_crash::model;
use jvdb_tests::history::{History, Numbers, Reader, all_of, key};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const WORKLOADS: u64 = 150;
const STEPS: usize = 300;
const KEYS: u64 = 30;
const NAME: &str = "points";

fn open(disk: &Arc<Disk>, options: Options) -> Database {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), options).unwrap().database(NAME).unwrap()
}

/// One step of the writer. Returns whether everything up to now is durable.
fn write(database: &Database, numbers: &mut Numbers, history: &mut History) -> bool {
    let changed = key(numbers.below(KEYS));
    match numbers.below(12) {
        0 => database.flush().map(|_| true).unwrap(),
        1 => {
            database.flush_due().unwrap();
            false
        }
        2 if numbers.below(6) == 0 => database.compact().map(|_| true).unwrap(),
        3..6 => {
            if database.delete(&changed).unwrap() {
                history.note(changed, None);
            }
            false
        }
        _ => {
            let value = history.now as f32 + 1.0;
            database.put(&changed, &[value], b"").unwrap();
            history.note(changed, Some(value));
            false
        }
    }
}

fn read(reader: &mut Reader, numbers: &mut Numbers, history: &History, durable: u64) {
    match numbers.below(8) {
        0 => {
            reader.database.refresh().unwrap();
            reader.oldest = reader.oldest.max(durable);
        }
        1 => reader.saw_all(history, &all_of(&reader.database)),
        2 => {
            let damage = reader.database.verify().unwrap().damage;
            assert!(damage.is_empty(), "{damage:?}");
        }
        _ => {
            let key = key(numbers.below(KEYS));
            let value = reader.database.get(&key).unwrap().map(|vector| vector.vector()[0]);
            reader.saw(history, &key, value);
        }
    }
}

/// A writer and two readers in turns. One scan is under way all the time.
fn workload(seed: u64) {
    let mut numbers = Numbers(seed);
    let disk = Disk::new(&Image::new(), seed);
    let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&disk))), model::options()).unwrap();
    let database = storage.create(NAME, Schema::new(1, Metric::DotProduct).unwrap()).unwrap();
    database.flush().unwrap();
    let mut history = History::default();
    let read_only = || Reader { database: open(&disk, model::options().read_only(true)), oldest: 0 };
    let mut readers = [read_only(), read_only()];
    let mut durable = 0;
    let mut scan = readers[0].database.scan(jvdb_core::Position::START);
    let mut found = BTreeMap::new();
    for _ in 0..STEPS {
        if write(&database, &mut numbers, &mut history) {
            durable = history.now;
        }
        read(&mut readers[numbers.below(2) as usize], &mut numbers, &history, durable);
        match scan.next() {
            Some(vector) => {
                let vector = vector.unwrap();
                assert_eq!(found.insert(vector.key().to_owned(), vector.vector()[0]), None, "it comes twice");
            }
            None => {
                let mut then = Reader { database: readers[0].database.clone(), oldest: 0 };
                then.saw_all(&history, &std::mem::take(&mut found));
                scan = readers[numbers.below(2) as usize].database.scan(jvdb_core::Position::START);
            }
        }
    }
}

#[test]
fn readers_see_one_state_after_another() {
    (0..WORKLOADS).for_each(workload);
}

#[test]
fn each_broken_reader_is_noticed() {
    for mutant in [Mutant::MissTrusted, Mutant::PostponedPassedOver, Mutant::DeletionsUnread] {
        break_protocol(Some(mutant));
        let noticed = (0..WORKLOADS).find(|seed| catch_unwind(AssertUnwindSafe(|| workload(*seed))).is_err());
        break_protocol(None);
        println!("{mutant:?}: noticed by workload {noticed:?}");
        assert!(noticed.is_some(), "{mutant:?} survived");
    }
}
