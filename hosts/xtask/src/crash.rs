//! `cargo xtask crash`: cuts the power of a simulated disk under the engine, as often as asked.

use crate::Result;
use crate::build::Workspace;
use crate::run;

pub fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::find()?;
    let mut crash = workspace.cargo();
    // Its build of the engine has switches that break the protocol: it shares nothing with what is shipped.
    crash.args(["run", "--release", "--quiet", "--package", "jvdb-crash", "--"]).args(arguments);
    run::run(&mut crash)
}
