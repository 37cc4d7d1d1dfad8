//! Every input of the committed corpus, and every one that a fuzzer ever broke something with, without a fuzzer.

use jvdb_fuzz::{TARGETS, Target};
use std::fs;
use std::path::{Path, PathBuf};

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target);
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn replay(name: &str) {
    let (_, target): (_, Target) = *TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let corpus = inputs("corpus", name);
    assert!(corpus.len() >= 10, "the corpus of {name} is gone");
    for path in corpus.into_iter().chain(inputs("found", name)) {
        eprintln!("{}", path.display());
        target(&fs::read(&path).unwrap());
    }
}

#[test]
fn files() {
    replay("file");
}

#[test]
fn sealed_files() {
    replay("sealed_file");
}

#[test]
fn operations() {
    replay("operations");
}

#[test]
fn documents() {
    replay("json");
}

#[test]
fn c_calls() {
    replay("c_calls");
}
