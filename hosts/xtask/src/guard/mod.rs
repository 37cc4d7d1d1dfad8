//! `cargo xtask guard`: what an operation costs where no noise reaches, beside what is committed: instructions,
//! allocations, system calls, bytes written. Ends with failure when one has grown; `--accept` commits to what is there now.

mod baseline;
mod cases;
mod counters;

use crate::Result;
use crate::build::Workspace;
use crate::run::run as run_command;
use baseline::{Baseline, Change};
use clap::Args;
use std::collections::BTreeMap;
use std::time::Instant;

/// What to do.
#[derive(Args)]
pub struct Guard {
    /// Writes benches/guard.json anew from what is there now
    #[arg(long)]
    accept: bool,
}

/// Figures by their names.
type Figures = BTreeMap<String, f64>;

pub fn run(wanted: &Guard) -> Result<()> {
    let workspace = Workspace::find()?;
    run_command(workspace.cargo().args(["build", "--release", "--package", "jvdb-benches", "--bin", "jvdb-op"]))?;
    let counters = counters::there(&workspace);
    let begun = Instant::now();
    let figures = cases::measure(&workspace, &counters.usable)?;
    println!("{} figures in {:.0} s", figures.len(), begun.elapsed().as_secs_f64());

    let file = workspace.root.join("benches/guard.json");
    let here = baseline::circumstances(&workspace);
    if wanted.accept {
        if let Some(missing) = counters.skipped.first() {
            return Err(format!("a baseline has all figures, but {missing}").into());
        }
        Baseline { circumstances: here, figures }.write(&file)?;
        println!("accepted: {}", file.display());
        return Ok(());
    }
    let before = Baseline::read(&file)?;
    let mut skipped = counters.skipped;
    if let Some(difference) = before.other_circumstances(&here) {
        skipped.push(format!("{}: the baseline is of {difference}", counters::INSTRUCTIONS));
    }
    let is_skipped = |name: &str| {
        let of = |why: &String| why.split_once(':').is_some_and(|(what, _)| name.ends_with(what));
        skipped.iter().any(of)
    };
    let changes = before.changes(&figures, is_skipped);
    print(&changes);
    skipped.iter().for_each(|why| println!("SKIPPED: {why}"));
    verdict(&changes)
}

fn shown(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".into(), |figure| format!("{figure:.2}"))
}

fn print(changes: &[Change]) {
    let width = changes.iter().map(|change| change.name.chars().count()).max().unwrap_or(0);
    println!("{:<width$}  {:>13}  {:>13}  {:>8}", "per operation", "here", "baseline", "change");
    for change in changes {
        let (here, before) = (shown(change.here), shown(change.before));
        let (percent, word) = (change.percent().unwrap_or_default(), change.word());
        println!("{:<width$}  {here:>13}  {before:>13}  {percent:>8}  {word}", change.name);
    }
}

/// Failure if something has grown, or is not compared with anything.
fn verdict(changes: &[Change]) -> Result<()> {
    if changes.is_empty() {
        println!("SKIPPED: all of it: nothing can be measured here");
        return Ok(());
    }
    if changes.iter().any(Change::is_shrunk) {
        println!("some figures have shrunk: `cargo xtask guard --accept` keeps them there");
    }
    let wrong: Vec<_> = changes.iter().filter(|change| change.is_wrong()).collect();
    for change in &wrong {
        let (here, before) = (shown(change.here), shown(change.before));
        println!("FAILED: {}: {}, {before} to {here}", change.name, change.word());
    }
    let all = changes.len();
    match wrong.len() {
        0 => println!("{all} figures, none has grown"),
        some => return Err(format!("{some} of {all} figures are not what benches/guard.json allows").into()),
    }
    Ok(())
}
