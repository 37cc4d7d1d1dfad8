//! Somebody rewrites what a scan gives, and the scan never ends; or deletes and replaces meanwhile, and it loses vectors.

use jvdb_core::{Access, KeyBuf, Metric, Position, Schema, Storage};
use jvdb_tests::history::{Numbers, key};
use jvdb_tests::never_flushing;
use std::collections::BTreeMap;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

type Content = BTreeMap<KeyBuf, f32>;

fn storage(directory: &tempfile::TempDir) -> Storage {
    Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap()
}

fn schema() -> Schema {
    Schema::new(1, Metric::DotProduct).unwrap()
}

#[test]
fn a_scan_that_rewrites_what_it_reads_ends() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory);
    let database = storage.create("points", schema()).unwrap();
    for number in 0..1_000 {
        database.put(&key(number), &[number as f32], b"").unwrap();
    }
    let mut steps = 0;
    for vector in database.scan(Position::START) {
        let vector = vector.unwrap();
        database.put(vector.key(), &[vector.vector()[0] + 1.0], b"").unwrap();
        steps += 1;
        assert!(steps <= 1_000);
    }
    assert_eq!(steps, 1_000);
    for key in database.keys(Position::START) {
        let key = key.unwrap();
        database.delete(&key).unwrap();
        database.put(&key, &[0.0], b"").unwrap();
        steps += 1;
        assert!(steps <= 2_000);
    }
    assert_eq!(steps, 2_000);
    assert_eq!(database.count(), 1_000);
}

#[test]
fn a_scan_resumed_at_its_end_goes_on_with_what_came_since() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory);
    let database = storage.create("points", schema()).unwrap();
    for number in 0..10u64 {
        database.put(number, &[0.0], b"").unwrap();
    }
    let mut scan = database.scan(Position::START);
    drop(scan.next().unwrap().unwrap());
    database.put(10, &[0.0], b"").unwrap();
    database.put(5, &[1.0], b"").unwrap();
    assert_eq!(scan.by_ref().count(), 9, "10 came later");
    assert!(scan.next().is_none());
    let more: Vec<KeyBuf> = database.keys(scan.position()).map(Result::unwrap).collect();
    assert_eq!(more, [KeyBuf::Int(10), KeyBuf::Int(5)]);
    let mut visited = 0;
    database
        .visit(scan.position(), |_, _, _| {
            visited += 1;
            Continue(())
        })
        .unwrap();
    assert_eq!(visited, 2);
}

#[test]
fn a_scan_gives_what_was_there_when_it_began_whatever_is_written_meanwhile() {
    for seed in 0..60 {
        let mut numbers = Numbers(seed);
        let directory = tempfile::tempdir().unwrap();
        let storage = storage(&directory);
        let database = storage.create("points", schema()).unwrap();
        let mut now = Content::new();
        let change = |numbers: &mut Numbers, now: &mut Content| {
            let key = key(numbers.below(60));
            match numbers.below(10) {
                0 => drop(database.flush().unwrap()),
                1..4 => {
                    database.delete(&key).unwrap();
                    now.remove(&key);
                }
                _ => {
                    let value = numbers.below(1 << 20) as f32;
                    database.put(&key, &[value], b"").unwrap();
                    now.insert(key, value);
                }
            }
        };
        for _ in 0..numbers.below(300) {
            change(&mut numbers, &mut now);
        }
        let then = now.clone();
        let mut found = Content::new();
        for vector in database.scan(Position::START) {
            let vector = vector.unwrap();
            let twice = found.insert(vector.key().to_owned(), vector.vector()[0]);
            assert_eq!(twice, None, "seed {seed}: {} comes twice", vector.key());
            for _ in 0..numbers.below(8) {
                change(&mut numbers, &mut now);
            }
        }
        assert_eq!(found, then, "seed {seed}");
        let after: Content = database
            .scan(Position::START)
            .map(Result::unwrap)
            .map(|it| (it.key().to_owned(), it.vector()[0]))
            .collect();
        assert_eq!(after, now, "seed {seed}");
    }
}

#[test]
fn scans_one_after_another_and_beside_a_compaction_miss_nothing_that_stays() {
    for seed in 0..40 {
        let mut numbers = Numbers(seed);
        let directory = tempfile::tempdir().unwrap();
        let storage = storage(&directory);
        let database = storage.create("points", schema()).unwrap();
        for number in 0..60 {
            database.put(&key(number), &[0.0], b"").unwrap();
        }
        let mut found = std::collections::BTreeSet::new();
        let mut scan = database.scan(Position::START);
        let compacted_at = numbers.below(60);
        let mut steps = 0;
        loop {
            // Keys below 40 are there throughout; the others come and go.
            let changed = key(numbers.below(60));
            database.put(&changed, &[1.0], b"").unwrap();
            if numbers.below(2) == 0 {
                database.delete(&key(40 + numbers.below(20))).unwrap();
            }
            if numbers.below(10) == 0 {
                database.flush().unwrap();
            }
            if steps == compacted_at {
                database.compact().unwrap();
            }
            if numbers.below(7) == 0 {
                scan = database.scan(scan.position());
            }
            let Some(vector) = scan.next() else { break };
            found.insert(vector.unwrap().key().to_owned());
            steps += 1;
            assert!(steps < 10_000, "seed {seed}: it does not end");
        }
        let missing: Vec<_> = (0..40).map(key).filter(|key| !found.contains(key)).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?}");
    }
}

#[test]
fn a_verification_holds_up_no_write_and_finds_no_damage_in_what_changes() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory);
    let database = storage.create("points", schema()).unwrap();
    for number in 0..3_000 {
        database.put(&key(number), &[0.0], b"").unwrap();
    }
    let (done, writes) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = Numbers(1);
            let mut round = 0;
            while !done.load(SeqCst) {
                let key = key(numbers.below(4_000));
                match numbers.below(4) {
                    0 => drop(database.delete(&key).unwrap()),
                    _ => drop(database.put(&key, &[1.0], b"").unwrap()),
                }
                writes.fetch_add(1, SeqCst);
                round += 1;
                if round % 500 == 0 {
                    database.flush().unwrap();
                }
            }
        });
        let mut meanwhile = 0;
        for _ in 0..20 {
            let before = writes.load(SeqCst);
            let report = database.verify().unwrap();
            assert!(report.damage.is_empty(), "{report:?}");
            meanwhile += writes.load(SeqCst) - before;
        }
        done.store(true, SeqCst);
        // One of each verification may have been on its way.
        assert!(meanwhile > 100, "{meanwhile} writes during 20 verifications");
    });
}
