//! `cargo xtask dist`: an install tree, as C and C++ projects expect one: libraries, headers, pkg-config and CMake files,
//! the command line with its man page, licences, and the sums of it all. It can be moved as a whole.

pub mod check;

use crate::Result;
use crate::build::Workspace;
use crate::docs;
use crate::run::{output, program, run as run_command, shown};
use clap::Args;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Where the tree goes.
#[derive(Args)]
pub struct Dist {
    /// Directory to make anew; target/install if none is given
    #[arg(long)]
    output: Option<PathBuf>,
    /// Install into this prefix instead, beside what is there
    #[arg(long, conflicts_with = "output")]
    prefix: Option<PathBuf>,
    /// Install into a temporary prefix, and build and run outside projects against it
    #[arg(long, conflicts_with_all = ["output", "prefix"])]
    check: bool,
}

/// Makes the tree.
pub fn run(wanted: &Dist) -> Result<()> {
    let workspace = Workspace::find()?;
    if wanted.check {
        return check::projects(&workspace);
    }
    let root = match (&wanted.prefix, &wanted.output) {
        (Some(prefix), _) => prefix.clone(),
        (None, output) => {
            let root = output.clone().unwrap_or_else(|| workspace.target.join("install"));
            if root.exists() {
                // Only what this made before is removed.
                if !root.join(SUMS).exists() {
                    return Err(format!("{} is there and was not made by this command", root.display()).into());
                }
                fs::remove_dir_all(&root)?;
            }
            root
        }
    };
    install(&workspace, &root)?;
    println!("{}", root.display());
    Ok(())
}

const SUMS: &str = "share/jvdb/SHA256SUMS";
const CONFIG: &str = include_str!("dist/jvdbConfig.cmake.in");
const CONFIG_VERSION: &str = include_str!("dist/jvdbConfigVersion.cmake.in");
const PKG_CONFIG: &str = include_str!("dist/jvdb.pc.in");

/// What is shipped is built for speed alone, however long that takes.
const PROFILE: &str = "dist";

/// Builds the libraries and the command line, and puts everything below `root`.
pub fn install(workspace: &Workspace, root: &Path) -> Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--profile", PROFILE, "--package", "jvdb-ffi", "--package", "jvdb-cli"]);
    run_command(&mut build)?;
    let system = linkable(&system_libraries(workspace)?);
    let version = env!("CARGO_PKG_VERSION");
    let soname = soname(workspace)?;
    let tree = Tree { root, files: Vec::new() };
    tree.fill(workspace, version, &soname, &system)
}

fn artifacts(workspace: &Workspace) -> PathBuf {
    workspace.target.join(PROFILE)
}

struct Tree<'a> {
    root: &'a Path,
    files: Vec<String>,
}

