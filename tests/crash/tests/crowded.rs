//! Power cuts while a window of the index has no room: what was flushed is there, and what was not is a prefix, before and
//! after the flushes of the next life.

#[path = "../../../core/tests/crowd/mod.rs"]
mod crowd;

use crowd::{CROWD, crowd};
use jvdb_core::testing::deferred_index;
use jvdb_core::{Database, Metric, Schema, Storage};
use jvdb_crash::disk::{Disk, Image, SimVolume};
use jvdb_crash::model::{NAME, options};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Keys that make the first table.
const FIRST: u64 = 300;
/// Images looked at after each change of the disk.
const IMAGES: usize = 12;

fn open(disk: &Arc<Disk>) -> Storage {
    Storage::on(Arc::new(SimVolume(Arc::clone(disk))), options()).unwrap()
}

/// How many of the crowd are there: the first of them, beside all of the others.
fn prefix(db: &Database, crowd: &[u64]) -> usize {
    assert_eq!(db.verify().unwrap().damage, []);
    (0..FIRST).for_each(|key| assert!(db.contains(key).unwrap(), "{key} is lost"));
    let there: Vec<bool> = crowd.iter().map(|key| db.contains(*key).unwrap()).collect();
    let count = there.iter().take_while(|there| **there).count();
    assert!(there[count..].iter().all(|there| !there), "{there:?}");
    assert_eq!(db.count(), FIRST + count as u64);
    count
}

#[test]
fn a_power_cut_while_a_window_is_crowded_loses_nothing() {
    crowded();
}

#[test]
fn a_power_cut_while_a_window_is_crowded_by_what_a_flush_left_loses_nothing() {
    deferred_index::defer_index(true);
    crowded();
}

fn crowded() {
    let disk = Disk::new(&Image::new(), 1);
    let storage = open(&disk);
    let db = storage.create(NAME, Schema::new(1, Metric::Cosine).unwrap()).unwrap();
    (0..FIRST).for_each(|key| assert!(db.put(key, &[0.0], b"").unwrap()));
    db.flush().unwrap();
    let crowd = crowd(&disk.cached()[&format!("{NAME}.jvdb")], FIRST);
    let durable = Arc::new(AtomicUsize::new(0));
    let images = Arc::new(Mutex::new(Vec::new()));
    let (noted, least, mut random) = (Arc::clone(&images), Arc::clone(&durable), fastrand::Rng::with_seed(1));
    disk.after_change(Some(Box::new(move |disk| {
        let mut noted = noted.lock().unwrap();
        noted.push((least.load(Relaxed), disk.cached()));
        noted.extend((0..IMAGES).map(|_| (least.load(Relaxed), disk.image(|choices| random.usize(..choices)))));
    })));
    let before = db.stats().index_buckets;
    for half in crowd.chunks(CROWD.div_ceil(2)) {
        half.iter().for_each(|key| assert!(db.put(*key, &[1.0], b"").unwrap()));
        db.flush().unwrap();
        durable.fetch_add(half.len(), Relaxed);
    }
    // What is left is too much for the window, and is not left again.
    db.flush_due().unwrap();
    disk.after_change(None);
    assert!(db.stats().index_buckets > before, "no window was crowded");
    let images = std::mem::take(&mut *images.lock().unwrap());
    assert!(images.len() > 100, "{}", images.len());
    for (durable, image) in images {
        let disk = Disk::new(&image, 2);
        let storage = open(&disk);
        let db = storage.database(NAME).unwrap();
        let found = prefix(&db, &crowd);
        assert!(found >= durable, "{found} of {durable}");
        // The next life flushes, too, and meets the same window.
        crowd[found..].iter().for_each(|key| assert!(db.put(*key, &[2.0], b"").unwrap()));
        db.flush().unwrap();
        assert_eq!(prefix(&db, &crowd), CROWD);
        drop((db, storage));
        let disk = Disk::new(&disk.image(|_| 0), 3);
        assert_eq!(prefix(&open(&disk).database(NAME).unwrap(), &crowd), CROWD);
    }
}
