//! The compiled component and what it is linked to: files and clocks, and nothing else.

use crate::bindings::{Jvdb, JvdbPre};
use crate::error::{Error, Result};
use crate::precompiled::{self, Cache};
use std::path::Path;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{clocks, sync::filesystem};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

/// The component, compiled and linked, ready to be instantiated. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Component {
    linked: JvdbPre<Sandbox>,
}

impl Component {
    /// Loads a component from a file, compiled code from the cache if it is there.
    ///
    /// # Errors
    /// [`Error::Component`] if the file cannot be read, is no component, exports another interface, or imports anything
    /// but `wasi:filesystem` and `wasi:clocks`. A cache that cannot be read or written is none: the code is compiled.
    pub fn load(path: impl AsRef<Path>, cache: &Cache) -> Result<Self> {
        let path = path.as_ref();
        Self::link(path, cache).map_err(|source| Error::Component { path: path.into(), source })
    }

    fn link(path: &Path, cache: &Cache) -> wasmtime::Result<Self> {
        let engine = Engine::default();
        let component = precompiled::load(&engine, path, cache)?;
        let mut linker = Linker::new(&engine);
        filesystem::types::add_to_linker::<Sandbox, WasiFilesystem>(&mut linker, Sandbox::filesystem)?;
        filesystem::preopens::add_to_linker::<Sandbox, WasiFilesystem>(&mut linker, Sandbox::filesystem)?;
        clocks::monotonic_clock::add_to_linker::<Sandbox, WasiClocks>(&mut linker, Sandbox::clocks)?;
        clocks::wall_clock::add_to_linker::<Sandbox, WasiClocks>(&mut linker, Sandbox::clocks)?;
        Ok(Self { linked: JvdbPre::new(linker.instantiate_pre(&component)?)? })
    }

    /// Names of the interfaces the component imports, with their versions.
    pub fn imports(&self) -> Vec<String> {
        let component = self.linked.instance_pre().component();
        component.component_type().imports(self.linked.engine()).map(|(name, _)| name.into()).collect()
    }

    /// A new instance, which sees one directory under the name it has on the host.
    pub(crate) fn instantiate(&self, directory: &Path, rights: FsPerms) -> wasmtime::Result<(Store<Sandbox>, Jvdb)> {
        let mut wasi = WasiCtx::builder();
        // Before the directory: it is what is opened afterwards that blocks the calling thread, instead of handing each
        // read and write to another one.
        wasi.allow_blocking_current_thread(true);
        wasi.preopened_dir(directory, directory.to_string_lossy(), rights)?;
        let mut store = Store::new(self.linked.engine(), Sandbox { wasi: wasi.build(), table: ResourceTable::new() });
        let instance = self.linked.instantiate(&mut store)?;
        Ok((store, instance))
    }
}

/// What an instance can reach.
pub(crate) struct Sandbox {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
