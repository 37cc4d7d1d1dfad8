//! How many database files this process has open, by what the kernel says.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Database files that were open at one moment, at least. A single look at a changing table can count a file that was
/// closed and one that was opened after it; what two looks in a row both find was open between them.
pub fn open_databases() -> usize {
    let first = look();
    look().intersection(&first).count()
}

fn look() -> BTreeSet<(PathBuf, PathBuf)> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| Some((entry.path(), fs::read_link(entry.path()).ok()?)));
    links.filter(|(_, file)| is_database(&file.to_string_lossy())).collect()
}

/// Also one that is being made, or was removed.
fn is_database(file: &str) -> bool {
    let name = file.strip_suffix(" (deleted)").unwrap_or(file);
    name.ends_with(".jvdb") || name.ends_with(".jvdb.tmp")
}
