//! A file that only its owner may read is compacted, repaired or backed up, and for a while or for good everybody may read it.

use jvdb_core::{Access, Metric, Schema, Storage};
use jvdb_tests::never_flushing;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

#[test]
fn a_copy_is_never_readable_by_more_people_than_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    let database = storage.create("private", Schema::new(64, Metric::Cosine).unwrap()).unwrap();
    for number in 0..20_000u64 {
        database.put(number, &[number as f32; 64], b"").unwrap();
    }
    let file = directory.path().join("private.jvdb");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let (mut seen, mut open) = (0, Vec::new());
            while !done.load(SeqCst) {
                for entry in fs::read_dir(directory.path()).unwrap() {
                    let path = entry.unwrap().path();
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    if name.ends_with(".tmp") {
                        seen += 1;
                        open.extend(mode(&path).filter(|mode| mode & 0o077 != 0));
                    }
                }
            }
            (seen, open)
        });
        database.compact().unwrap();
        database.backup(directory.path().join("copy.jvdb")).unwrap();
        done.store(true, SeqCst);
        let (seen, open) = watcher.join().unwrap();
        assert!(seen > 0 && open.is_empty(), "{seen} looks: {open:?}");
    });
    assert_eq!(mode(&file), Some(0o600));
    assert_eq!(mode(&directory.path().join("copy.jvdb")), Some(0o600));
    drop(database);
    // Damage in the first record, for a repair.
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let storage = {
        storage.close().unwrap();
        Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap()
    };
    let kept = storage.repair("private", None).unwrap().backup.expect("something was damaged");
    assert_eq!(mode(&file), Some(0o600));
    assert_eq!(mode(&directory.path().join(&kept)), Some(0o600), "{kept}");
}

#[test]
fn a_database_with_the_longest_name_has_a_backup() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    let name = "n".repeat(246);
    let database = storage.create(&name, Schema::new(1, Metric::Cosine).unwrap()).unwrap();
    let copies = tempfile::tempdir().unwrap();
    database.backup(copies.path().join(format!("{name}.jvdb"))).unwrap();
    assert_eq!(fs::read_dir(copies.path()).unwrap().count(), 1);
}
