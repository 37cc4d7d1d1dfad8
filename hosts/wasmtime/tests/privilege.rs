//! What the component may touch: its directory, and clocks.

mod common;

use common::{component, component_file, open, schema};
use jvdb_wasmtime::{Cache, Component, Error, ErrorKind, Options, Storage};
use std::fs;
use std::os::unix::fs::MetadataExt;

#[test]
fn the_component_imports_files_and_clocks_only() {
    let imports = component().imports();
    println!("{} imports:\n  {}", component_file().display(), imports.join("\n  "));
    assert!(imports.iter().any(|name| name.starts_with("wasi:filesystem/types@0.2.")));
    for name in &imports {
        let allowed = [
            "wasi:filesystem/types@",
            "wasi:filesystem/preopens@",
            "wasi:clocks/monotonic-clock@",
            "wasi:clocks/wall-clock@",
        ];
        assert!(allowed.iter().any(|allowed| name.starts_with(allowed)), "{name} is imported");
    }
}

#[test]
fn a_component_that_asks_for_more_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("curious.wasm");
    // (component (import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64))))))
    let curious = b"\0asm\r\0\x01\0\
        \x07\x1b\x01B\x02\x01@\0\0w\x04\0\x0eget-random-u64\x01\0\
        \n\x1d\x01\0\x18wasi:random/random@0.2.0\x05\0";
    fs::write(&file, curious).unwrap();
    let error = Component::load(&file, &Cache::Off).err().unwrap();
    assert!(matches!(error, Error::Component { .. }));
    assert!(error.to_string().contains("wasi:random/random"), "{error}");
}

#[test]
fn what_is_no_component_of_ours_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("x.wasm");
    let (module, empty_component) = (b"\0asm\x01\0\0\0", b"\0asm\r\0\x01\0");
    for bytes in [b"".as_slice(), b"not wasm at all", module, empty_component] {
        fs::write(&file, bytes).unwrap();
        let error = Component::load(&file, &Cache::Off).err().unwrap();
        assert!(error.to_string().starts_with(&format!("cannot load component {}", file.display())), "{error}");
    }
    let missing = Component::load(scratch.path().join("missing.wasm"), &Cache::Off).err().unwrap();
    assert!(missing.to_string().contains("No such file"), "{missing}");
}

#[test]
fn names_reach_nothing_outside_the_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let inside = scratch.path().join("inside");
    fs::write(scratch.path().join("secret.jvdb"), b"secret").unwrap();
    let storage = open(&inside);
    std::os::unix::fs::symlink("../secret.jvdb", inside.join("way.jvdb")).unwrap();
    for name in ["../secret", "/etc/passwd", "..", "a/../../secret"] {
        let error = storage.database(name).err().unwrap();
        assert!(matches!(error.kind(), Some(ErrorKind::InvalidName(_))), "{name}: {error}");
    }
    let error = storage.database("way").err().unwrap();
    assert!(matches!(error.kind(), Some(ErrorKind::Io(_))), "{error}");
}

#[test]
fn read_only_needs_no_right_to_write_and_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let storage = open(scratch.path());
    let database = storage.create("d", schema(2)).unwrap();
    database.put(1, &[1.0, 2.0], b"m").unwrap();
    drop(database);
    storage.close().unwrap();
    let file = scratch.path().join("d.jvdb");
    let before = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().mtime_nsec());

    let options = Options { read_only: true, ..Options::default() };
    let storage = Storage::open(component(), scratch.path(), options).unwrap();
    let database = storage.database("d").unwrap();
    assert_eq!(database.get(1).unwrap().unwrap().vector, [1.0, 2.0]);
    let refused = [
        database.put(2, &[0.0, 0.0], b"").err().unwrap(),
        database.delete(1).err().unwrap(),
        storage.create("e", schema(2)).err().unwrap(),
        storage.drop_database("d").err().unwrap(),
    ];
    for error in refused {
        assert!(matches!(error.kind(), Some(ErrorKind::ReadOnly(_))), "{error}");
    }
    drop(database);
    storage.close().unwrap();
    assert_eq!((fs::read(&file).unwrap(), fs::metadata(&file).unwrap().mtime_nsec()), before);
}
