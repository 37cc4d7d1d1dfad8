//! Starting, hearing and killing the child process. Its program is `env!("CARGO_BIN_EXE_jvdb-child")`, which only tests
//! know.

use crate::Order;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running child, and the lines it prints. Killed when dropped.
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// The command that carries out an order in a directory.
pub fn command(program: &str, order: Order, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(order.name()).arg(directory);
    command
}

impl Process {
    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(program: &str, order: Order, directory: &Path) -> Self {
        let mut child = command(program, order, directory).stdout(Stdio::piped()).spawn().expect("jvdb-child starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// The next line it prints; waits for it. `None` when it has ended.
    ///
    /// # Panics
    /// If it is no text.
    pub fn line(&mut self) -> Option<String> {
        self.lines.next().map(|line| line.expect("text"))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL; then everything it had printed before and nobody had read.
    ///
    /// # Panics
    /// If it had ended by itself.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("killed");
        let status = self.child.wait().expect("gone");
        assert!(status.code().is_none(), "it was to be killed, and ended by itself: {status}");
        self.lines.by_ref().map(|line| line.expect("text")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
