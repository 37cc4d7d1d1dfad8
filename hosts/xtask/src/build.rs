//! Where things are, and how each artifact is made. Everything that is run rather than tested is built once, optimized,
//! by one command, so that the subcommands share it.

use crate::Result;
use crate::run::{output, program, run};
use std::path::{Path, PathBuf};
use std::process::Command;

const WASM: &str = "wasm32-unknown-unknown";
/// What `libjvdb.a` needs from the system, as `rustc --print native-static-libs` says; `dist --check` compares.
pub const SYSTEM_LIBRARIES: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

/// Where headers of the adapter find those of the program it is for.
pub const STAND_IN: &str = "-Itests/cpp/standin";

/// The packages whose artifacts are run or tested optimized. Built together always, and with all their targets: another
/// selection means other features of what they have in common, and minutes of building it again.
const OPTIMIZED: [&str; 8] =
    ["jvdb-core", "jvdb-ffi", "jvdb-cli", "jvdb-wasmtime", "jvdb-benches", "jvdb-tests", "jvdb-fuzz", "xtask"];

/// The tree, and where its artifacts go.
pub struct Workspace {
    /// The directory of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
}

/// How a C or C++ program is linked with the library.
#[derive(Clone, Copy)]
pub enum Linked {
    /// With `libjvdb.so`.
    Shared,
    /// With `libjvdb.a`.
    Static,
}

impl Linked {
    /// The file it is linked with.
    pub fn library(self) -> &'static str {
        match self {
            Self::Shared => "libjvdb.so",
            Self::Static => "libjvdb.a",
        }
    }
}

impl Workspace {
    /// The workspace this program belongs to.
    pub fn find() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".into());
        let mut metadata = program(cargo, Path::new(&manifest));
        let found = output(metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
        let found: serde_json::Value = serde_json::from_str(&found)?;
        let path = |key: &str| found[key].as_str().map(PathBuf::from).ok_or(format!("cargo metadata has no {key}"));
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")? })
    }

    /// Cargo, of the toolchain that runs this program.
    pub fn cargo(&self) -> Command {
        program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), &self.root)
    }

    /// Cargo with a subcommand, for the optimized packages.
    pub fn cargo_optimized(&self, subcommand: &str) -> Command {
        let mut cargo = self.cargo();
        cargo.args([subcommand, "--release"]).args(OPTIMIZED.iter().flat_map(|package| ["--package", package]));
        cargo
    }

    /// Builds all programs and libraries, optimized.
    pub fn build_optimized(&self) -> Result<()> {
        run(self.cargo_optimized("build").arg("--all-targets"))
    }

    /// Where they are.
    pub fn artifacts(&self) -> PathBuf {
        self.target.join("release")
    }

    /// A toolchain that compiles for WebAssembly, installed if it is missing, which `.ci/wasm-toolchain.sh` says.
    pub fn wasm_toolchain(&self) -> Result<String> {
        let found = output(&mut program(self.root.join(".ci/wasm-toolchain.sh"), &self.root));
        let found = found.map_err(|error| format!("no toolchain compiles for {WASM}, see above: {error}"))?;
        Ok(found.trim().to_owned())
    }

    /// Cargo of that toolchain, with a subcommand, for one package as part of the component.
    pub fn cargo_wasm(&self, toolchain: &str, subcommand: &str, package: &str) -> Command {
        let mut cargo = program("rustup", &self.root);
        cargo.args(["run", toolchain, "cargo", subcommand, "--profile", "component"]);
        cargo.args(["--package", package, "--target", WASM]).env_remove("CARGO").env_remove("RUSTC");
        cargo
    }

    /// Builds the component.
    pub fn build_component(&self, toolchain: &str) -> Result<()> {
        run(&mut self.cargo_wasm(toolchain, "build", "jvdb-component"))
    }

    /// The component, once it is built.
    pub fn component(&self) -> PathBuf {
        self.target.join(WASM).join("component/jvdb_component.wasm")
    }

    /// Compiles the C++ host of `hosts/cpp`.
    pub fn build_cpp_host(&self) -> Result<PathBuf> {
        let file = self.artifacts().join("jvdb_host");
        self.compile(&[self.root.join("hosts/cpp/main.cpp")], Linked::Shared, &file)?;
        Ok(file)
    }

    /// Compiles and links a C (C11) or C++ (C++20) program against the public headers, without any warning.
    pub fn compile(&self, sources: &[PathBuf], linked: Linked, program_file: &Path) -> Result<()> {
        self.compile_with(&[], sources, linked, program_file)
    }

    /// The same, with arguments of its own for the compiler and the linker.
    pub fn compile_with(
        &self,
        arguments: &[&str],
        sources: &[PathBuf],
        linked: Linked,
        program_file: &Path,
    ) -> Result<()> {
        let compiler = self.compiler(sources.first().ok_or("no source to compile")?);
        self.compile_by(compiler, arguments, sources, linked, program_file)
    }

    /// The same, by a compiler of its own.
    pub fn compile_by(
        &self,
        mut compiler: Command,
        arguments: &[&str],
        sources: &[PathBuf],
        linked: Linked,
        program_file: &Path,
    ) -> Result<()> {
        let artifacts = self.artifacts();
        compiler.args(["-O1", "-g", "-pthread", "-o"]).arg(program_file).args(sources).args(arguments);
        match linked {
            Linked::Shared => {
                compiler.arg("-L").arg(&artifacts).arg("-ljvdb");
                compiler.arg(format!("-Wl,-rpath,{}", artifacts.display()));
            }
            Linked::Static => {
                compiler.arg(artifacts.join("libjvdb.a")).args(SYSTEM_LIBRARIES);
            }
        }
        run(&mut compiler)
    }

    /// The compiler for a source file or a header, with the language's version, all warnings, and our headers.
    pub fn compiler(&self, source: &Path) -> Command {
        let is_c = source.extension().is_some_and(|extension| extension == "c" || extension == "h");
        self.compiler_named(if is_c { "cc" } else { "c++" }, if is_c { "-std=c11" } else { "-std=c++20" })
    }

    /// The same by its name, for a version of a language.
    pub fn compiler_named(&self, name: &str, language: &str) -> Command {
        let mut compiler = program(name, &self.root);
        compiler.args([language, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]).arg(self.root.join("include"));
        compiler
    }
}
