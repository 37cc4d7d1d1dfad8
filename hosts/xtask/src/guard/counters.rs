//! What counts: valgrind and strace, and how what they say is read. Each counts a whole run of a program.

use crate::Result;
use crate::build::Workspace;
use crate::run::{output, program};
use crate::tools;
use std::fs;
use std::path::Path;

/// The figure that depends on the compiler.
pub const INSTRUCTIONS: &str = "instructions";
const ALLOCATIONS: &str = "allocations";
const CALLS: &str = "system calls";
const BYTES: &str = "bytes written";

/// Calls by which threads wait for each other or for time, as often as it happens.
const WAITING: [&str; 4] = ["futex", "clock_nanosleep", "sched_yield", "restart_syscall"];

/// A program that runs another one and counts.
pub struct Counter {
    /// What it counts.
    pub figures: &'static [&'static str],
    command: &'static [&'static str],
    /// Its option for the file it writes to.
    to_file: &'static str,
    read: fn(&str) -> Option<Vec<u64>>,
}

/// Those that are on this machine.
pub struct Counters {
    /// They work.
    pub usable: Vec<Counter>,
    /// What cannot be counted, and why.
    pub skipped: Vec<String>,
}

/// Finds them, and installs what is missing if that can be done.
pub fn there(workspace: &Workspace) -> Counters {
    let wanted = [
        ("valgrind", "valgrind --quiet --tool=none true", vec![callgrind(), memcheck()]),
        // In some containers it is there and must not trace.
        ("strace", "strace -f -o /dev/null true", vec![strace()]),
    ];
    let mut found = Counters { usable: Vec::new(), skipped: Vec::new() };
    for (package, probe, counters) in wanted {
        if tools::optional(workspace, package, probe) {
            found.usable.extend(counters);
        } else {
            let figures = counters.iter().flat_map(|counter| counter.figures);
            let why = |figure| format!("{figure}: {package} does not work here and cannot be installed");
            found.skipped.extend(figures.map(why));
        }
    }
    found
}

/// Instructions of all threads. Valgrind has a processor of its own, without AVX-512, which decides how the C library copies.
fn callgrind() -> Counter {
    let read = |text: &str| Some(vec![number_after(text, "Collected : ")?]);
    let command = &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    Counter { figures: &[INSTRUCTIONS], command, to_file: "--log-file", read }
}

fn memcheck() -> Counter {
    let read = |text: &str| Some(vec![number_after(text, "total heap usage: ")?]);
    let command = &["valgrind", "--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"];
    Counter { figures: &[ALLOCATIONS], command, to_file: "--log-file", read }
}

fn strace() -> Counter {
    let command = &["strace", "-f", "-qq", "--signal=none"];
    Counter { figures: &[CALLS, BYTES], command, to_file: "--output", read: |text| Some(calls(text).to_vec()) }
}

impl Counter {
    /// Runs the program in an empty directory, which it is told last, and counts.
    pub fn count<'a>(
        &self,
        counted: &Path,
        arguments: impl Iterator<Item = &'a str>,
        scratch: &Path,
    ) -> Result<Vec<u64>> {
        let scratch = tempfile::tempdir_in(scratch)?;
        let (file, directory) = (scratch.path().join("counted"), scratch.path().join("data"));
        fs::create_dir(&directory)?;
        let mut command = program(self.command[0], scratch.path());
        // The same environment everywhere: some of it tells the C library how to work.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.args(&self.command[1..]).arg(format!("{}={}", self.to_file, file.display()));
        output(command.arg(counted).args(arguments).arg(&directory))?;
        let text = fs::read_to_string(&file)?;
        (self.read)(&text).ok_or_else(|| format!("{} does not say what it counted:\n{text}", self.command[0]).into())
    }
}

/// The number behind a word; it may have commas.
fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    let digits = rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',');
    digits.collect::<String>().parse().ok()
}

/// System calls of all threads but those that wait, and the bytes that they wrote. A call that is interrupted by another
/// thread's has two lines: it is counted by the first, and the second has its result.
fn calls(trace: &str) -> [u64; 2] {
    let mut found = [0; 2];
    for line in trace.lines() {
        // The thread's id comes first.
        let Some((_, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let (name, first) = match call.strip_prefix("<... ") {
            Some(rest) => (rest.split(' ').next().unwrap_or_default(), false),
            None => (call.split('(').next().unwrap_or_default(), true),
        };
        if first && !WAITING.contains(&name) && name.starts_with(|c: char| c.is_ascii_lowercase()) {
            found[0] += 1;
        }
        if name.starts_with("pwrite") || name.starts_with("write") {
            let result = call.rsplit_once(" = ").and_then(|(_, result)| result.parse::<u64>().ok());
            found[1] += result.unwrap_or(0);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{calls, number_after};

    #[test]
    fn numbers_are_read_with_commas() {
        assert_eq!(number_after("==1== Collected : 12979077\n", "Collected : "), Some(12_979_077));
        assert_eq!(number_after("total heap usage: 1,326 allocs, 282 frees", "usage: "), Some(1326));
        assert_eq!(number_after("nothing", "usage: "), None);
    }

    #[test]
    fn a_call_counts_once_and_its_bytes_too() {
        let trace = "10 pwrite64(3, \"a = 9\", 5, 0) = 5\n\
                     10 pwrite64(3, \"abc\"..., 300, 5 <unfinished ...>\n\
                     11 futex(0x1, FUTEX_WAKE_PRIVATE, 1) = 0\n\
                     11 fdatasync(3 <unfinished ...>\n\
                     10 <... pwrite64 resumed>) = 300\n\
                     11 <... fdatasync resumed>) = 0\n\
                     10 pwrite64(3, \"a\", 1, 5) = -1 ENOSPC (No space left on device)\n\
                     10 exit_group(0) = ?\n\
                     10 +++ exited with 0 +++\n";
        assert_eq!(calls(trace), [5, 305]);
    }
}
