//! Refusals: each with its kind, and a message that says what, where and what to do. The storage stays usable.

mod common;

use common::{component, entry, open, schema, vector};
use jvdb_wasmtime::{Error, ErrorKind, Key, Options, Storage};
use std::fs;
use std::path::Path;

/// Checks kind and message of a refusal.
macro_rules! refused {
    ($call:expr, $kind:pat $(if $guard:expr)?, $($part:expr),+) => {
        let error: Error = $call.err().expect("it is refused");
        assert!(matches!(error.kind(), Some($kind) $(if $guard)?), "{error:?}");
        let message = error.to_string();
        $(assert!(message.contains($part), "{:?} is not in {message:?}", $part);)+
    };
}

#[test]
fn names_and_schemas_out_of_range() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(scratch.path());
    storage.create("there", schema(4)).unwrap();
    refused!(storage.database("missing"), ErrorKind::NotFound(name) if name == "missing", "missing", "create it");
    refused!(storage.drop_database("missing"), ErrorKind::NotFound(_), "missing");
    refused!(storage.create("there", schema(4)), ErrorKind::AlreadyExists(_), "there", "open it instead");
    for name in ["", ".", "..", "a/b", "nul\0", &"x".repeat(300)] {
        refused!(storage.create(name, schema(4)), ErrorKind::InvalidName(_), "invalid database name");
        refused!(storage.database(name), ErrorKind::InvalidName(_), "invalid database name");
        refused!(storage.exists(name), ErrorKind::InvalidName(_), "invalid database name");
    }
    for dimension in [0, 65_537, u32::MAX] {
        refused!(storage.create("d", schema(dimension)), ErrorKind::InvalidArgument(_), "1..=65536");
    }
    assert_eq!(storage.list().unwrap(), ["there"]);
}

#[test]
fn vectors_keys_and_metadata_out_of_range() {
    let scratch = tempfile::tempdir().unwrap();
    let database = open(scratch.path()).create("d", schema(4)).unwrap();
    database.put(1, &[0.0; 4], b"").unwrap();
    for elements in [0, 3, 5, 70_000] {
        let wrong = vec![0.0; elements];
        let error = database.put(1, &wrong, b"").unwrap_err();
        let Some(ErrorKind::DimensionMismatch(mismatch)) = error.kind() else { panic!("{error:?}") };
        assert_eq!((mismatch.expected, mismatch.actual as usize), (4, elements));
        assert_eq!(mismatch.database, "d");
    }
    refused!(database.put("", &[0.0; 4], b""), ErrorKind::InvalidArgument(what) if what.what == "key", "1..=512");
    refused!(database.put(vec![b'k'; 513], &[0.0; 4], b""), ErrorKind::InvalidArgument(_), "513", "1..=512");
    refused!(database.put(1, &[0.0; 4], &vec![0; (16 << 20) + 1]), ErrorKind::InvalidArgument(_), "metadata");
    refused!(database.insert(1, &[0.0; 4], b""), ErrorKind::KeyExists(key) if key.key == "1", "key 1", "replace");
    refused!(database.replace(2, &[0.0; 4], b""), ErrorKind::KeyNotFound(key) if key.key == "2", "key 2", "insert");
    assert_eq!(database.count().unwrap(), 1);
    assert!(database.put(2, &[0.0; 4], b"").unwrap());
}

#[test]
fn options_out_of_range() {
    let scratch = tempfile::tempdir().unwrap();
    let open = |options| Storage::open(component(), scratch.path(), options);
    for files in [0, 4, 1001] {
        let options = Options { max_open_files: Some(files), ..Options::default() };
        refused!(open(options), ErrorKind::InvalidArgument(_), "max_open_files", "5..=1000");
    }
    let options = Options { flush_interval_seconds: Some(3601), ..Options::default() };
    refused!(open(options), ErrorKind::InvalidArgument(_), "flush_interval", "3600");
    open(Options::default()).unwrap();
}

#[test]
fn a_handle_on_a_dropped_database_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(scratch.path());
    let database = storage.create("d", schema(4)).unwrap();
    storage.drop_database("d").unwrap();
    refused!(database.put(1, &[0.0; 4], b""), ErrorKind::Dropped(name) if name == "d", "dropped");
    refused!(database.get(1), ErrorKind::Dropped(_), "dropped");
    storage.create("d", schema(8)).unwrap().put(1, &vector(1, 8), b"").unwrap();
}

#[test]
fn all_open_files_in_use() {
    let scratch = tempfile::tempdir().unwrap();
    let options = Options { max_open_files: Some(5), ..Options::default() };
    let storage = Storage::open(component(), scratch.path(), options).unwrap();
    let mut held: Vec<_> = (0..5).map(|n| storage.create(&format!("d{n}"), schema(4)).unwrap()).collect();
    refused!(storage.create("d5", schema(4)), ErrorKind::AllPinned(5), "max_open_files");
    assert!(!storage.exists("d5").unwrap());
    held.pop();
    storage.create("d5", schema(4)).unwrap();
}

