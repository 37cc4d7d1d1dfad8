//! One folder that cannot be looked into (a mount's lost+found, a link in a circle) kept every database beside it from being
//! opened.

use jvdb_core::{Error, Layout, Metric, Options, Schema, Storage};
use std::os::unix::fs::symlink;

#[test]
fn a_folder_that_cannot_be_listed_hides_no_other_and_is_never_made_anew() {
    let scratch = tempfile::tempdir().unwrap();
    symlink("circle", scratch.path().join("circle")).unwrap();
    symlink("lost+found", scratch.path().join("lost+found")).unwrap();
    let storage = Storage::open(scratch.path(), Options::default().layout(Layout::Folders)).unwrap();
    let schema = Schema::new(3, Metric::Cosine).unwrap();
    storage.create("good", schema).unwrap();
    assert_eq!(storage.list().unwrap(), ["circle", "good"]);
    assert!(matches!(storage.create("circle", schema), Err(Error::AlreadyExists { .. } | Error::Io { .. })));
    assert!(matches!(storage.database("circle"), Err(Error::Io { .. })));
}
