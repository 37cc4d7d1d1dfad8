//! What the tests share: the component, and vectors to store.
#![allow(dead_code)]

use jvdb_wasmtime::{Cache, Component, Database, Entry, Key, Metric, Options, Schema, Storage};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The file of the component under test.
pub fn component_file() -> PathBuf {
    match std::env::var_os("JVDB_COMPONENT") {
        Some(file) => file.into(),
        None => panic!(
            "JVDB_COMPONENT does not name the component. In the root of the workspace:\n\
             RUSTUP_TOOLCHAIN=$(.ci/wasm-toolchain.sh) cargo build --profile component -p jvdb-component \
             --target wasm32-unknown-unknown\n\
             export JVDB_COMPONENT=$PWD/target/wasm32-unknown-unknown/component/jvdb_component.wasm"
        ),
    }
}

/// Compiled once for all tests.
pub fn cache() -> Cache {
    Cache::In(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"))
}

pub fn component() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| Component::load(component_file(), &cache()).unwrap())
}

pub fn open(directory: &Path) -> Storage {
    Storage::open(component(), directory, Options::default()).unwrap()
}

pub fn schema(dimension: u32) -> Schema {
    Schema { dimension, metric: Metric::Cosine }
}

/// Elements that tell which vector they belong to.
pub fn vector(id: u64, dimension: usize) -> Vec<f32> {
    (0..dimension).map(|at| (id * 1000) as f32 + at as f32 / 8.0).collect()
}

pub fn metadata(id: u64) -> Vec<u8> {
    format!(r#"{{"number":{id}}}"#).into_bytes()
}

pub fn entry(id: u64, dimension: usize) -> Entry {
    Entry { key: Key::from(id), vector: vector(id, dimension), metadata: metadata(id) }
}

/// Every entry, read in pages of that many bytes.
pub fn scan_all(database: &Database, max_bytes: u32) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut position = 0;
    loop {
        let page = database.scan(position, max_bytes).unwrap();
        if page.entries.is_empty() {
            return all;
        }
        all.extend(page.entries);
        position = page.next;
    }
}
