//! The process may have only a few files open, and more databases than that: a flush that lacks a descriptor poisons its database
//! for good, and openings fail while idle files are open.

use jvdb_core::{Layout, Options, Storage};
use jvdb_tests::Order;
use jvdb_tests::child::Process;

#[test]
fn twelve_databases_are_used_with_sixteen_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Process::start(env!("CARGO_BIN_EXE_jvdb-child"), Order::FewDescriptors, directory.path());
    for (name, layout) in [("flat", Layout::Flat), ("folders", Layout::Folders)] {
        assert_eq!(child.line().as_deref(), Some("went round"), "{name}");
        let storage = Storage::open(directory.path().join(name), Options::default().layout(layout)).unwrap();
        assert_eq!(storage.list().unwrap().len(), 12);
        for name in storage.list().unwrap() {
            assert_eq!(storage.database(&name).unwrap().count(), 5, "{name}");
        }
    }
}
