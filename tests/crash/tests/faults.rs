//! Calls that fail: a campaign of them finds nothing, notices protocols that are broken, and what it once found stays away.

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_core::{Database, Error, Storage};
use jvdb_crash::disk::{Call, Disk, Fate, Image, SimVolume};
use jvdb_crash::faults::{Counts, campaign};
use jvdb_crash::model::{self, NAME, Op};
use std::sync::{Arc, Mutex};

const EIO: i32 = 5;

fn open(disk: &Arc<Disk>) -> Storage {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), model::options()).unwrap()
}

/// Lets the `nth` call of a sort from now on end so, and the others be done.
fn fail(disk: &Disk, call: Call, nth: u32, fate: Fate) {
    let mut left = nth;
    disk.on_call(Some(Box::new(move |asked| {
        if asked != call {
            return Fate::Done;
        }
        left = left.wrapping_sub(1);
        if left == u32::MAX { fate } else { Fate::Done }
    })));
}

fn write(db: &Database, ops: &[Op]) {
    ops.iter().for_each(|op| model::perform(db, op).unwrap());
}

fn found(image: &Image, number: u8) -> Option<f32> {
    let storage = open(&Disk::new(image, 9));
    let db = storage.database(NAME).unwrap();
    assert_eq!(db.verify().unwrap().damage, []);
    db.get(&model::key(number)).unwrap().map(|vector| vector.vector()[0])
}

fn broken(tallies: &[(jvdb_crash::faults::kind::Kind, Counts)]) -> Vec<String> {
    tallies.iter().flat_map(|(_, counts)| counts.failures.clone()).collect()
}

#[test]
fn nothing_is_lost_torn_or_passed_over() {
    let tallies = campaign(4500, 7, 1);
    assert!(tallies.iter().all(|(_, counts)| counts.cases > 0), "{tallies:?}");
    assert_eq!(broken(&tallies), Vec::<String>::new());
}

/// Runs the campaign with a broken protocol.
fn is_noticed(mutant: Mutant) {
    break_protocol(Some(mutant));
    let tallies = campaign(3000, 7, 1);
    break_protocol(None);
    assert!(!broken(&tallies).is_empty(), "{mutant:?} survived");
}

#[test]
fn a_failed_sync_that_is_retried_is_noticed() {
    is_noticed(Mutant::SyncRetried);
}

#[test]
fn a_tail_that_is_trusted_after_a_failed_sync_is_noticed() {
    is_noticed(Mutant::TailTrusted);
}

#[test]
fn a_directory_that_is_not_synced_is_noticed() {
    is_noticed(Mutant::NoDirectorySync);
}

/// A superblock that reached the disk although its write failed names a table: the next flush must not build in the room
/// of that table, or a power cut leaves a mixture of the two.
#[test]
fn the_room_of_a_table_that_may_be_named_is_not_built_in_again() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    write(&db, &[Op::Put(0, 1)]);
    // The header of the table, its last bytes, its buckets; then the superblock.
    fail(&disk, Call::Write, 3, Fate::Late(EIO));
    let error = db.flush().unwrap_err();
    assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
    write(&db, &[Op::Put(0, 2)]);
    let looked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&looked);
    disk.after_change(Some(Box::new(move |disk| {
        // Every sector as new as it can be, but for the log behind the table.
        for choice in 0..64 {
            let mut nth = 0;
            let image = disk.image(|n| {
                nth += 1;
                if choice >> (nth % 6) & 1 == 1 { n - 1 } else { 0 }
            });
            let value = found(&image, 0);
            assert!(value.is_none() || value == Some(1.0) || value == Some(2.0), "{value:?}");
            *count.lock().unwrap() += 1;
        }
    })));
    db.flush().unwrap();
    disk.after_change(None);
    assert!(*looked.lock().unwrap() > 200);
}

/// A creation that dies between the renaming and the directory's sync leaves a file whose name may not be on the disk: the
/// next process must not call anything in it durable before it is.
#[test]
fn a_name_that_nobody_synced_is_synced_before_the_first_flush_is_acknowledged() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let killed = Arc::new(Mutex::new(None));
    let copy = Arc::clone(&killed);
    disk.after_change(Some(Box::new(move |disk| {
        if disk.cached().contains_key("d.jvdb") {
            copy.lock().unwrap().get_or_insert_with(|| disk.survive(5));
        }
    })));
    let _first = storage.create(NAME, model::schema()).unwrap();
    let disk = killed.lock().unwrap().take().unwrap();
    let storage = open(&disk);
    let db = storage.database(NAME).unwrap();
    write(&db, &[Op::Put(0, 1), Op::Flush]);
    assert_eq!(found(&disk.image(|_| 0), 0), Some(1.0));
}

/// A write that failed, and yet lies whole behind the end of the log, is not there after a close in order.
#[test]
fn what_failed_does_not_come_back_after_a_close() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    write(&db, &[Op::Put(0, 1), Op::Flush]);
    fail(&disk, Call::Write, 0, Fate::Late(EIO));
    model::perform(&db, &Op::Put(1, 1)).unwrap_err();
    drop(db);
    storage.close().unwrap();
    assert_eq!([0, 1].map(|number| found(&disk.cached(), number)), [Some(1.0), None]);
}

/// A compaction whose renaming fails and is done all the same goes on in the file that has the name.
#[test]
fn a_renaming_that_is_done_but_fails_loses_no_later_write() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    write(&db, &[Op::Put(0, 1), Op::Flush]);
    fail(&disk, Call::Rename, 0, Fate::Late(EIO));
    db.compact().unwrap();
    write(&db, &[Op::Put(1, 1)]);
    assert_eq!([0, 1].map(|number| found(&disk.cached(), number)), [Some(1.0); 2]);
}

/// A poisoned store stays poisoned when its file is closed to make room.
#[test]
fn eviction_does_not_forget_a_failed_sync() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    write(&db, &[Op::Put(0, 1)]);
    storage.flush().unwrap();
    fail(&disk, Call::SyncDirectory, 0, Fate::Fails(EIO));
    db.compact().unwrap_err();
    drop(db);
    for number in 0..5 {
        storage.create(&format!("e{number}"), model::schema()).unwrap();
    }
    let db = storage.database(NAME).unwrap();
    let error = model::perform(&db, &Op::Put(1, 1)).unwrap_err();
    assert!(matches!(error, Error::Poisoned { .. }), "{error}");
}
