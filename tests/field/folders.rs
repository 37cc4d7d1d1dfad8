//! Somebody imports into the folder of one database, whose lock is that of the directory above it: two processes write to one
//! file, and little of what both stored is left.

use jvdb_core::{Error, Layout, Metric, Options, Schema, Storage};

fn schema() -> Schema {
    Schema::new(2, Metric::Cosine).unwrap()
}

#[test]
fn the_folder_of_a_database_is_no_storage_directory() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), Options::default().layout(Layout::Folders)).unwrap();
    storage.create("d", schema()).unwrap().put(1, &[1.0, 0.0], b"").unwrap();
    // A folder whose name looks like that of a file makes no difference.
    storage.create("e.jvdb", schema()).unwrap();
    let folder = directory.path().join("d");
    for _ in 0..2 {
        let error = Storage::open(&folder, Options::default()).map(drop).unwrap_err();
        assert!(matches!(&error, Error::InvalidArgument { .. }), "{error}");
        assert!(error.to_string().contains(&*directory.path().to_string_lossy()), "it names the directory: {error}");
    }
    storage.close().unwrap();
    assert!(Storage::open(&folder, Options::default()).is_err(), "nor when nobody has the directory open");
    assert!(Storage::open(&folder, Options::default().read_only(true)).is_ok(), "reading does no harm");
}

#[test]
fn a_storage_directory_may_lie_in_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let outer = Storage::open(directory.path(), Options::default()).unwrap();
    outer.create("flat", schema()).unwrap();
    let inner = directory.path().join("inner");
    Storage::open(&inner, Options::default()).unwrap().create("vectors", schema()).unwrap();
    assert!(Storage::open(&inner, Options::default()).is_ok());
}
