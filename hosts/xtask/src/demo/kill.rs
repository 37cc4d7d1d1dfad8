//! An import that is killed half way: what it had acknowledged by then.

use crate::Result;
use crate::run::{program, shown};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread;

/// Vectors in a batch: few, so that there are many acknowledgements to be killed between.
const BATCH: &str = "7";

/// Imports a file and kills the import with SIGKILL when it has acknowledged half of `all` vectors and is storing more. The
/// end of the file is kept back until then, so the import cannot have finished. Gives the acknowledged number of
/// vectors by database.
pub fn half_way(jvdb: &Path, storage: &Path, input: &Path, all: usize) -> Result<BTreeMap<String, usize>> {
    let text = fs::read(input)?;
    let mut import = program(jvdb, Path::new("."));
    import.args(["import", "--acks", "--batch", BATCH, "--input", "-", "--storage"]).arg(storage);
    let mut child = import.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else { return Err("no pipes to the import".into()) };
    let feed = thread::spawn(move || {
        // Fails when the import is killed before it has read this far.
        let _ = stdin.write_all(&text[..text.len() / 20 * 19]);
        stdin
    });
    let mut acknowledged = BTreeMap::new();
    let mut lines = BufReader::new(stdout).lines();
    while acknowledged.values().sum::<usize>() < all / 2 {
        note(&mut acknowledged, &lines.next().ok_or_else(|| format!("{} ended by itself", shown(&import)))??)?;
    }
    child.kill()?;
    let status = child.wait()?;
    if status.code().is_some() {
        return Err(format!("the import was to be killed, and ended by itself: {status}").into());
    }
    // What it had said before it died, and nobody had read yet.
    for line in lines {
        note(&mut acknowledged, &line?)?;
    }
    feed.join().map_err(|_| "the feeding thread panicked")?;
    Ok(acknowledged)
}

/// Reads "acked DATABASE TOTAL".
fn note(acknowledged: &mut BTreeMap<String, usize>, line: &str) -> Result<()> {
    let parsed = line.strip_prefix("acked ").and_then(|rest| rest.rsplit_once(' '));
    let (name, total) = parsed.ok_or_else(|| format!("the import says {line:?}"))?;
    acknowledged.insert(name.to_owned(), total.parse()?);
    Ok(())
}