impl Tree<'_> {
    fn fill(mut self, workspace: &Workspace, version: &str, soname: &str, system: &str) -> Result<()> {
        let artifacts = artifacts(workspace);
        let real = format!("libjvdb.so.{version}");
        self.copy(&artifacts.join("libjvdb.so"), &format!("lib/{real}"), 0o755)?;
        self.link(&real, &format!("lib/{soname}"))?;
        self.link(soname, "lib/libjvdb.so")?;
        self.copy(&artifacts.join("libjvdb.a"), "lib/libjvdb.a", 0o644)?;
        self.copy(&artifacts.join("jvdb"), "bin/jvdb", 0o755)?;
        self.headers(&workspace.root.join("include"), "include")?;
        let filled = |template: &str| {
            template
                .replace("@VERSION@", version)
                .replace("@SYSTEM@", system)
                .replace("@REAL@", &real)
                .replace("@SONAME@", soname)
                .replace(
                    "@SYSTEM_LIST@",
                    &system.split_whitespace().map(|it| it.trim_start_matches("-l")).collect::<Vec<_>>().join(";"),
                )
        };
        self.write("lib/pkgconfig/jvdb.pc", &filled(PKG_CONFIG))?;
        self.write("lib/cmake/jvdb/jvdbConfig.cmake", &filled(CONFIG))?;
        self.write("lib/cmake/jvdb/jvdbConfigVersion.cmake", &filled(CONFIG_VERSION))?;
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            self.copy(&workspace.root.join(licence), &format!("share/licenses/jvdb/{licence}"), 0o644)?;
        }
        if docs::is_possible(workspace) {
            let reference = tempfile::tempdir()?;
            docs::make(workspace, reference.path())?;
            self.tree(reference.path(), "share/doc/jvdb/html")?;
        } else {
            println!("SKIPPED: share/doc/jvdb/html: doxygen is not here and cannot be installed");
        }
        self.copy(&workspace.root.join("include/README.md"), "share/doc/jvdb/README.md", 0o644)?;
        let pages = tempfile::tempdir()?;
        jvdb_cli::man_pages(pages.path())?;
        for page in fs::read_dir(pages.path())? {
            let page = page?;
            self.copy(&page.path(), &format!("share/man/man1/{}", page.file_name().to_string_lossy()), 0o644)?;
        }
        self.sums()
    }

    fn place(&mut self, file: &str) -> Result<PathBuf> {
        let path = self.root.join(file);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path)?;
        }
        self.files.push(file.into());
        Ok(path)
    }

    fn copy(&mut self, from: &Path, file: &str, mode: u32) -> Result<()> {
        let path = self.place(file)?;
        fs::copy(from, &path).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
        Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
    }

    fn link(&mut self, to: &str, file: &str) -> Result<()> {
        Ok(symlink(to, self.place(file)?)?)
    }

    fn write(&mut self, file: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.place(file)?, text)?)
    }

    fn headers(&mut self, from: &Path, below: &str) -> Result<()> {
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                self.headers(&path, &format!("{below}/{name}"))?;
            } else if name.ends_with(".h") || name.ends_with(".hpp") {
                self.copy(&path, &format!("{below}/{name}"), 0o644)?;
            }
        }
        Ok(())
    }

    /// All files of a directory and below.
    fn tree(&mut self, from: &Path, below: &str) -> Result<()> {
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            let name = format!("{below}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            if path.is_dir() {
                self.tree(&path, &name)?;
            } else {
                self.copy(&path, &name, 0o644)?;
            }
        }
        Ok(())
    }

    /// Writes what `sha256sum --check` reads, in the root of the tree.
    fn sums(mut self) -> Result<()> {
        self.files.sort();
        let files = self.files.clone();
        let sums = output(program("sha256sum", self.root).arg("--").args(&files))?;
        self.write(SUMS, &sums)
    }
}

/// What a program that is linked with the archive needs of the system, as the compiler says.
fn system_libraries(workspace: &Workspace) -> Result<String> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "rustc",
        "--profile",
        PROFILE,
        "--package",
        "jvdb-ffi",
        "--lib",
        "--",
        "--print",
        "native-static-libs",
    ]);
    let told = cargo.output()?;
    let text = String::from_utf8_lossy(&told.stderr);
    let libraries = text.lines().find_map(|line| line.split_once("native-static-libs: ")).map(|(_, it)| it.trim());
    match libraries {
        Some(libraries) if told.status.success() => Ok(libraries.to_owned()),
        _ => Err(format!("{} does not tell the libraries:\n{text}", shown(&cargo)).into()),
    }
}

/// The same without the unwinder, which the compiler's own call of the linker adds: there is none of that name for a program
/// that is linked fully statically.
fn linkable(system: &str) -> String {
    system.split_whitespace().filter(|library| *library != "-lgcc_s").collect::<Vec<_>>().join(" ")
}

/// The name by which programs find the shared library, as it says itself.
fn soname(workspace: &Workspace) -> Result<String> {
    let library = artifacts(workspace).join("libjvdb.so");
    let sections = output(program("readelf", &workspace.root).arg("-d").arg(&library))?;
    let found = sections.lines().find(|line| line.contains("(SONAME)"));
    let name = found.and_then(|line| line.split(['[', ']']).nth(1));
    Ok(name.ok_or_else(|| format!("{} has no SONAME", library.display()))?.to_owned())
}
