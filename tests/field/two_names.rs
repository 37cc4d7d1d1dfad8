//! One file has two names: a link beside it, a hard link in another directory, a file system that ignores case. Two stores write to it,
//! and half of what was flushed is gone.

use jvdb_core::{Access, Error, Metric, Schema, Storage};
use jvdb_tests::never_flushing;
use std::os::unix::fs::symlink;

fn schema() -> Schema {
    Schema::new(1, Metric::Cosine).unwrap()
}

#[test]
fn a_second_name_of_an_open_file_is_an_error_that_names_both() {
    for hard in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir_in(directory.path()).unwrap();
        let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
        let other = Storage::open(elsewhere.path(), never_flushing(Access::Mmap)).unwrap();
        let one = storage.create("one", schema()).unwrap();
        one.put(1, &[1.0], b"").unwrap();
        let file = directory.path().join("one.jvdb");
        for path in [directory.path().join("two.jvdb"), elsewhere.path().join("three.jvdb")] {
            match hard {
                true => std::fs::hard_link(&file, &path).unwrap(),
                false => symlink(&file, &path).unwrap(),
            }
        }
        for (storage, name) in [(&storage, "two"), (&other, "three")] {
            let error = storage.database(name).unwrap_err();
            assert!(matches!(error, Error::Locked { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(&format!("{name}.jvdb")) && text.contains("one.jvdb"), "{text}");
        }
        if hard {
            // A compaction takes the name to a file of its own, and leaves the old one to the others.
            one.compact().unwrap();
            assert_eq!(storage.database("two").unwrap().count(), 1);
            assert!(other.database("three").is_err());
        }
        one.flush().unwrap();
        drop(one);
        storage.close().unwrap();
        let three = other.database("three").unwrap();
        three.put(3, &[3.0], b"").unwrap();
        three.flush().unwrap();
    }
}