#[test]
fn a_second_writer_is_told_who_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let first = open(scratch.path());
    let own = format!("process {}", std::process::id());
    refused!(Storage::open(component(), scratch.path(), Options::default()), ErrorKind::Locked(lock) if lock.holder == own, own.as_str(), "in use");
    // The native library keeps to the same lock, both ways.
    let native = jvdb_core::Storage::open(scratch.path(), jvdb_core::Options::default());
    assert!(matches!(native.err(), Some(jvdb_core::Error::Locked { .. })));
    let reading = Options { read_only: true, ..Options::default() };
    Storage::open(component(), scratch.path(), reading).unwrap();
    drop(first);
    let native = jvdb_core::Storage::open(scratch.path(), jvdb_core::Options::default()).unwrap();
    refused!(Storage::open(component(), scratch.path(), Options::default()), ErrorKind::Locked(_), "in use");
    drop(native);
    open(scratch.path());
}

#[test]
fn directories_that_cannot_be_used() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, b"").unwrap();
    for bad in [&file, &file.join("below"), Path::new("/proc/none")] {
        let error = Storage::open(component(), bad, Options::default()).err().unwrap();
        assert!(matches!(error, Error::Directory { .. }), "{error:?}");
        assert!(error.to_string().contains(&bad.display().to_string()), "{error}");
    }
    let missing = Options { read_only: true, ..Options::default() };
    assert!(matches!(Storage::open(component(), scratch.path().join("no"), missing), Err(Error::Directory { .. })));
}

#[test]
fn files_that_are_none_of_ours() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("empty.jvdb"), b"").unwrap();
    fs::write(scratch.path().join("text.jvdb"), "no database ".repeat(2000)).unwrap();
    fs::write(scratch.path().join("zeros.jvdb"), vec![0; 1 << 16]).unwrap();
    fs::create_dir(scratch.path().join("directory.jvdb")).unwrap();
    let storage = open(scratch.path());
    for name in ["empty", "text", "zeros"] {
        let before = fs::read(scratch.path().join(format!("{name}.jvdb"))).unwrap();
        let path = scratch.path().join(format!("{name}.jvdb")).display().to_string();
        refused!(storage.database(name), ErrorKind::Corrupt(_), path.as_str());
        assert_eq!(fs::read(scratch.path().join(format!("{name}.jvdb"))).unwrap(), before);
    }
    assert!(storage.database("directory").is_err());
    storage.create("good", schema(4)).unwrap().put(1, &[0.0; 4], b"").unwrap();
}

#[test]
fn damage_is_found_and_never_served() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(scratch.path());
    let database = storage.create("d", schema(64)).unwrap();
    database.put_batch(&(0..100).map(|id| entry(id, 64)).collect::<Vec<_>>()).unwrap();
    drop(database);
    storage.close().unwrap();
    let file = scratch.path().join("d.jvdb");
    let whole = fs::read(&file).unwrap();
    let options = Options { verify_checksums: true, ..Options::default() };
    for at in (64..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, bytes).unwrap();
        let storage = Storage::open(component(), scratch.path(), options.clone()).unwrap();
        let Ok(database) = storage.database("d") else { continue };
        for id in 0..100 {
            match database.get(id) {
                Ok(Some(found)) => assert_eq!(found.vector, vector(id, 64), "byte {at} flipped, vector {id}"),
                Ok(None) => panic!("byte {at} flipped, vector {id} is said not to be there"),
                Err(error) => assert!(matches!(error.kind(), Some(ErrorKind::Corrupt(_))), "byte {at}: {error:?}"),
            }
        }
    }
}

/// It gives what is there, nothing, or a refusal, and stops nobody.
#[test]
fn a_cursor_that_no_page_gave() {
    let scratch = tempfile::tempdir().unwrap();
    let database = open(scratch.path()).create("d", schema(4)).unwrap();
    database.put(Key::from(1), &[0.0; 4], b"").unwrap();
    let end = database.scan(0, 1).unwrap().next;
    for made_up in [end + 1, end - 1, 1 << 47, 1 << 48, u64::MAX] {
        for read in [
            database.scan(made_up, 1).map(|page| page.entries.len()),
            database.keys(made_up, 1).map(|page| page.keys.len()),
        ] {
            assert!(matches!(read, Ok(0 | 1) | Err(Error::Engine(_))), "{made_up}: {read:?}");
        }
    }
    assert_eq!(database.scan(0, 1).unwrap().entries.len(), 1);
}
