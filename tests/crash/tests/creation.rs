//! Power cuts and failures while a database with attributes is made: there is none, or it has them.

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_core::{Error, Storage};
use jvdb_crash::disk::{Call, Disk, Fate, Image, SimVolume};
use jvdb_crash::model::{self, NAME};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Images looked at after each change of the disk.
const SAMPLE: usize = 60;
const ATTRIBUTES: [(&[u8], &[u8]); 2] = [(b"first", b"1"), (b"second", &[7; 3000])];

/// The protocol is broken for all tests of a process at once.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(disk: &Arc<Disk>) -> Storage {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), model::options()).unwrap()
}

/// Whether the database is there; it is an error if it is there otherwise than it was made.
fn is_made(image: &Image) -> Result<bool, String> {
    let storage = open(&Disk::new(image, 9));
    let db = match storage.database(NAME) {
        Ok(db) => db,
        Err(Error::NotFound { .. }) => return Ok(false),
        Err(error) => return Err(error.to_string()),
    };
    for (name, value) in ATTRIBUTES {
        if db.attribute(name).map_err(|error| error.to_string())?.as_deref() != Some(value) {
            return Err(format!("the database is there without {}", String::from_utf8_lossy(name)));
        }
    }
    let report = db.verify().map_err(|error| error.to_string())?;
    if report.damage.is_empty() && report.attributes == 2 { Ok(true) } else { Err(format!("{report:?}")) }
}

/// Makes the database under power cuts at every change of the disk, and right behind it; how many images were looked at.
fn campaign() -> Result<u32, String> {
    let disk = Disk::new(&Image::new(), 2);
    let storage = open(&disk);
    let wrong = Arc::new(Mutex::new(None));
    let looked = Arc::new(AtomicU32::new(0));
    let (found, count) = (Arc::clone(&wrong), Arc::clone(&looked));
    let mut random = fastrand::Rng::with_seed(7);
    disk.after_change(Some(Box::new(move |disk| {
        for _ in 0..SAMPLE {
            if let Err(error) = is_made(&disk.image(|n| random.usize(..n))) {
                found.lock().unwrap().get_or_insert(error);
            }
            count.fetch_add(1, Relaxed);
        }
    })));
    storage.create_with(NAME, model::schema(), &ATTRIBUTES).unwrap();
    disk.after_change(None);
    if let Some(error) = wrong.lock().unwrap().take() {
        return Err(error);
    }
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..SAMPLE {
        if !is_made(&disk.image(|n| random.usize(..n)))? {
            return Err("a creation that returned does not survive a power cut".into());
        }
    }
    Ok(looked.load(Relaxed))
}

#[test]
fn a_power_cut_leaves_no_database_or_one_with_its_attributes() {
    let _alone = alone();
    let looked = campaign().unwrap();
    assert!(looked > 5 * SAMPLE as u32, "{looked}");
}

#[test]
fn attributes_that_are_not_flushed_are_noticed() {
    let _alone = alone();
    for mutant in [Mutant::AttributesUnflushed, Mutant::NoDirectorySync] {
        break_protocol(Some(mutant));
        let found = campaign();
        break_protocol(None);
        assert!(found.is_err(), "{mutant:?}");
    }
}

#[test]
fn a_creation_that_fails_leaves_nothing() {
    let _alone = alone();
    let mut failed = 0;
    for failing in [Call::Open, Call::Create, Call::Write, Call::Sync, Call::Rename] {
        for skipped in 0..8 {
            let disk = Disk::new(&Image::new(), 2);
            let storage = open(&disk);
            let left = Mutex::new(skipped);
            disk.on_call(Some(Box::new(move |call| {
                let mut left = left.lock().unwrap();
                let now = call == failing && *left == 0;
                *left -= i32::from(call == failing);
                if now { Fate::Fails(28) } else { Fate::Done }
            })));
            let made = storage.create_with(NAME, model::schema(), &ATTRIBUTES);
            disk.on_call(None);
            if made.is_err() {
                failed += 1;
                // It was made, and opening it failed: then it is whole.
                let there = is_made(&disk.cached()).unwrap();
                assert!(!there || failing == Call::Open, "{failing:?} {skipped}");
                let leftovers = disk.cached().keys().filter(|name| name.ends_with(".tmp")).count();
                assert_eq!(leftovers, 0, "{failing:?} {skipped}");
            }
        }
    }
    assert!(failed > 5, "{failed}");
}
