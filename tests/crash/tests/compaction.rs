//! Writes that come while a file is compacted: what was flushed before stays flushed.

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_core::{Database, Storage};
use jvdb_crash::disk::{Call, Disk, Fate, Image, SimVolume};
use jvdb_crash::model::{self, NAME, Op};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const EIO: i32 = 5;

fn open(disk: &Arc<Disk>) -> Storage {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), model::options()).unwrap()
}

fn found(image: &Image, number: u8) -> Option<f32> {
    let storage = open(&Disk::new(image, 9));
    let db = storage.database(NAME).unwrap();
    assert_eq!(db.verify().unwrap().damage, []);
    db.get(&model::key(number)).unwrap().map(|vector| vector.vector()[0])
}

/// A database with five flushed vectors, in which two are replaced and one is deleted just before the call of that number,
/// reads not counted, that its compaction makes to the disk, and flushed. `None` if the compaction makes fewer calls.
fn compacted_under_a_writer(disk: &Arc<Disk>, number: usize) -> Option<Database> {
    let storage = open(disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    (0..5).for_each(|number| model::perform(&db, &Op::Put(number, 1)).unwrap());
    db.flush().unwrap();
    let writer = db.clone();
    let left = Arc::new(AtomicUsize::new(number));
    let left_then = Arc::clone(&left);
    disk.on_call(Some(Box::new(move |call| {
        // Once: what the operations call comes here, too. A thread in the middle of a read may change nothing.
        if call != Call::Read && left_then.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1) {
            for op in [Op::Put(0, 2), Op::Batch(vec![Op::Put(1, 2), Op::Delete(2)])] {
                model::perform(&writer, &op).unwrap();
            }
            writer.flush().unwrap();
        }
        Fate::Done
    })));
    db.compact().unwrap();
    disk.on_call(None);
    (left.load(Relaxed) == 0).then_some(db)
}

/// The calls that a compaction makes before flushes wait for it: those to its new file, but for the last superblocks and the
/// renaming.
const FREE_CALLS: std::ops::RangeInclusive<usize> = 1..=7;

const FLUSHED: [Option<f32>; 4] = [Some(2.0), Some(2.0), None, Some(1.0)];

#[test]
fn what_is_flushed_during_a_compaction_survives_a_power_cut_behind_it() {
    for number in FREE_CALLS {
        let disk = Disk::new(&Image::new(), 1);
        let db = compacted_under_a_writer(&disk, number).unwrap();
        for image in [disk.image(|_| 0), disk.cached()] {
            assert_eq!([0, 1, 2, 3].map(|number| found(&image, number)), FLUSHED, "before call {number}");
        }
        assert_eq!(db.count(), 4);
        db.flush().unwrap();
        assert_eq!([0, 1, 2, 3].map(|number| found(&disk.image(|_| 0), number)), FLUSHED);
    }
}

#[test]
fn a_compaction_that_forgets_flushes_made_meanwhile_is_noticed() {
    break_protocol(Some(Mutant::CompactFinishesEarly));
    let lost = FREE_CALLS.filter(|number| {
        let disk = Disk::new(&Image::new(), 1);
        let db = compacted_under_a_writer(&disk, *number).unwrap();
        let lost = found(&disk.image(|_| 0), 0) != FLUSHED[0];
        drop(db);
        lost
    });
    let lost = lost.count();
    break_protocol(None);
    assert!(lost > 0);
}

#[test]
fn a_compaction_that_fails_changes_nothing() {
    for failing in [Call::Create, Call::Write, Call::Sync, Call::Rename] {
        for skipped in 0..6 {
            let disk = Disk::new(&Image::new(), 1);
            let storage = open(&disk);
            let db = storage.create(NAME, model::schema()).unwrap();
            (0..5).for_each(|number| model::perform(&db, &Op::Put(number, 1)).unwrap());
            model::perform(&db, &Op::Delete(4)).unwrap();
            storage.flush().unwrap();
            // Flushes what the compaction would flush, so that what fails is the compaction's own.
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
            let compacted = db.compact();
            disk.on_call(None);
            let image = disk.cached();
            assert!(!image.keys().any(|file| file.ends_with(".tmp")), "{failing:?} {skipped} leaves a file behind");
            assert_eq!([0, 4].map(|number| found(&image, number)), [Some(1.0), None]);
            if compacted.is_err() && failing != Call::Sync {
                model::perform(&db, &Op::Put(7, 3)).unwrap();
                db.flush().unwrap();
                assert_eq!(found(&disk.image(|_| 0), 7), Some(3.0));
            }
        }
    }
}
