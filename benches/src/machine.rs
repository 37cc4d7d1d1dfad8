//! What must be true of the machine before a clock starts: memory that is really there, files that are really on a disk.

use crate::outcome::Result;
use std::path::Path;
use tempfile::TempDir;

/// Takes `bytes` of memory, or half of what is free if that is less, touches every page, and gives them back.
///
/// On a virtual machine fresh memory may first have to come from the host, which takes microseconds a page; whoever
/// writes first would pay for it.
pub fn take_memory(bytes: usize) {
    let mut memory: Vec<u8> = Vec::with_capacity(bytes.min(free_memory() / 2));
    // Not `vec![0; n]`, which leaves the zeroing, and so the pages, to the first touch.
    memory.resize(memory.capacity(), 1);
    std::hint::black_box(&memory);
}

fn free_memory() -> usize {
    let read = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = read.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.map_or(1 << 30, |kib| kib << 10)
}

/// How many others want the processors: figures of a busy machine are longer than they need be, though alike for all.
pub fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = averages.split_whitespace().next().unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("load {minute} on {cores} cores at the start")
}

/// Writes everything that waits in the caches of all file systems, so that nobody pays for another one's writes.
pub fn wait_until_quiet() {
    rustix::fs::sync();
}

/// Makes a directory for one run under `parent`; it is removed when dropped.
///
/// # Errors
/// It cannot be made, or would lie in memory instead of on a disk.
pub fn directory(parent: &Path) -> Result<TempDir> {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58F6;
    let kind = rustix::fs::statfs(parent).map_err(|e| format!("{}: {e}", parent.display()))?.f_type as u64;
    if kind == TMPFS || kind == RAMFS {
        return Err(format!("{} lies in memory: name a directory on a disk with --dir", parent.display()).into());
    }
    Ok(tempfile::Builder::new().prefix(".jvdb-bench-").tempdir_in(parent)?)
}

/// Makes an empty directory of that name in `parent`.
///
/// # Errors
/// It cannot be made.
pub fn subdirectory(parent: &Path, name: &str) -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix(&name.replace(' ', "-")).tempdir_in(parent)?)
}
