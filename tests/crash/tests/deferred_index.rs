//! Flushes that leave the index to a later call: what each call that may come next does first, and every power cut around it.

use jvdb_core::testing::deferred_index;
use jvdb_core::{Database, Storage};
use jvdb_crash::campaign::{Effort, Manner, run};
use jvdb_crash::disk::{Call, Disk, Fate, Image, SimVolume};
use jvdb_crash::model::{self, NAME, Op};
use std::sync::{Arc, Mutex};

fn open(disk: &Arc<Disk>) -> Storage {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), model::options()).unwrap()
}

fn write(db: &Database, ops: &[Op]) {
    ops.iter().for_each(|op| model::perform(db, op).unwrap());
}

/// The calls for writes and syncs that the disk is asked for meanwhile.
fn calls(disk: &Disk, work: impl FnOnce()) -> Vec<Call> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&calls);
    disk.on_call(Some(Box::new(move |call| {
        if matches!(call, Call::Write | Call::Sync) {
            noted.lock().unwrap().push(call);
        }
        Fate::Done
    })));
    work();
    disk.on_call(None);
    std::mem::take(&mut *calls.lock().unwrap())
}

/// A database whose table is there and has room, and a vector to flush.
fn filled(disk: &Arc<Disk>) -> Database {
    let db = open(disk).create(NAME, model::schema()).unwrap();
    write(&db, &[Op::Put(0, 1), Op::Put(1, 1), Op::Flush, Op::Put(2, 1), Op::Delete(0)]);
    db
}

#[test]
fn the_index_is_written_by_the_flush_or_left_to_the_next_call() {
    use Call::{Sync, Write};
    let disk = Disk::new(&Image::new(), 1);
    let db = filled(&disk);
    let flush = || write(&db, &[Op::Flush]);
    assert_eq!(calls(&disk, flush), [Sync, Write, Sync, Write], "log, superblock, and the slots at once");
    write(&db, &[Op::Put(3, 1)]);
    deferred_index::defer_index(true);
    assert_eq!(calls(&disk, flush), [Sync, Write, Sync], "log, superblock");
    assert_eq!(calls(&disk, || write(&db, &[Op::Attend])), [Write], "the slots");
    assert_eq!(calls(&disk, || write(&db, &[Op::Attend])), [], "once");
    write(&db, &[Op::Put(4, 1), Op::Flush, Op::Put(5, 1)]);
    assert_eq!(calls(&disk, flush), [Write, Sync, Write, Sync], "the slots before; log, superblock");
    assert_eq!(calls(&disk, flush), [Write], "the slots");
}

/// Whatever comes between a flush that leaves the index and the one after the next, cut off at any point.
#[test]
fn every_power_cut_around_what_comes_next_is_survived() {
    let next =
        [Op::Flush, Op::Attend, Op::Compact, Op::Reopen, Op::Kill, Op::Recreate, Op::Delete(1), Op::Attribute(2, 7)];
    let grow = Op::Batch((3..12).map(|number| Op::Put(number, 1)).collect());
    for then in next.into_iter().chain([grow]) {
        let mut ops = vec![Op::Put(0, 1), Op::Put(1, 1), Op::Flush, Op::Put(2, 1), Op::Delete(0), Op::Flush];
        ops.extend([then, Op::Put(1, 2), Op::Flush, Op::Put(0, 2), Op::Flush]);
        for sync_failures in [0, 5] {
            let effort = Effort { exhaustive: 4096, sample: 64, second_life: 24 };
            let tried =
                run(7, &ops, effort, Manner { sync_failures, deferred: true }).unwrap_or_else(|what| panic!("{what}"));
            assert!(tried.images > 500 && tried.deferred == tried.images, "{tried:?}");
        }
    }
}

/// A backup holds what was left, and says that its index does.
#[test]
fn a_backup_brings_in_what_was_left() {
    let disk = Disk::new(&Image::new(), 1);
    let db = filled(&disk);
    deferred_index::defer_index(true);
    db.flush().unwrap();
    db.backup_to(&SimVolume(Arc::clone(&disk)), "copy.jvdb").unwrap();
    let copy = open(&Disk::new(&disk.image(|_| 0), 2)).database("copy").unwrap();
    assert_eq!(copy.verify().unwrap().damage, []);
    assert_eq!([0, 1, 2].map(|number| copy.contains(&model::key(number)).unwrap()), [false, true, true]);
}

/// What was left stays to be done while the file is closed to make room for others.
#[test]
fn an_eviction_does_not_forget_what_was_left() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    write(&db, &[Op::Put(0, 1), Op::Put(1, 1), Op::Flush, Op::Put(2, 1), Op::Delete(0)]);
    deferred_index::defer_index(true);
    db.flush().unwrap();
    drop(db);
    for number in 0..5 {
        storage.create(&format!("e{number}"), model::schema()).unwrap();
    }
    let db = storage.database(NAME).unwrap();
    assert_eq!([0, 1, 2].map(|number| db.contains(&model::key(number)).unwrap()), [false, true, true]);
    assert_eq!(calls(&disk, || write(&db, &[Op::Attend])), [Call::Write]);
}
