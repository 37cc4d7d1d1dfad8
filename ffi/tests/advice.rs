//! Each number of `JVDB_ADVICE_*` means what it says: the kernel tells how it was advised.
#![cfg(target_os = "linux")]

use jvdb::advice::*;
use jvdb::database::{Database, jvdb_database_release, jvdb_flush, jvdb_get_into, jvdb_put};
use jvdb::key::Key;
use jvdb::status::{JVDB_ERROR_INVALID_ARGUMENT, JVDB_OK};
use jvdb::storage::{jvdb_close, jvdb_create, jvdb_open};
use std::ffi::CString;
use std::fs;
use std::path::Path;
use std::ptr::{null, null_mut};

const DIMENSION: usize = 1024;
const VECTORS: u64 = 1000;

/// What the kernel says of the mapping of a file, under a name.
fn of_mapping(file: &Path, name: &str) -> String {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let ours = maps.lines().skip_while(|line| !line.ends_with(file.to_str().unwrap()));
    let said = ours.skip(1).find_map(|line| line.strip_prefix(name)).expect("the file is mapped");
    format!(" {} ", said.trim())
}

fn resident_kib(file: &Path) -> u64 {
    of_mapping(file, "Rss:").trim().trim_end_matches(" kB").parse().unwrap()
}

fn advise(database: *mut Database, advice: i32) -> i32 {
    // SAFETY: an open database.
    unsafe { jvdb_advise(database, advice, null_mut()) }
}

fn read_all(database: *mut Database) {
    let mut vector = [0.0; DIMENSION];
    for number in 0..VECTORS {
        let key = Key { bytes: null(), number };
        // SAFETY: an open database, and room for its dimension.
        let status = unsafe {
            jvdb_get_into(database, key, vector.as_mut_ptr(), DIMENSION, null_mut(), 0, null_mut(), null_mut())
        };
        assert_eq!((status, vector[DIMENSION - 1]), (JVDB_OK, 1.0));
    }
}

#[test]
fn the_kernel_is_told_what_the_number_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = CString::new(dir.path().to_str().unwrap()).unwrap();
    let (mut storage, mut database) = (null_mut(), null_mut());
    // SAFETY: pointers are NULL or valid.
    unsafe {
        assert_eq!(jvdb_open(path.as_ptr(), null(), &mut storage, null_mut()), JVDB_OK);
        assert_eq!(jvdb_create(storage, c"d".as_ptr(), DIMENSION as u32, 0, &mut database, null_mut()), JVDB_OK);
        for number in 0..VECTORS {
            let (key, vector) = (Key { bytes: null(), number }, [1.0; DIMENSION]);
            assert_eq!(jvdb_put(database, key, vector.as_ptr(), DIMENSION, null(), 0, null_mut()), JVDB_OK);
        }
        assert_eq!(jvdb_flush(database, null_mut(), null_mut()), JVDB_OK);
    }
    read_all(database);
    let file = dir.path().join("d.jvdb");

    let flags = || of_mapping(&file, "VmFlags:");
    assert!(flags().contains(" rr "), "{}", flags());
    assert_eq!(advise(database, JVDB_ADVICE_SEQUENTIAL), JVDB_OK);
    assert!(flags().contains(" sr ") && !flags().contains(" rr "), "{}", flags());
    assert_eq!(advise(database, JVDB_ADVICE_RANDOM), JVDB_OK);
    assert!(flags().contains(" rr ") && !flags().contains(" sr "), "{}", flags());

    assert!(resident_kib(&file) > 3 << 10, "{}", resident_kib(&file));
    // It takes nothing away.
    assert_eq!(advise(database, JVDB_ADVICE_WILL_NEED), JVDB_OK);
    assert!(resident_kib(&file) > 3 << 10, "{}", resident_kib(&file));
    assert_eq!(advise(database, JVDB_ADVICE_DONT_NEED), JVDB_OK);
    assert!(resident_kib(&file) < 1 << 10, "{}", resident_kib(&file));
    read_all(database);

    assert_eq!(advise(database, -1), JVDB_ERROR_INVALID_ARGUMENT);
    assert_eq!(advise(database, 4), JVDB_ERROR_INVALID_ARGUMENT);
    // SAFETY: given back once, the storage last.
    unsafe {
        jvdb_database_release(database);
        assert_eq!(jvdb_close(storage, null_mut()), JVDB_OK);
    }
}
