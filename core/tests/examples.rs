//! Every example runs, and runs again on the directory that it has left.
#![cfg(unix)]

#[path = "../examples/backup.rs"]
mod backup;
#[path = "../examples/batch_import.rs"]
mod batch_import;
#[path = "../examples/dot_product_scan.rs"]
mod dot_product_scan;
#[path = "../examples/quick_start.rs"]
mod quick_start;
#[path = "../examples/read_only_reader.rs"]
mod read_only_reader;

use std::path::Path;

#[test]
fn examples_run_twice() {
    let examples: [fn(&Path) -> jvdb_core::Result<()>; 5] =
        [quick_start::run, batch_import::run, dot_product_scan::run, read_only_reader::run, backup::run];
    for run in examples {
        let directory = tempfile::tempdir().unwrap();
        run(directory.path()).unwrap();
        run(directory.path()).unwrap();
    }
}
