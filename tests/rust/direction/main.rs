//! The order of the house: each room imports only rooms below it, no two files import each other in a circle, and no file is
//! so long that it must hold two ideas.

mod imports;
mod judge;

use imports::{of_directory, of_sources};
use judge::{circles, rooms_from, upward};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

fn design() -> String {
    std::fs::read_to_string(root().join("core/DESIGN.md")).unwrap()
}

#[test]
fn each_room_of_the_engine_imports_only_rooms_below_it() {
    let rooms = rooms_from(&design());
    assert!(rooms.len() > 5, "{rooms:?}");
    let found = upward(&of_directory(&root().join("core/src")), &rooms);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for crate_src in ["core/src", "ffi/src", "wit/src", "benches/src", "benches/peers/src", "hosts/cli/src"] {
        let found = circles(&of_directory(&root().join(crate_src)));
        assert_eq!(found, Vec::<String>::new(), "in {crate_src}");
    }
}

/// Lines that a file may have.
const LONGEST: usize = 500;

/// Files with more lines, below a directory: sources and headers, but for what is generated.
fn too_long(directory: &Path, found: &mut Vec<String>) {
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                too_long(&path, found);
            }
            continue;
        }
        let source =
            [".rs", ".hpp", ".h", ".cpp", ".c", ".py", ".ts", ".mjs"].iter().any(|ending| name.ends_with(ending));
        if source && name != "jvdb.h" && std::fs::read_to_string(&path).unwrap().lines().count() > LONGEST {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn no_file_has_more_than_500_lines() {
    let mut found = Vec::new();
    too_long(&root(), &mut found);
    assert_eq!(found, Vec::<String>::new());
}

/// A house of two rooms, in which a file may import what a test says.
fn house(format_imports: &str, log_imports: &str) -> imports::Imports {
    let source = |text: &str| text.to_string();
    of_sources(
        &[
            ("lib", source("mod log; mod format;")),
            ("log", source("pub mod reader;")),
            ("log::reader", source(log_imports)),
            ("format", source("pub mod record; pub mod table;")),
            ("format::record", source(format_imports)),
            ("format::table", source("pub struct Table;")),
        ]
        .map(|(module, text)| (module.to_string(), text))
        .into(),
    )
}

const ROOMS: &str =
    "| room | owns |\n|---|---|\n| `api` | calls |\n| `log` | records |\n| `format` | bytes |\n\n| `log` | - |";

#[test]
fn an_upward_import_is_noticed_however_it_is_written() {
    let rooms = rooms_from(ROOMS);
    assert_eq!(rooms, ["api", "log", "format"]);
    let down = house("use super::table::Table;", "use crate::format::{record::Record, table::Table};");
    assert_eq!(upward(&down, &rooms), Vec::<String>::new());
    for import in [
        "use crate::log::reader::Log;",
        "use crate::{log::reader::Log as L};",
        "use super::super::log::reader;",
        "fn f() { crate::log::reader::read(); }",
        "impl A for crate::log::reader::Log {}",
    ] {
        let found = upward(&house(import, ""), &rooms);
        assert_eq!(found, ["format::record imports log::reader, which lies above it"], "{import}");
    }
}

#[test]
fn a_circle_is_noticed_and_what_only_tests_or_links_name_is_none() {
    let circle = house("use crate::log::reader::Log;", "use crate::format::record::Record;");
    assert_eq!(circles(&circle), ["format::record -> log::reader -> format::record"]);
    let aside = "#[cfg(test)] mod tests { use crate::log::reader::Log; }\n#[cfg(doc)] use crate::log::reader::Log;";
    assert_eq!(circles(&house(aside, "use crate::format::record::Record;")), Vec::<String>::new());
}

#[test]
fn a_room_that_the_order_does_not_know_is_noticed() {
    let rooms = rooms_from("| room | owns |\n|---|---|\n| `api` | calls |\n| `log` | records |\n");
    let found = upward(&house("", ""), &rooms);
    assert!(found.contains(&"format lies in a room that DESIGN.md does not list".to_string()), "{found:?}");
}
