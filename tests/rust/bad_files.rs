//! Files that are not what they should be, and directories that cannot be used: an error that names them, and the other
//! databases go on.

use jvdb_core::{Access, Error, Metric, Options, Schema, Storage};
use std::fs;
use std::path::Path;

/// A directory with the sound databases `good` and `bad`, closed.
fn two_databases() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), Options::default()).unwrap();
    for name in ["good", "bad"] {
        let database = storage.create(name, Schema::new(3, Metric::Cosine).unwrap()).unwrap();
        for id in 0..100 {
            database.put(id, &[id as f32; 3], b"{}").unwrap();
        }
    }
    storage.close().unwrap();
    dir
}

/// Opening `bad` fails with an error about its file, and `good` is what it was. The file is not changed.
fn is_refused(dir: &Path) -> Error {
    let before = fs::read(dir.join("bad.jvdb")).unwrap();
    let storage = Storage::open(dir, Options::default()).unwrap();
    let error = storage.database("bad").expect_err("the file is bad");
    assert!(error.to_string().contains("bad.jvdb"), "{error}");
    assert_eq!(storage.list().unwrap(), ["bad", "good"]);
    let good = storage.database("good").unwrap();
    assert_eq!((good.count(), good.get(7).unwrap().unwrap().vector()), (100, &[7.0; 3][..]));
    assert!(good.put(100, &[0.0; 3], b"").unwrap());
    assert_eq!(fs::read(dir.join("bad.jvdb")).unwrap(), before);
    error
}

#[test]
fn a_foreign_file_is_refused_by_name() {
    for content in [&b""[..], b"{\"not\": \"ours\"}", &[0; 100_000], &[0xFF; 8192]] {
        let dir = two_databases();
        fs::write(dir.path().join("bad.jvdb"), content).unwrap();
        let error = is_refused(dir.path());
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    }
}

#[test]
fn a_file_cut_off_below_what_was_flushed_is_refused() {
    for keep in [1, 4096, 8192, 8192 + 64, 12_345] {
        let dir = two_databases();
        let file = fs::OpenOptions::new().write(true).open(dir.path().join("bad.jvdb")).unwrap();
        assert!(file.metadata().unwrap().len() > keep);
        file.set_len(keep).unwrap();
        let error = is_refused(dir.path());
        assert!(matches!(error, Error::Corrupt { .. }), "{keep}: {error:?}");
    }
}

#[test]
fn a_flipped_bit_is_found_and_never_served() {
    let dir = two_databases();
    let path = dir.path().join("bad.jvdb");
    let sound = fs::read(&path).unwrap();
    let options = Options::default().verify_checksums(true).read_only(true);
    let mut found = 0;
    for at in (0..sound.len()).step_by(509) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let storage = Storage::open(dir.path(), options.clone()).unwrap();
        let Ok(database) = storage.database("bad") else {
            found += 1;
            continue;
        };
        for id in 0..100 {
            match database.get(id) {
                Ok(Some(vector)) => assert_eq!((vector.vector(), vector.metadata()), (&[id as f32; 3][..], &b"{}"[..])),
                Ok(None) => panic!("bit {at} hides vector {id}"),
                Err(Error::Corrupt { .. }) => found += 1,
                Err(error) => panic!("bit {at}: {error:?}"),
            }
        }
    }
    assert!(found > 0, "no flip was met, so nothing was tested");
}

#[test]
fn a_directory_that_cannot_be_used_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for path in ["file", "file/below"] {
        let path = dir.path().join(path);
        let error = Storage::open(&path, Options::default()).expect_err("no directory");
        assert!(matches!(error, Error::Io { .. }) && error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    let missing = dir.path().join("missing");
    let options = Options::default().create(false);
    let error = Storage::open(&missing, options).expect_err("not there, and not to be made");
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
    assert!(!missing.exists());
}

#[test]
fn a_file_cut_off_while_it_is_open_is_noticed_by_the_next_flush() {
    for access in [jvdb_core::Access::Mmap, jvdb_core::Access::File] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::default().access(access).flush_interval(std::time::Duration::ZERO);
        let storage = Storage::open(dir.path(), options).unwrap();
        let database = storage.create("d", Schema::new(3, Metric::Cosine).unwrap()).unwrap();
        for id in 0..200 {
            database.put(id, &[id as f32; 3], b"{}").unwrap();
        }
        database.flush().unwrap();
        database.put(200, &[0.0; 3], b"{}").unwrap();
        let file = fs::OpenOptions::new().write(true).open(dir.path().join("d.jvdb")).unwrap();
        file.set_len(8192 + 50 * 128).unwrap();
        let error = database.flush().unwrap_err().to_string();
        assert!(error.contains("another program has truncated the file") && error.contains("d.jvdb"), "{error}");
        assert!(matches!(database.put(201, &[0.0; 3], b""), Err(Error::Poisoned { .. })));
        let (mut vector, mut metadata) = ([0.0; 3], Vec::new());
        for id in 0..201 {
            match database.get_into(id, &mut vector, &mut metadata) {
                Ok(there) => assert!(there && vector == [id as f32; 3]),
                Err(error) => assert!(error.to_string().contains("d.jvdb"), "{error}"),
            }
        }
        assert!(database.get_into(199, &mut vector, &mut metadata).is_err());
    }
}

#[test]
fn a_flush_does_not_fill_up_with_zeros_what_another_program_cut_off() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = Storage::open(dir.path(), Options::default()).unwrap();
    let db = storage.create("d", Schema::new(3, Metric::Cosine).unwrap()).unwrap();
    db.put(1, &[1.0; 3], b"").unwrap();
    db.flush().unwrap();
    db.put(2, &[2.0; 3], b"").unwrap();
    // As a process that is killed leaves it: with a tail that was never flushed.
    let path = other.path().join("d.jvdb");
    fs::copy(dir.path().join("d.jvdb"), &path).unwrap();
    for access in [Access::Mmap, Access::File] {
        let storage = Storage::open(other.path(), Options::default().access(access)).unwrap();
        let db = storage.database("d").unwrap();
        assert_eq!(db.count(), 2);
        let whole = fs::read(&path).unwrap();
        let cut = whole.len() as u64 - 64;
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        for _ in 0..2 {
            let refused = db.flush().unwrap_err();
            assert!(refused.to_string().contains("d.jvdb"), "{refused}");
            db.put(3, &[3.0; 3], b"").unwrap_err();
        }
        assert_eq!(fs::metadata(&path).unwrap().len(), cut, "it has not grown over what is gone");
        drop((db, storage));
        fs::write(&path, whole).unwrap();
    }
}
