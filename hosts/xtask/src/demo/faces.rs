//! The faces: each a program that reads a storage and writes the same dump of it.

use super::dump::Dump;
use crate::Result;
use crate::build::Workspace;
use crate::run::{output, program, run};
use std::path::Path;
use std::process::Command;

/// What a face found, and how long it took.
pub struct Reading {
    /// Its name in the table.
    pub face: &'static str,
    /// What it found.
    pub dump: Dump,
    /// Microseconds to open the directory and the first database.
    pub open_us: Option<u64>,
    /// Nanoseconds to read a vector, on average.
    pub get_ns: u64,
}

/// Programs of all faces, built.
pub struct Faces<'a> {
    workspace: &'a Workspace,
    cpp: std::path::PathBuf,
}

impl<'a> Faces<'a> {
    /// They must be built, but for the C++ host, which this compiles.
    pub fn of(workspace: &'a Workspace) -> Result<Self> {
        Ok(Self { workspace, cpp: workspace.build_cpp_host()? })
    }

    fn rust(&self) -> Command {
        program(self.workspace.artifacts().join("rust-host"), &self.workspace.root)
    }

    /// The engine in Rust, over the directory, through a mapping.
    pub fn rust_mmap(&self, storage: &Path, scratch: &Path) -> Result<Reading> {
        reading("Rust, mmap", self.rust().arg("--storage").arg(storage), scratch)
    }

    /// Everything else that can read the directory.
    pub fn others(&self, storage: &Path, scratch: &Path) -> Result<Vec<Reading>> {
        let mut cpp = program(&self.cpp, &self.workspace.root);
        let mut wasm = program(self.workspace.artifacts().join("jvdb-wasm"), &self.workspace.root);
        wasm.arg("--component").arg(self.workspace.component()).arg("--storage").arg(storage).arg("dump");
        Ok(vec![
            reading("Rust, file", self.rust().arg("--file").arg("--storage").arg(storage), scratch)?,
            reading("C++, libjvdb.so", cpp.arg("dump").arg("--storage").arg(storage), scratch)?,
            reading("component, wasmtime", &mut wasm, scratch)?,
        ])
    }

    /// A directory of its own, filled from the export by C++, and read by it.
    pub fn cpp_import(&self, input: &Path, scratch: &Path) -> Result<Reading> {
        let storage = scratch.join("cpp");
        let host = || program(&self.cpp, &self.workspace.root);
        run(host().args(["import", "--storage"]).arg(&storage).arg("--input").arg(input))?;
        reading("C++, imported by itself", host().arg("dump").arg("--storage").arg(&storage), scratch)
    }

    /// The memory backend, filled from the export by Rust and by C++.
    pub fn memory(&self, input: &Path, scratch: &Path) -> Result<Vec<Reading>> {
        let mut cpp = program(&self.cpp, &self.workspace.root);
        let in_memory = |reading: Reading| Reading { open_us: None, ..reading };
        Ok(vec![
            in_memory(reading("Rust, in memory", self.rust().arg("--input").arg(input), scratch)?),
            in_memory(reading("C++, in memory", cpp.args(["dump", "--memory", "--input"]).arg(input), scratch)?),
        ])
    }
}

/// Has a face dump what it reads. It prints one line, {"databases", "vectors", "open_us", "get_ns"}, which must agree.
fn reading(face: &'static str, command: &mut Command, scratch: &Path) -> Result<Reading> {
    let file = scratch.join("dump");
    let said = output(command.arg("--output").arg(&file)).map_err(|error| format!("{face}: {error}"))?;
    let said: serde_json::Value = serde_json::from_str(&said).map_err(|error| format!("{face}: {error} in {said}"))?;
    let number = |name: &str| said[name].as_u64().ok_or_else(|| format!("{face}: no {name} in {said}"));
    let dump = Dump::read(&file).map_err(|error| format!("{face}: {error}"))?;
    std::fs::remove_file(&file)?;
    let counted = (dump.databases.len() as u64, dump.vectors() as u64);
    if counted != (number("databases")?, number("vectors")?) {
        return Err(format!("{face} dumped {counted:?} databases and vectors, and says {said}").into());
    }
    Ok(Reading { face, dump, open_us: Some(number("open_us")?), get_ns: number("get_ns")? })
}
