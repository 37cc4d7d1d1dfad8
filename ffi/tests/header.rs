//! The committed header is what this crate generates, byte by byte.

use std::fs;
use std::path::Path;

#[test]
fn the_committed_header_is_the_generated_one() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = crate_dir.join("../include/jvdb.h");
    let config = cbindgen::Config::from_file(crate_dir.join("cbindgen.toml")).expect("ffi/cbindgen.toml");
    let bindings = cbindgen::Builder::new().with_crate(crate_dir).with_config(config).generate().expect("a header");
    let mut generated = Vec::new();
    bindings.write(&mut generated);
    if std::env::var_os("JVDB_BLESS").is_some_and(|value| value == "1") {
        fs::write(&committed, &generated).expect("include/jvdb.h is writable");
    }
    let committed = fs::read_to_string(&committed).unwrap_or_default();
    let generated = String::from_utf8(generated).expect("UTF-8");
    if let Some((number, (old, new))) = (1..).zip(committed.lines().zip(generated.lines())).find(|(_, (a, b))| a != b) {
        panic!("include/jvdb.h:{number} is {old:?}, generated is {new:?}; JVDB_BLESS=1 writes it anew");
    }
    assert!(committed == generated, "include/jvdb.h ends too early or too late; JVDB_BLESS=1 writes it anew");
}
