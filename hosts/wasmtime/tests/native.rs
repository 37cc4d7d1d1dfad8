//! One format: what the component writes the native library reads, and the other way round; the same calls with the
//! same seed write the same bytes.

mod common;

use common::{component, entry, metadata, open, scan_all, schema, vector};
use jvdb_core::{Access, Key as NativeKey, Position};
use jvdb_wasmtime::{Entry, Key, Metric, Operation, Options, Schema, Storage};
use std::fs;
use std::path::Path;

fn native(directory: &Path, access: Access) -> jvdb_core::Storage {
    jvdb_core::Storage::open(directory, jvdb_core::Options::default().access(access)).unwrap()
}

fn everything(database: &jvdb_core::Database) -> Vec<Entry> {
    let found = database.scan(Position::START).map(|found| {
        let found = found.unwrap();
        let key = match found.key() {
            NativeKey::Int(id) => Key::Integer(id),
            NativeKey::Bytes(bytes) => Key::from(bytes),
        };
        Entry { key, vector: found.vector().into(), metadata: found.metadata().into() }
    });
    found.collect()
}

#[test]
fn written_by_the_component_read_natively() {
    for (flush, close) in [(false, false), (true, false), (true, true)] {
        let scratch = tempfile::tempdir().unwrap();
        let storage = open(scratch.path());
        let database = storage.create("d", Schema { dimension: 24, metric: Metric::DotProduct }).unwrap();
        database.put_batch(&(0..2000).map(|id| entry(id, 24)).collect::<Vec<_>>()).unwrap();
        database.put("text", &vector(1, 24), b"\xff").unwrap();
        if flush {
            database.flush().unwrap();
        }
        database.put(vec![9; 500], &vector(2, 24), b"").unwrap();
        database.delete(77).unwrap();
        let expected = scan_all(&database, 1 << 16);
        assert_eq!(expected.len(), 2001);
        drop(database);
        if close {
            storage.close().unwrap();
        } else {
            drop(storage);
        }
        for access in [Access::Mmap, Access::File] {
            let storage = native(scratch.path(), access);
            let database = storage.database("d").unwrap();
            assert_eq!(database.schema().metric(), jvdb_core::Metric::DotProduct);
            assert!(everything(&database) == expected);
            let report = database.verify().unwrap();
            assert!(report.damage.is_empty(), "{:?}", report.damage);
        }
    }
}

#[test]
fn written_natively_read_by_the_component() {
    for access in [Access::Mmap, Access::File] {
        let scratch = tempfile::tempdir().unwrap();
        let storage = native(scratch.path(), access);
        let shape = jvdb_core::Schema::new(24, jvdb_core::Metric::Euclidean).unwrap();
        let database = storage.create("d", shape).unwrap();
        for id in 0..500 {
            database.put(id, &vector(id, 24), &metadata(id)).unwrap();
        }
        database.flush().unwrap();
        database.put("text", &vector(1, 24), b"\xff").unwrap();
        let expected = everything(&database);
        drop(database);
        storage.close().unwrap();

        let storage = open(scratch.path());
        let database = storage.database("d").unwrap();
        assert_eq!(database.schema().unwrap(), Schema { dimension: 24, metric: Metric::Euclidean });
        assert!(scan_all(&database, 1 << 12) == expected);
        assert_eq!(database.get(123).unwrap().unwrap().vector, vector(123, 24));
        assert_eq!(storage.stats().unwrap().vectors, 501);
    }
}

/// The same calls through the component and natively.
mod same {
    use super::*;

    const SEED: u64 = 7;

    pub fn component(directory: &Path) {
        let options = Options { seed: Some(SEED), flush_interval_seconds: Some(0), ..Options::default() };
        let storage = Storage::open(super::component(), directory, options).unwrap();
        let database = storage.create("d", schema(48)).unwrap();
        database.put_batch(&(0..1500).map(|id| entry(id, 48)).collect::<Vec<_>>()).unwrap();
        database.flush().unwrap();
        database.write(&[Operation::Put(entry(3, 48)), Operation::Delete(4.into())]).unwrap();
        database.put("long ".repeat(50).as_str(), &vector(5, 48), &[b'x'; 5000]).unwrap();
        database.flush().unwrap();
        database.put(9000, &vector(9000, 48), b"").unwrap();
        drop(database);
        storage.close().unwrap();
    }

    pub fn native(directory: &Path, access: Access) {
        let options = jvdb_core::Options::default().access(access).seed(SEED).flush_interval(std::time::Duration::ZERO);
        let storage = jvdb_core::Storage::open(directory, options).unwrap();
        let database = storage.create("d", jvdb_core::Schema::new(48, jvdb_core::Metric::Cosine).unwrap()).unwrap();
        let entries: Vec<_> = (0..1500).map(|id| entry(id, 48)).collect();
        let operations = entries.iter().zip(0..).map(|(entry, id): (&Entry, u64)| jvdb_core::Operation::Put {
            key: NativeKey::Int(id),
            vector: &entry.vector,
            metadata: &entry.metadata,
        });
        database.write(operations).unwrap();
        database.flush().unwrap();
        let (three, meta) = (vector(3, 48), metadata(3));
        let put = jvdb_core::Operation::Put { key: 3.into(), vector: &three, metadata: &meta };
        database.write([put, jvdb_core::Operation::Delete { key: 4.into() }]).unwrap();
        database.put("long ".repeat(50).as_str(), &vector(5, 48), &[b'x'; 5000]).unwrap();
        database.flush().unwrap();
        database.put(9000, &vector(9000, 48), b"").unwrap();
        drop(database);
        storage.close().unwrap();
    }
}

#[test]
fn the_same_calls_write_the_same_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let directories = ["component", "mmap", "file"].map(|face| scratch.path().join(face));
    same::component(&directories[0]);
    same::native(&directories[1], Access::Mmap);
    same::native(&directories[2], Access::File);
    let [component, mmap, file] = directories.map(|directory| fs::read(directory.join("d.jvdb")).unwrap());
    let differs = |a: &[u8], b: &[u8]| a.iter().zip(b).position(|(a, b)| a != b);
    assert_eq!(mmap.len(), component.len());
    assert_eq!(differs(&mmap, &component), None, "offset at which the component differs from mmap");
    assert_eq!(differs(&mmap, &file), None, "offset at which file differs from mmap");
}

#[test]
fn without_a_seed_no_two_files_or_openings_share_an_identity() {
    let scratch = tempfile::tempdir().unwrap();
    let mut files = std::collections::HashSet::new();
    for run in 0..20 {
        let storage = open(scratch.path());
        storage.create("d", schema(4)).unwrap().put(1, &[0.0; 4], b"").unwrap();
        drop(storage);
        assert!(files.insert(fs::read(scratch.path().join("d.jvdb")).unwrap()), "run {run} repeats an earlier one");
        // The record alone, written by a new opening of a copy of one file, carries a salt of its own.
        fs::remove_file(scratch.path().join("d.jvdb")).unwrap();
    }
    let storage = open(scratch.path());
    storage.create("d", schema(4)).unwrap();
    storage.close().unwrap();
    let empty = fs::read(scratch.path().join("d.jvdb")).unwrap();
    for run in 0..20 {
        fs::write(scratch.path().join("d.jvdb"), &empty).unwrap();
        let storage = open(scratch.path());
        storage.database("d").unwrap().put(1, &[0.0; 4], b"").unwrap();
        drop(storage);
        assert!(files.insert(fs::read(scratch.path().join("d.jvdb")).unwrap()), "opening {run} repeats a salt");
    }
}
