//! One file is empty, foreign or unreadable, or all slots are held: figures of the whole directory fail, and a flush of all leaves
//! what it did not reach unflushed.

use jvdb_core::{Access, Metric, Options, Schema, Storage};
use jvdb_tests::never_flushing;
use std::time::{Duration, Instant};

fn schema() -> Schema {
    Schema::new(2, Metric::Cosine).unwrap()
}

#[test]
fn figures_of_a_directory_leave_out_what_cannot_be_read_and_say_how_much() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    storage.create("sound", schema()).unwrap().put(1, &[1.0, 0.0], b"").unwrap();
    std::fs::write(directory.path().join("empty.jvdb"), b"").unwrap();
    std::fs::write(directory.path().join("foreign.jvdb"), vec![7; 10_000]).unwrap();
    let stats = storage.stats().unwrap();
    assert_eq!((stats.databases, stats.vectors, stats.unreadable), (3, 1, 2));
    storage.flush().unwrap();
    assert!(storage.database("empty").is_err());
}

#[test]
fn figures_and_a_flush_of_all_need_no_slot() {
    let directory = tempfile::tempdir().unwrap();
    let options = || never_flushing(Access::Mmap).max_open_files(5).pin_timeout(Duration::from_secs(30));
    let storage = Storage::open(directory.path(), options()).unwrap();
    for number in 0..8 {
        storage.create(&format!("d{number}"), schema()).unwrap().put(1, &[1.0, 0.0], b"").unwrap();
    }
    let held: Vec<_> = (0..5).map(|number| storage.database(&format!("d{number}")).unwrap()).collect();
    let started = Instant::now();
    let stats = storage.stats().unwrap();
    assert_eq!((stats.databases, stats.vectors, stats.unreadable), (8, 8, 0));
    storage.flush().unwrap();
    let stats = storage.stats().unwrap();
    assert_eq!((stats.unflushed_bytes, stats.open_files), (0, 5));
    assert!(started.elapsed() < Duration::from_secs(20), "nobody waits for a slot");
    drop(held);
    let reader = Storage::open(directory.path(), Options::default().read_only(true)).unwrap();
    assert_eq!(reader.database("d7").unwrap().count(), 1);
}

#[test]
fn a_flush_of_all_reports_the_time_of_all() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    for number in 0..20 {
        storage.create(&format!("d{number}"), schema()).unwrap().put(1, &[1.0, 0.0], b"").unwrap();
    }
    let took = storage.flush().unwrap();
    let stats = storage.stats().unwrap();
    assert_eq!(stats.last_flush.as_micros(), took.as_micros());
    let of_each = (0..20).map(|number| storage.database(&format!("d{number}")).unwrap().stats().last_flush);
    assert!(stats.last_flush >= of_each.sum::<Duration>().mul_f64(0.9));
    assert!(stats.longest_flush >= stats.last_flush);
}
