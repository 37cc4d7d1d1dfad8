//! What the tests stand on: running `jvdb`, and what a storage directory holds, read through the engine itself.

use jvdb_core::{KeyBuf, Options, Position, Schema, Storage};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory of one test: `store` in it is the storage directory.
pub struct Shell(TempDir);

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Everything a database holds, elements as bit patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    pub schema: Schema,
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    pub vectors: Vec<(KeyBuf, Vec<u32>, Vec<u8>)>,
}

impl Shell {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), text).expect("a file");
        self.text(name)
    }

    /// A path as an argument.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// A command on `store`, not yet started.
    pub fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut process = Command::new(env!("CARGO_BIN_EXE_jvdb"));
        process.arg(command).arg("--storage").arg(self.path("store")).args(arguments);
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process
    }

    /// Runs a command on `store`.
    pub fn run(&self, command: &str, arguments: &[&str]) -> Run {
        Run::of(self.command(command, arguments).output().expect("jvdb starts"))
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn ok(&self, command: &str, arguments: &[&str]) -> String {
        let run = self.run(command, arguments);
        assert_eq!(run.code, 0, "{command} {arguments:?}: {}", run.stderr);
        run.stdout
    }

    /// Runs a command that must fail with this exit code, and returns its message.
    #[track_caller]
    pub fn fails(&self, code: i32, command: &str, arguments: &[&str]) -> String {
        self.run(command, arguments).failure(code)
    }

    /// Imports a text through standard input.
    pub fn import(&self, text: impl AsRef<[u8]>, arguments: &[&str]) -> Run {
        let arguments = [&["--input", "-"], arguments].concat();
        let mut process = self.command("import", &arguments).spawn().expect("jvdb starts");
        // A refused import need not read all of it.
        let _ = process.stdin.take().expect("a pipe").write_all(text.as_ref());
        Run::of(process.wait_with_output().expect("jvdb ends"))
    }

    /// Exports `store` and returns the text.
    pub fn export(&self) -> String {
        self.ok("export", &["--output", "-"])
    }

    /// What `store` holds.
    pub fn content(&self) -> BTreeMap<String, Content> {
        content(&self.path("store"))
    }

    /// What one database of `store` holds.
    pub fn content_of(&self, name: &str) -> Content {
        content_of(&open(&self.path("store")), name)
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output in UTF-8");
        let code = output.status.code().expect("an exit code, not a signal");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The message, after making sure that the run failed with this exit code.
    #[track_caller]
    pub fn failure(self, code: i32) -> String {
        assert_eq!(self.code, code, "stdout: {}stderr: {}", self.stdout, self.stderr);
        self.stderr
    }

    /// What was printed, after making sure that the run succeeded.
    pub fn success(self) -> String {
        assert_eq!(self.code, 0, "stderr: {}", self.stderr);
        self.stdout
    }
}

/// What a storage directory holds.
pub fn content(storage: &Path) -> BTreeMap<String, Content> {
    let storage = open(storage);
    storage.list().expect("names").into_iter().map(|name| (name.clone(), content_of(&storage, &name))).collect()
}

fn open(storage: &Path) -> Storage {
    let options = Options::default().read_only(true).verify_checksums(true);
    Storage::open(storage, options).expect("a storage directory")
}

fn content_of(storage: &Storage, name: &str) -> Content {
    let database = storage.database(name).expect("a database");
    let vectors = database.scan(Position::START).map(|vector| {
        let vector = vector.expect("a vector");
        let bits = vector.vector().iter().map(|element| element.to_bits()).collect();
        (vector.key().to_owned(), bits, vector.metadata().to_vec())
    });
    let attributes = database.attributes().expect("names").into_iter().map(|name| {
        let value = database.attribute(&name).expect("read").expect("there");
        (name, value)
    });
    Content { schema: database.schema(), attributes: attributes.collect(), vectors: vectors.collect() }
}

/// A database in the format of an export, of `vectors`.
pub fn document(name: &str, dimension: usize, vectors: &str) -> String {
    let schema = format!(r#"{{"dimension":{dimension},"distance_metric":"cosine"}}"#);
    format!(r#"{{"databases":[{{"name":"{name}","schema":{schema},"vectors":[{vectors}]}}]}}"#)
}
