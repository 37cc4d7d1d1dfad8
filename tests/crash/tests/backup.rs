//! Backups under power cuts and failing disks: a copy is whole, or it is not there.

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_core::{Database, Storage};
use jvdb_crash::disk::{Call, Disk, Fate, Image, SimVolume};
use jvdb_crash::model::{self, NAME, Op};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const COPY: &str = "copy.jvdb";
const EIO: i32 = 5;

fn open(disk: &Arc<Disk>) -> Storage {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), model::options()).unwrap()
}

/// Five flushed vectors, of which one was deleted and one replaced.
fn filled(disk: &Arc<Disk>) -> Database {
    let db = open(disk).create(NAME, model::schema()).unwrap();
    (0..5).for_each(|number| model::perform(&db, &Op::Put(number, 1)).unwrap());
    db.flush().unwrap();
    for op in [Op::Delete(4), Op::Put(0, 2)] {
        model::perform(&db, &op).unwrap();
    }
    db
}

/// What the copy in an image holds: `None` without one, an error if it is no sound database.
fn copied(image: &Image) -> Option<Result<Vec<Option<f32>>, String>> {
    let file = image.get(COPY)?;
    let disk = Disk::new(&Image::from([(COPY.into(), file.clone())]), 9);
    let read = || {
        let db = open(&disk).database("copy").map_err(|error| error.to_string())?;
        let damage = db.verify().map_err(|error| error.to_string())?.damage;
        if !damage.is_empty() {
            return Err(format!("{damage:?}"));
        }
        let first = |number| db.get(&model::key(number)).map(|found| found.map(|vector| vector.vector()[0]));
        (0..6).map(|number| first(number).map_err(|error| error.to_string())).collect()
    };
    Some(read())
}

const HELD: [Option<f32>; 6] = [Some(2.0), Some(1.0), Some(1.0), Some(1.0), None, None];

/// Backs up, and gives what the copy is in every image that a power cut before any of the calls may leave, and after.
fn images_of_a_backup() -> Vec<Option<Result<Vec<Option<f32>>, String>>> {
    let disk = Disk::new(&Image::new(), 1);
    let db = filled(&disk);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (noted, cut) = (Arc::clone(&seen), Arc::clone(&disk));
    let look = move || [cut.image(|_| 0), cut.image(|choices| choices - 1), cut.cached()];
    let look_before = look.clone();
    disk.on_call(Some(Box::new(move |_| {
        noted.lock().unwrap().extend(look_before());
        Fate::Done
    })));
    db.backup_to(&SimVolume(Arc::clone(&disk)), COPY).unwrap();
    disk.on_call(None);
    let mut images = std::mem::take(&mut *seen.lock().unwrap());
    images.extend(look());
    images.iter().map(copied).collect()
}

#[test]
fn a_power_cut_leaves_a_whole_copy_or_none() {
    let copies = images_of_a_backup();
    assert!(copies.len() > 20, "{}", copies.len());
    assert!(copies.iter().flatten().all(|copy| copy.as_deref() == Ok(&HELD)), "{copies:?}");
    assert!(copies[copies.len() - 3].is_some(), "it is durable when the call returns");
    assert!(copies[0].is_none());
}

#[test]
fn a_copy_that_is_not_synced_is_noticed() {
    break_protocol(Some(Mutant::BackupUnsynced));
    let copies = images_of_a_backup();
    break_protocol(None);
    assert!(copies.iter().flatten().any(Result::is_err), "{copies:?}");
}

/// What the copy holds, if vectors are put and flushed while it is made: before the call of that number to the disk.
fn copied_under_a_writer(number: usize) -> Result<Vec<Option<f32>>, String> {
    let disk = Disk::new(&Image::new(), 1);
    let db = filled(&disk);
    let writer = db.clone();
    let left = AtomicUsize::new(number);
    db.flush().unwrap();
    disk.on_call(Some(Box::new(move |_| {
        // Once: what the operations call comes here, too.
        if left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1) {
            model::perform(&writer, &Op::Put(5, 1)).unwrap();
            model::perform(&writer, &Op::Put(0, 1)).unwrap();
            writer.flush().unwrap();
        }
        Fate::Done
    })));
    db.backup_to(&SimVolume(Arc::clone(&disk)), COPY).unwrap();
    disk.on_call(None);
    let first = |number| db.get(&model::key(number)).unwrap().map(|vector| vector.vector()[0]);
    assert_eq!([0, 5].map(first), [Some(1.0); 2]);
    assert!(db.backup_to(&SimVolume(Arc::clone(&disk)), COPY).unwrap_err().to_string().contains("exists"));
    copied(&disk.cached()).unwrap()
}

/// The calls of a backup before the last for which flushes wait: creating the copy, the log, the pages of the index.
const FREE_CALLS: std::ops::RangeInclusive<usize> = 1..=5;

#[test]
fn writes_and_flushes_go_on_meanwhile_and_the_copy_is_of_one_moment() {
    let later = [Some(1.0), Some(1.0), Some(1.0), Some(1.0), None, Some(1.0)];
    for number in FREE_CALLS {
        let copy = copied_under_a_writer(number);
        assert!([&HELD, &later].iter().any(|held| copy.as_deref() == Ok(*held)), "before call {number}: {copy:?}");
    }
}

#[test]
fn a_copy_that_misses_what_changed_in_the_index_is_noticed() {
    break_protocol(Some(Mutant::BackupMissesChangedPages));
    let copies: Vec<_> = FREE_CALLS.map(copied_under_a_writer).collect();
    break_protocol(None);
    assert!(copies.iter().any(Result::is_err), "{copies:?}");
}

#[test]
fn a_backup_that_fails_leaves_nothing_and_the_database_as_it_was() {
    let mut failures = 0;
    for failing in [Call::Create, Call::Write, Call::Sync, Call::Rename] {
        for skipped in 0..6 {
            let disk = Disk::new(&Image::new(), 1);
            let db = filled(&disk);
            db.flush().unwrap();
            let left = Mutex::new(skipped);
            disk.on_call(Some(Box::new(move |call| {
                let mut left = left.lock().unwrap();
                if call == failing {
                    if *left == 0 {
                        return Fate::Fails(EIO);
                    }
                    *left -= 1;
                }
                Fate::Done
            })));
            let done = db.backup_to(&SimVolume(Arc::clone(&disk)), COPY);
            disk.on_call(None);
            failures += u32::from(done.is_err());
            let image = disk.cached();
            assert!(!image.keys().any(|file| file.ends_with(".tmp")), "{failing:?} {skipped} leaves a file behind");
            assert!(copied(&image).is_none_or(|copy| copy.as_deref() == Ok(&HELD)), "{failing:?} {skipped}");
            model::perform(&db, &Op::Put(7, 3)).unwrap();
            db.flush().unwrap();
        }
    }
    assert!(failures >= 5, "{failures}");
}
