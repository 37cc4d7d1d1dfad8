//! Every call of the interface, through the component.

mod common;

use common::{component, entry, metadata, open, scan_all, schema, vector};
use jvdb_wasmtime::{Key, Metric, Operation, Options, Schema, Storage, Written};

#[test]
fn databases_are_created_listed_opened_and_dropped() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(&scratch.path().join("made/on/the/way"));
    assert!(storage.list().unwrap().is_empty());
    for (name, metric) in [("b", Metric::Euclidean), ("a", Metric::DotProduct), ("c ü", Metric::Cosine)] {
        let created = storage.create(name, Schema { dimension: 65_536, metric }).unwrap();
        assert_eq!(created.name().unwrap(), name);
        assert_eq!(created.schema().unwrap(), Schema { dimension: 65_536, metric });
    }
    assert_eq!(storage.list().unwrap(), ["a", "b", "c ü"]);
    assert!(storage.exists("b").unwrap());
    storage.drop_database("b").unwrap();
    assert!(!storage.exists("b").unwrap());
    assert_eq!(storage.list().unwrap(), ["a", "c ü"]);
    assert_eq!(storage.database("c ü").unwrap().schema().unwrap().metric, Metric::Cosine);
}

#[test]
fn vectors_are_stored_read_replaced_and_deleted() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(scratch.path());
    let database = storage.create("d", schema(3)).unwrap();

    assert!(database.put(7, &[1.0, 2.0, 3.0], b"first").unwrap());
    assert!(!database.put(7, &[4.0, 5.0, 6.0], b"second").unwrap());
    // The integer 7 and the text 7 are two keys.
    assert_eq!(database.get("7").unwrap(), None);
    assert!(database.put("7", &[7.0, 8.0, 9.0], b"").unwrap());
    let seven = database.get(7).unwrap().unwrap();
    assert_eq!((seven.vector, seven.metadata), (vec![4.0, 5.0, 6.0], b"second".to_vec()));
    assert!(database.get("7").unwrap().unwrap().metadata.is_empty());

    database.insert(8, &[0.0; 3], b"").unwrap();
    database.replace(8, &[1.0; 3], b"x").unwrap();
    assert_eq!(database.get(8).unwrap().unwrap().vector, [1.0; 3]);
    assert_eq!(database.count().unwrap(), 3);

    assert!(database.contains(8).unwrap());
    assert!(database.delete(8).unwrap());
    assert!(!database.delete(8).unwrap());
    assert!(!database.contains(8).unwrap());
    assert_eq!(database.get(8).unwrap(), None);
    assert_eq!(database.count().unwrap(), 2);
}

#[test]
fn vectors_come_back_bit_for_bit() {
    let scratch = tempfile::tempdir().unwrap();
    let database = open(scratch.path()).create("d", schema(5)).unwrap();
    let odd = [f32::from_bits(0x7fc0_1234), f32::NEG_INFINITY, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX];
    database.put(u64::MAX, &odd, &[0, 255, b'"', 0]).unwrap();
    let found = database.get(u64::MAX).unwrap().unwrap();
    assert_eq!(found.vector.iter().map(|e| e.to_bits()).collect::<Vec<_>>(), odd.map(f32::to_bits));
    assert_eq!(found.metadata, [0, 255, b'"', 0]);
}

#[test]
fn the_largest_of_everything_fits() {
    let scratch = tempfile::tempdir().unwrap();
    let database = open(scratch.path()).create("d", schema(65_536)).unwrap();
    let (key, vector, metadata) = (vec![0xff; 512], vector(1, 65_536), vec![b'm'; 16 << 20]);
    database.put(key.clone(), &vector, &metadata).unwrap();
    let found = database.get(key.clone()).unwrap().unwrap();
    assert!(found.vector == vector && found.metadata == metadata);
    let page = database.scan(0, 0).unwrap();
    assert_eq!(page.entries.len(), 1);
    assert!(page.entries[0].key == Key::Bytes(key) && page.entries[0].metadata == metadata);
}

#[test]
fn batches_store_and_delete_together() {
    let scratch = tempfile::tempdir().unwrap();
    let database = open(scratch.path()).create("d", schema(4)).unwrap();
    let entries: Vec<_> = (0..1000).map(|id| entry(id, 4)).collect();
    assert_eq!(database.put_batch(&entries).unwrap(), Written { inserted: 1000, replaced: 0, deleted: 0 });
    let operations = [
        Operation::Put(entry(5, 4)),
        Operation::Delete(6.into()),
        Operation::Delete(5000.into()),
        Operation::Put(entry(2000, 4)),
    ];
    assert_eq!(database.write(&operations).unwrap(), Written { inserted: 1, replaced: 1, deleted: 1 });
    assert_eq!(database.count().unwrap(), 1000);
    assert_eq!(database.put_batch(&[]).unwrap(), Written { inserted: 0, replaced: 0, deleted: 0 });

    // One bad element, and nothing of the batch is there.
    let mut bad: Vec<_> = (3000..3010).map(|id| entry(id, 4)).collect();
    bad[9].vector.pop();
    database.put_batch(&bad).unwrap_err();
    assert_eq!(database.count().unwrap(), 1000);
    assert!(!database.contains(3000).unwrap());
}

