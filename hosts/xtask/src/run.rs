//! Starting programs. Each is started in the root of the workspace and without the library path that cargo gives to what
//! it runs, so that a program finds the library it was linked with and no other.

use crate::Result;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A program, to be started in a directory.
pub fn program(name: impl AsRef<std::ffi::OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(directory).env_remove("LD_LIBRARY_PATH");
    command
}

/// Its command line, for people.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: std::io::Error) -> String {
    format!("cannot start {}: {error}", command.get_program().to_string_lossy())
}

/// Runs it to its end; what it prints goes where ours goes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| cannot_start(command, error))?;
    if status.success() { Ok(()) } else { Err(format!("{status}: {}", shown(command)).into()) }
}

/// Runs it and gives what it prints on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, error))?;
    let text = String::from_utf8(output.stdout)?;
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("{}: {}\n{text}", output.status, shown(command)).into())
    }
}

/// Runs it, passing its standard output on line by line, and shows each line to `see`. Gives whether it succeeded.
pub fn watched(command: &mut Command, mut see: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(command, error))?;
    let stdout = child.stdout.take().ok_or("the program has no standard output")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        see(&line);
    }
    Ok(child.wait()?.success())
}

/// Whether it can be run and succeeds; what it says is of no interest.
pub fn works(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}
