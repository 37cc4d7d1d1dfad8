//! `jvdb metrics`, `completions` and `man`: what other programs read.

use crate::shell::{Run, Shell, document};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

fn jvdb(arguments: &[&str]) -> Run {
    Run::of(Command::new(env!("CARGO_BIN_EXE_jvdb")).args(arguments).output().expect("jvdb starts"))
}

/// The samples of a text, after making sure that each family has its help, its type and its samples, once and together.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut families = Vec::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a text");
            assert!(name.starts_with("jadevectordb_") && !help.is_empty(), "{line}");
            assert!(!families.contains(&name), "{line}");
            families.push(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{} gauge", families.last().expect("a family")));
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a sample and its value");
            let name = sample.split('{').next().expect("a name");
            assert_eq!(Some(&name), families.last(), "{line}");
            assert!(samples.insert(sample.to_owned(), value.parse().expect("a number")).is_none(), "{line}");
        }
    }
    samples
}

#[test]
fn metrics_are_text_that_prometheus_reads() {
    let shell = Shell::new();
    shell.import(document("d", 2, r#"{"id":1,"data":[1,2]},{"id":2,"data":[1,2]}"#), &[]).success();
    shell.import(document(r#"a \"b"#, 2, r#"{"id":1,"data":[1,2]}"#), &[]).success();
    let found = samples(&shell.ok("metrics", &[]));
    assert_eq!(found["jadevectordb_databases"], 2.0);
    assert_eq!(found["jadevectordb_vectors"], 3.0);
    assert_eq!(found["jadevectordb_unreadable_databases"], 0.0);
    assert_eq!(found[r#"jadevectordb_database_vectors{database="d"}"#], 2.0);
    assert_eq!(found[r#"jadevectordb_database_vectors{database="a \"b"}"#], 1.0);
    let size = fs::metadata(shell.path("store/d.jvdb")).expect("a file").len() as f64;
    assert_eq!(found[r#"jadevectordb_database_bytes{database="d"}"#], size);
    assert!(found["jadevectordb_storage_bytes"] > size);

    shell.import(document("d", 2, r#"{"id":1,"data":[1,2]}"#), &[]).success();
    let found = samples(&shell.ok("metrics", &["--max-databases", "1"]));
    assert!(found[r#"jadevectordb_database_dead_bytes{database="d"}"#] > 0.0);
    assert_eq!(found.keys().filter(|sample| sample.contains("{database=")).count(), 4);

    fs::write(shell.path("store/broken.jvdb"), "not a database").expect("a file");
    let run = shell.run("metrics", &[]);
    assert_eq!(samples(&run.stdout)["jadevectordb_unreadable_databases"], 1.0);
    assert!(run.failure(1).contains("broken: DAMAGED"));
}

#[test]
fn completions_are_scripts_that_the_shells_take() {
    let shell = Shell::new();
    for name in ["bash", "zsh", "fish"] {
        let script = jvdb(&["completions", name]).success();
        assert!(script.contains("compact") && script.contains("storage"), "{name}");
        let file = shell.file(name, script);
        // Where the shell is there it says whether it can read it.
        if let Ok(read) = Command::new(name).args(["-n", &file]).output() {
            assert!(read.status.success(), "{name}: {}", String::from_utf8_lossy(&read.stderr));
        }
    }
    jvdb(&["completions", "cobol"]).failure(2);
}

#[test]
fn man_pages_are_written_for_every_command_and_hidden_from_the_help() {
    let shell = Shell::new();
    let help = jvdb(&["--help"]).success();
    assert!(help.contains("\n  compact ") && !help.contains("\n  man "), "{help}");
    let directory = shell.text("share/man1");
    jvdb(&["man", "--output", &directory]).success();
    for command in ["import", "backup", "restore", "put", "metrics"] {
        let page = fs::read_to_string(shell.path(&format!("share/man1/jvdb-{command}.1"))).expect("a page");
        assert!(page.contains(".TH") && page.contains("\\-\\-storage"), "{page}");
    }
    assert!(jvdb(&["man"]).success().contains(".TH jvdb 1"));
}