#[test]
fn pages_are_bounded_and_give_everything_once() {
    let scratch = tempfile::tempdir().unwrap();
    let database = open(scratch.path()).create("d", schema(16)).unwrap();
    let entries: Vec<_> = (0..500).map(|id| entry(id, 16)).collect();
    database.put_batch(&entries).unwrap();
    // Each counts 64 bytes of elements, 64 for itself, 8 of key and its metadata: five reach 700.
    let page = database.scan(0, 700).unwrap();
    assert_eq!(page.entries.len(), 5);
    assert_eq!(page.entries, entries[..5]);
    for max_bytes in [0, 1, 700, 1 << 20, u32::MAX] {
        assert_eq!(scan_all(&database, max_bytes), entries, "pages of {max_bytes}");
    }

    let (mut ids, mut position, mut pages) = (Vec::new(), 0, 0);
    loop {
        let page = database.keys(position, 10 * (64 + 8)).unwrap();
        if page.keys.is_empty() {
            break;
        }
        assert_eq!(page.keys.len(), 10);
        ids.extend(page.keys);
        (position, pages) = (page.next, pages + 1);
    }
    assert_eq!(pages, 50);
    assert_eq!(ids, (0..500).map(Key::Integer).collect::<Vec<_>>());

    // What is written behind the end comes next; what was given is not given again.
    database.put(7, &vector(1, 16), b"").unwrap();
    database.put("new", &vector(2, 16), b"").unwrap();
    database.delete(3).unwrap();
    assert_eq!(database.keys(position, 1 << 20).unwrap().keys, [Key::from(7), Key::from("new")]);
    let all = scan_all(&database, 1 << 20);
    assert_eq!(all.len(), 500);
    assert!(all.iter().all(|entry| entry.key != Key::from(3)));
}

#[test]
fn no_page_grows_beyond_what_a_host_takes() {
    let scratch = tempfile::tempdir().unwrap();
    let database = open(scratch.path()).create("d", schema(16_384)).unwrap();
    for id in 0..1_200 {
        database.put(id, &[id as f32; 16_384], b"").unwrap();
    }
    let page = database.scan(0, u32::MAX).unwrap();
    let bytes: usize = page.entries.iter().map(|entry| entry.vector.len() * 4).sum();
    assert!((32 << 20..33 << 20).contains(&(bytes + 72 * page.entries.len())), "{bytes} bytes");
}

#[test]
fn flushes_take_time_and_are_counted() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(scratch.path());
    let database = storage.create("d", schema(8)).unwrap();
    database.put_batch(&(0..100).map(|id| entry(id, 8)).collect::<Vec<_>>()).unwrap();
    let before = database.stats().unwrap();
    assert_eq!((before.vectors, before.unflushed_operations, before.flushes), (100, 100, 0));
    assert!(before.unflushed_bytes > 0);

    assert!(!database.flush().unwrap().is_zero());
    let after = database.stats().unwrap();
    assert_eq!((after.unflushed_bytes, after.unflushed_operations, after.flushes), (0, 0, 1));
    assert!(after.last_flush > 0 && after.longest_flush >= after.last_flush);

    database.put(1, &vector(1, 8), b"").unwrap();
    storage.flush().unwrap();
    let stats = storage.stats().unwrap();
    assert_eq!((stats.databases, stats.vectors, stats.open_files, stats.max_open_files), (1, 100, 1, 100));
    assert_eq!((stats.flushes, stats.unflushed_bytes, stats.evictions), (2, 0, 0));
    assert_eq!(stats.bytes_on_disk, std::fs::metadata(scratch.path().join("d.jvdb")).unwrap().len());
}

#[test]
fn a_due_flush_runs_inside_a_write() {
    let scratch = tempfile::tempdir().unwrap();
    let options = Options { flush_interval_seconds: Some(1), ..Options::default() };
    let storage = Storage::open(component(), scratch.path(), options).unwrap();
    let database = storage.create("d", schema(8)).unwrap();
    database.put(1, &vector(1, 8), b"").unwrap();
    assert_eq!(database.stats().unwrap().flushes, 0);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    database.put(2, &vector(2, 8), b"").unwrap();
    let stats = database.stats().unwrap();
    assert_eq!((stats.flushes, stats.unflushed_operations), (1, 0));
}

#[test]
fn many_databases_share_few_open_files() {
    let scratch = tempfile::tempdir().unwrap();
    let options = Options { max_open_files: Some(5), ..Options::default() };
    let storage = Storage::open(component(), scratch.path(), options).unwrap();
    for number in 0..20 {
        let database = storage.create(&format!("d{number}"), schema(4)).unwrap();
        for id in 0..10 {
            database.put(id, &vector(id, 4), &metadata(id)).unwrap();
        }
    }
    let stats = storage.stats().unwrap();
    assert!(stats.open_files <= 5 && stats.evictions >= 15, "{stats:?}");
    assert_eq!(stats.vectors, 200);
    for number in 0..20 {
        let database = storage.database(&format!("d{number}")).unwrap();
        assert_eq!(scan_all(&database, 1 << 20), (0..10).map(|id| entry(id, 4)).collect::<Vec<_>>());
    }
}

#[test]
fn handles_are_shared_by_threads_and_outlive_the_storage() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(scratch.path());
    let database = storage.create("d", schema(8)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let database = &database;
            scope.spawn(move || {
                for id in (thread * 100)..(thread * 100 + 100) {
                    database.put(id, &vector(id, 8), &metadata(id)).unwrap();
                    assert_eq!(database.get(id).unwrap().unwrap().vector, vector(id, 8));
                }
            });
        }
    });
    storage.close().unwrap();
    assert_eq!(database.count().unwrap(), 400);
    database.put(400, &vector(400, 8), b"").unwrap();
    assert!(Storage::open(component(), scratch.path(), Options::default()).is_err(), "the handle keeps the lock");
    drop(database);
    assert_eq!(open(scratch.path()).database("d").unwrap().count().unwrap(), 401);
}
