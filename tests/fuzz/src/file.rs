//! Any bytes as a database file: opening, reading all of it, checking it, writing to it, repairing it. Errors are fine, and so is any
//! content; a panic is not, nor a lookup that contradicts a scan, nor a write that is not there afterwards, nor a repair that leaves damage.

use jvdb_core::medium::MemoryVolume;
use jvdb_core::{Database, Metric, Options, Position, Result, Schema, Storage};
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = "d.jvdb";

fn options(read_only: bool) -> Options {
    Options::default().flush_interval(Duration::ZERO).verify_checksums(read_only).read_only(read_only).seed(1)
}

/// The target.
pub fn file(image: &[u8]) {
    repair(image);
    for read_only in [true, false] {
        let volume = Arc::new(MemoryVolume::with_files([(FILE, image)]));
        let storage = Storage::on(Arc::clone(&volume) as _, options(read_only)).expect("a directory opens");
        // Before it is opened, when figures come from its superblock.
        let _ = storage.stats();
        if let Ok(database) = storage.database("d") {
            let _ = read(&database);
            if !read_only {
                let _ = write(&database);
            }
        }
        if read_only {
            assert_eq!(volume.bytes(FILE).as_deref(), Some(image), "a read-only opening has changed the file");
            continue;
        }
        // What an opening and its close leave can be opened again.
        let _ = storage.close();
        let image = volume.bytes(FILE).unwrap_or_default();
        let storage = Storage::on(Arc::new(MemoryVolume::with_files([(FILE, &image[..])])), options(false));
        let database = storage.expect("a directory opens").database("d");
        let _ = database.map(|database| read(&database));
    }
}

/// Whatever a repair makes is sound, and what it cannot repair it leaves alone.
fn repair(image: &[u8]) {
    for schema in [None, Schema::new(4, Metric::Cosine).ok()] {
        let volume = Arc::new(MemoryVolume::with_files([(FILE, image)]));
        let storage = Storage::on(Arc::clone(&volume) as _, options(false)).expect("a directory opens");
        match storage.repair("d", schema) {
            Ok(repaired) => {
                let database = storage.database("d").expect("what was repaired opens");
                assert_eq!(database.verify().expect("memory is read").damage, []);
                assert_eq!(database.count(), repaired.vectors);
                let attributes = database.attributes().expect("they are listed").len() as u64;
                assert_eq!(attributes, repaired.attributes);
                // What is sound has no backup: at most its unflushed end was made durable.
                if let Some(backup) = repaired.backup {
                    let same = volume.bytes(&backup).as_deref() == Some(image);
                    assert!(same, "{backup} is not what was there before");
                }
            }
            Err(_) => assert!(volume.bytes(FILE).as_deref() == Some(image), "a repair that failed changed the file"),
        }
    }
}

fn read(database: &Database) -> Result<()> {
    let _ = (database.count(), database.schema(), database.stats());
    for found in database.scan(Position::START) {
        let found = found?;
        assert_eq!(found.vector().len(), database.schema().dimension());
        if let Some(same) = database.get(found.key())? {
            assert_eq!(same.key(), found.key(), "another key than was asked for");
        }
        let _ = database.contains(found.key())?;
    }
    for id in database.keys(Position::from_u64(130)) {
        let _ = id?;
    }
    for name in database.attributes()? {
        let _ = database.attribute(&name)?;
    }
    let _ = database.verify()?;
    Ok(())
}

fn write(database: &Database) -> Result<()> {
    let dimension = database.schema().dimension();
    let vector: Vec<f32> = (0..dimension).map(|element| element as f32).collect();
    let key = "a key too long for a record's header";
    for metadata in [&b"before the flush"[..], b"after the flush"] {
        database.put(key, &vector, metadata)?;
        let found = database.get(key)?.expect("it was just stored");
        assert_eq!((found.vector(), found.metadata()), (&vector[..], metadata));
        database.set_attribute(b"name", metadata)?;
        assert_eq!(database.attribute(b"name")?.as_deref(), Some(metadata));
        database.flush()?;
    }
    database.compact()?;
    if let Some(found) = database.get(key)? {
        assert_eq!(found.vector(), vector);
    }
    database.delete(key)?;
    assert!(!database.contains(key)?);
    database.flush()?;
    Ok(())
}
