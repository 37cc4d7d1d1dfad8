//! The component as any other host would use it: the bare interface, several preopened directories, several storages in
//! one instance.

#![allow(missing_docs)]

mod common;

use common::component_file;
use exports::jvdb::storage::engine::{Error, ErrorKind, Metric, Options, Schema};
use std::path::Path;
use std::sync::OnceLock;
use wasmtime::component::{Component, Linker, ResourceAny, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

wasmtime::component::bindgen!({ path: "../../wit/jvdb.wit", world: "jvdb" });

struct Host(WasiCtx, ResourceTable);

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.0, table: &mut self.1 }
    }
}

struct Instance(Store<Host>, Jvdb);

impl Instance {
    /// An instance with these directories, each a host path and a guest path.
    fn new(preopened: &[(&Path, &str)]) -> Self {
        static COMPILED: OnceLock<(Engine, Component)> = OnceLock::new();
        let (engine, component) = COMPILED.get_or_init(|| {
            let engine = Engine::default();
            let component = Component::from_file(&engine, component_file()).unwrap();
            (engine, component)
        });
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        let mut wasi = WasiCtx::builder();
        for (host, guest) in preopened {
            wasi.preopened_dir(host, guest, FsPerms::ReadWrite).unwrap();
        }
        let mut store = Store::new(engine, Host(wasi.build(), ResourceTable::new()));
        let exports = Jvdb::instantiate(&mut store, component, &linker).unwrap();
        Self(store, exports)
    }

    fn open(&mut self, directory: Option<&str>, read_only: bool) -> Result<ResourceAny, Error> {
        let options = Options {
            directory: directory.map(Into::into),
            max_open_files: None,
            flush_interval_seconds: None,
            max_unflushed_bytes: None,
            max_unflushed_operations: None,
            read_only,
            verify_checksums: false,
            seed: None,
        };
        self.1.jvdb_storage_engine().storage().call_open(&mut self.0, &options).unwrap()
    }

    fn create(&mut self, storage: ResourceAny, name: &str) {
        let schema = Schema { dimension: 2, metric: Metric::Cosine };
        let created = self.1.jvdb_storage_engine().storage().call_create(&mut self.0, storage, name, schema).unwrap();
        created.unwrap().resource_drop(&mut self.0).unwrap();
    }

    fn close(&mut self, storage: ResourceAny) {
        self.1.jvdb_storage_engine().storage().call_close(&mut self.0, storage).unwrap().unwrap();
    }
}

#[test]
fn directories_are_chosen_by_guest_path_the_first_if_none_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| scratch.path().join(name));
    for directory in [&first, &second] {
        std::fs::create_dir(directory).unwrap();
    }
    let mut instance = Instance::new(&[(&first, "/one"), (&second, "two")]);
    for (name, directory) in [(None, &first), (Some("two"), &second), (Some("/one"), &first)] {
        let storage = instance.open(name, false).unwrap();
        let database = format!("by {name:?}").replace('/', "");
        instance.create(storage, &database);
        instance.close(storage);
        let stored = std::fs::read_dir(directory).unwrap().count();
        assert!(stored > 0, "{name:?}");
    }
    assert_eq!(std::fs::read_dir(&first).unwrap().count(), 2);
    assert_eq!(std::fs::read_dir(&second).unwrap().count(), 1);

    let error = instance.open(Some("/three"), false).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::InvalidArgument(_)));
    assert!(
        error.message.contains(r#""/three" is not among"#) && error.message.contains(r#"["/one", "two"]"#),
        "{error:?}"
    );
    let error = Instance::new(&[]).open(None, false).unwrap_err();
    assert!(error.message.contains("preopened no directory"), "{error:?}");
}

#[test]
fn two_storages_of_one_instance_never_write_to_one_directory() {
    let scratch = tempfile::tempdir().unwrap();
    // The same directory under two names is one directory.
    let mut instance = Instance::new(&[(scratch.path(), "/a"), (scratch.path(), "/b")]);
    let writer = instance.open(Some("/a"), false).unwrap();
    instance.create(writer, "d");
    for name in ["/a", "/b"] {
        let error = instance.open(Some(name), false).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Locked(_)), "{name}: {error:?}");
        let reader = instance.open(Some(name), true).unwrap();
        instance.close(reader);
    }
    assert!(instance.open(Some("/a"), false).is_err(), "a reader that goes takes no lock with it");
    instance.close(writer);
    let writer = instance.open(Some("/b"), false).unwrap();
    instance.close(writer);
}
