//! A database's name belongs to a pipe, a directory or a link, or its file is for few eyes: listing hangs, compaction turns the
//! link into a file, and the rewritten file can be read by everybody.

use jvdb_core::{Error, Metric, Options, Schema, Storage};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

fn schema() -> Schema {
    Schema::new(2, Metric::Cosine).unwrap()
}

fn filled(directory: &Path) -> Storage {
    let storage = Storage::open(directory, Options::default()).unwrap();
    let database = storage.create("d", schema()).unwrap();
    for round in 0..3 {
        database.put(1, &[round as f32, 0.0], b"").unwrap();
    }
    database.flush().unwrap();
    storage
}

#[test]
fn what_is_no_file_is_passed_over_and_named_when_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let storage = filled(directory.path());
    let path = |name: &str| directory.path().join(name);
    let made = std::process::Command::new("mkfifo").arg(path("pipe.jvdb")).status().unwrap();
    assert!(made.success());
    std::fs::create_dir(path("folder.jvdb")).unwrap();
    let _socket = UnixListener::bind(path("socket.jvdb")).unwrap();
    symlink("/dev/null", path("device.jvdb")).unwrap();
    assert_eq!(storage.list().unwrap(), ["d"]);
    assert_eq!(storage.stats().unwrap().databases, 1);
    for (name, what) in [("pipe", "a pipe"), ("folder", "a directory"), ("socket", "a socket"), ("device", "a device")]
    {
        for error in [storage.database(name).unwrap_err(), storage.create(name, schema()).unwrap_err()] {
            assert!(matches!(&error, Error::Io { .. }) && error.to_string().contains(what), "{name}: {error}");
        }
    }
}

#[test]
fn a_link_stays_a_link_and_what_it_leads_to_is_what_changes() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(directory.path()).close().unwrap();
    let (link, target) = (directory.path().join("d.jvdb"), elsewhere.path().join("kept"));
    std::fs::rename(&link, &target).unwrap();
    symlink(&target, &link).unwrap();
    let storage = Storage::open(directory.path(), Options::default()).unwrap();
    let before = std::fs::metadata(&target).unwrap().len();
    assert!(storage.database("d").unwrap().compact().unwrap() > 0);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(std::fs::metadata(&target).unwrap().len() < before);
    storage.drop_database("d").unwrap();
    assert!(!target.exists() && std::fs::symlink_metadata(&link).is_err(), "both are gone");
}

#[test]
fn a_link_that_leads_nowhere_is_neither_denied_nor_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let storage = filled(directory.path());
    let link = directory.path().join("away.jvdb");
    symlink(directory.path().join("not-mounted/away.jvdb"), &link).unwrap();
    assert_eq!(storage.list().unwrap(), ["away", "d"]);
    for error in [
        storage.exists("away").unwrap_err(),
        storage.create("away", schema()).unwrap_err(),
        storage.database("away").unwrap_err(),
    ] {
        assert!(error.to_string().contains("a link to a file that is not there"), "{error}");
    }
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_rewritten_file_is_open_to_no_more_people_than_before() {
    let directory = tempfile::tempdir().unwrap();
    let storage = filled(directory.path());
    let path = directory.path().join("d.jvdb");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    storage.database("d").unwrap().compact().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_temporary_name_that_somebody_has_planted_is_not_followed() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = filled(directory.path());
    let treasure = elsewhere.path().join("treasure");
    std::fs::write(&treasure, "mine").unwrap();
    symlink(&treasure, directory.path().join("d.jvdb.tmp")).unwrap();
    storage.database("d").unwrap().compact().unwrap();
    assert_eq!(std::fs::read_to_string(&treasure).unwrap(), "mine");
    assert!(!std::fs::symlink_metadata(directory.path().join("d.jvdb")).unwrap().is_symlink());
}

#[test]
fn a_lock_file_that_somebody_has_planted_is_not_followed() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let treasure = elsewhere.path().join("treasure");
    std::fs::write(&treasure, "mine").unwrap();
    symlink(&treasure, directory.path().join(".storage.lock")).unwrap();
    assert!(matches!(Storage::open(directory.path(), Options::default()), Err(Error::Io { .. })));
    assert_eq!(std::fs::read_to_string(&treasure).unwrap(), "mine");
}

#[test]
fn nothing_but_databases_has_a_databases_ending_in_its_name() {
    // Whoever counts open files by the ending counts databases.
    let directory = tempfile::tempdir().unwrap();
    let storage = filled(directory.path());
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let named: Vec<_> = names.filter(|name| name.to_string_lossy().contains(".jvdb")).collect();
    assert_eq!(named, ["d.jvdb"]);
    drop(storage);
}
