//! Power cuts during a repair: under the database's name is what was there before, or what is sound of it.

use jvdb_core::Storage;
use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_crash::disk::{Call, Disk, Fate, Image, SimVolume};
use jvdb_crash::model::{self, NAME, Op};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Images looked at after each change of the disk.
const SAMPLE: usize = 60;

fn open(disk: &Arc<Disk>) -> Storage {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), model::options()).unwrap()
}

fn file() -> String {
    format!("{NAME}.jvdb")
}

/// A database of five vectors, of which one is damaged.
fn damaged() -> Image {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    (0..5).for_each(|number| model::perform(&db, &Op::Put(number, 1)).unwrap());
    drop(db);
    storage.close().unwrap();
    let mut image = disk.cached();
    image.get_mut(&file()).unwrap()[8192 + 64] ^= 1;
    image
}

/// Whether an image holds the repaired database; if not, it holds just what was there before.
fn is_repaired(image: &Image, before: &Image) -> Result<bool, String> {
    let now = image.get(&file()).ok_or("no database of that name")?;
    if *now == before[&file()] {
        return Ok(false);
    }
    let storage = open(&Disk::new(image, 9));
    let db = storage.database(NAME).map_err(|error| error.to_string())?;
    let report = db.verify().map_err(|error| error.to_string())?;
    if !report.damage.is_empty() || report.vectors != 4 {
        return Err(format!("{report:?}"));
    }
    let kept = image.iter().any(|(name, bytes)| name.contains(".damaged-") && *bytes == before[&file()]);
    if kept { Ok(true) } else { Err("the file as it was is gone".into()) }
}

/// Repairs under power cuts at every change of the disk, and right behind it; how many images were looked at.
fn campaign() -> Result<u32, String> {
    let before = damaged();
    let disk = Disk::new(&before, 2);
    let storage = open(&disk);
    let wrong = Arc::new(Mutex::new(None));
    let looked = Arc::new(AtomicU32::new(0));
    let (found, count, original) = (Arc::clone(&wrong), Arc::clone(&looked), before.clone());
    let mut random = fastrand::Rng::with_seed(7);
    disk.after_change(Some(Box::new(move |disk| {
        for _ in 0..SAMPLE {
            let image = disk.image(|n| random.usize(..n));
            if let Err(error) = is_repaired(&image, &original) {
                found.lock().unwrap().get_or_insert(error);
            }
            count.fetch_add(1, Relaxed);
        }
    })));
    let repair = storage.repair(NAME, None).unwrap();
    disk.after_change(None);
    assert_eq!((repair.vectors, repair.lost.len()), (4, 1));
    if let Some(error) = wrong.lock().unwrap().take() {
        return Err(error);
    }
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..SAMPLE {
        if !is_repaired(&disk.image(|n| random.usize(..n)), &before)? {
            return Err("a repair that returned does not survive a power cut".into());
        }
    }
    Ok(looked.load(Relaxed))
}

#[test]
fn a_power_cut_leaves_the_old_file_or_the_new_one() {
    let looked = campaign().unwrap();
    assert!(looked > 10 * SAMPLE as u32, "{looked}");
}

#[test]
fn a_new_file_that_is_not_synced_is_noticed() {
    for mutant in [Mutant::CompactUnsynced, Mutant::NoDirectorySync] {
        break_protocol(Some(mutant));
        let found = campaign();
        break_protocol(None);
        assert!(found.is_err(), "{mutant:?}");
    }
}

#[test]
fn a_repair_that_fails_changes_nothing() {
    let before = damaged();
    let mut failed = 0;
    for failing in [Call::Open, Call::Create, Call::Write, Call::Sync, Call::Rename] {
        for skipped in 0..8 {
            let disk = Disk::new(&before, 2);
            let storage = open(&disk);
            let left = Mutex::new(skipped);
            disk.on_call(Some(Box::new(move |call| {
                let mut left = left.lock().unwrap();
                let now = call == failing && *left == 0;
                *left -= i32::from(call == failing);
                if now { Fate::Fails(5) } else { Fate::Done }
            })));
            let repair = storage.repair(NAME, None);
            disk.on_call(None);
            if repair.is_err() {
                failed += 1;
                assert_eq!(disk.cached()[&file()], before[&file()], "{failing:?} {skipped}");
                let leftovers = disk.cached().keys().filter(|name| name.ends_with(".tmp")).count();
                assert_eq!(leftovers, 0, "{failing:?} {skipped}");
                assert_eq!(storage.repair(NAME, None).unwrap().vectors, 4, "{failing:?} {skipped}");
            }
        }
    }
    assert!(failed > 10, "{failed}");
}

#[test]
fn what_was_written_before_the_repair_of_a_sound_database_is_flushed_with_the_rest() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, model::schema()).unwrap();
    model::perform(&db, &Op::Put(0, 1)).unwrap();
    drop(db);
    assert_eq!(storage.repair(NAME, None).unwrap().backup, None);
    storage.flush().unwrap();
    let after = open(&Disk::new(&disk.image(|_| 0), 9));
    assert!(after.database(NAME).unwrap().contains(&model::key(0)).unwrap());
}
