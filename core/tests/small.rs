//! A whole life of a database in a few operations, on files and in memory: small enough for Miri, which is some thousand
//! times slower than the machine.
#![cfg(unix)]

use jvdb_core::medium::{MemoryVolume, NativeVolume, Volume};
use jvdb_core::{Access, Key, Metric, Operation, Options, Position, Schema, Storage};
use std::sync::Arc;
use std::time::Duration;

fn open(volume: &Arc<dyn Volume>) -> Storage {
    let options = Options::default().seed(1).flush_interval(Duration::ZERO);
    Storage::on(Arc::clone(volume), options).unwrap()
}

fn live(volume: &Arc<dyn Volume>) {
    let storage = open(volume);
    let db = storage.create("d", Schema::new(2, Metric::Cosine).unwrap()).unwrap();
    db.put(1, &[1.0, 2.0], b"metadata").unwrap();
    let held = db.get(1).unwrap().unwrap();
    let put = |key, vector| Operation::Put { key, vector, metadata: b"" };
    db.write([put(Key::Int(1), &[3.0, 4.0]), put(Key::from("a key that is too long for a header"), &[5.0, 6.0])])
        .unwrap();
    db.set_attribute(b"name", b"value").unwrap();
    db.flush().unwrap();
    // From the table, and beside a writer.
    std::thread::scope(|scope| {
        scope.spawn(|| db.put(2, &[7.0, 8.0], b"").unwrap());
        assert_eq!(
            db.read(1, |vector, metadata| (vector.to_vec(), metadata.len())).unwrap(),
            Some((vec![3.0, 4.0], 0))
        );
    });
    assert!(db.delete(1).unwrap());
    db.compact().unwrap();
    assert_eq!((held.vector(), held.metadata()), (&[1.0, 2.0][..], &b"metadata"[..]));
    drop(db);
    storage.close().unwrap();
    drop(held);
    let storage = open(volume);
    let db = storage.database("d").unwrap();
    let vectors: Vec<_> = db.scan(Position::START).map(|found| found.unwrap().vector().to_vec()).collect();
    assert_eq!(vectors, [[5.0, 6.0], [7.0, 8.0]]);
    assert_eq!(db.attribute(b"name").unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(db.verify().unwrap().damage, []);
}

#[test]
fn in_memory() {
    live(&(Arc::new(MemoryVolume::default()) as _));
}

#[test]
fn on_files() {
    let dir = tempfile::tempdir().unwrap();
    live(&(Arc::new(NativeVolume::open(dir.path(), Access::File, false).unwrap()) as _));
}
