//! `cargo xtask demo`: one directory of databases, filled from a JSON export, read through every face, compared bit by
//! bit; and an import that is killed, of which nothing acknowledged is lost.

mod dump;
mod faces;
mod kill;
mod table;

use crate::Result;
use crate::build::Workspace;
use crate::run::{program, run as run_command};
use crate::tools;
use dump::Dump;
use faces::{Faces, Reading};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub fn run() -> Result<()> {
    let workspace = Workspace::find()?;
    build(&workspace)?;
    let faces = Faces::of(&workspace)?;
    let jvdb = workspace.artifacts().join("jvdb");
    let input = workspace.root.join("tests/data/databases.json");
    let scratch = tempfile::tempdir()?;
    let storage = scratch.path().join("storage");

    say("jvdb import: a JSON export becomes .jvdb files");
    let on = |command: &str, storage: &Path| {
        let mut jvdb = program(&jvdb, &workspace.root);
        jvdb.arg(command).arg("--storage").arg(storage);
        jvdb
    };
    run_command(on("import", &storage).arg("--input").arg(&input))?;
    run_command(&mut on("stats", &storage))?;
    let whole = faces.rust_mmap(&storage, scratch.path())?;

    say("kill -9: another import, killed half way");
    let killed = scratch.path().join("killed");
    let acknowledged = kill::half_way(&jvdb, &killed, &input, whole.dump.vectors())?;
    let survived = faces.rust_mmap(&killed, scratch.path())?;
    check_acknowledged(&acknowledged, &survived.dump, &whole.dump, &input)?;
    run_command(&mut on("verify", &killed))?;
    run_command(on("import", &killed).arg("--input").arg(&input))?;
    let completed = faces.rust_mmap(&killed, scratch.path())?;
    if let Some(difference) = whole.dump.difference(&completed.dump) {
        return Err(format!("the killed import, repeated, differs: {difference}").into());
    }
    println!("imported once more, it holds the same as the import that was not killed");

    say("the same vectors and metadata through every face");
    let mut readings = vec![whole];
    readings.extend(faces.others(&storage, scratch.path())?);
    readings.push(faces.cpp_import(&input, scratch.path())?);
    readings.extend(faces.memory(&input, scratch.path())?);
    print!("{}", table::text(&readings));
    compare(&readings)
}

fn say(what: &str) {
    println!("\n=== {what}");
}

fn build(workspace: &Workspace) -> Result<()> {
    say("building what is missing (wasmtime takes some minutes the first time)");
    tools::native(workspace)?;
    let toolchain = workspace.wasm_toolchain()?;
    workspace.build_component(&toolchain)?;
    workspace.build_optimized()
}

/// Every acknowledged vector is there with its own bits, and nothing else is there that the file does not hold.
fn check_acknowledged(
    acknowledged: &BTreeMap<String, usize>,
    survived: &Dump,
    whole: &Dump,
    input: &Path,
) -> Result<()> {
    let export: serde_json::Value = serde_json::from_str(&fs::read_to_string(input)?)?;
    let databases = export["databases"].as_array().ok_or("the export has no databases")?;
    for (name, &count) in acknowledged {
        let vectors = databases.iter().find(|database| database["name"] == **name).map(|it| &it["vectors"]);
        let vectors = vectors.and_then(|it| it.as_array()).ok_or_else(|| format!("the export has no {name:?}"))?;
        let there = survived.databases.get(name).ok_or_else(|| format!("LOST: database {name:?}"))?;
        let ids: Vec<_> = vectors.iter().take(count).filter_map(|vector| vector["id"].as_u64()).collect();
        if ids.len() != count {
            return Err(format!("{count} acknowledged, of {} ids in the export for {name:?}", ids.len()).into());
        }
        for id in ids {
            if !there.vectors.contains_key(&id) {
                return Err(format!("LOST: vector {id} of database {name:?} was acknowledged").into());
            }
        }
    }
    survived.is_part_of(whole)?;
    let (total, there) = (acknowledged.values().sum::<usize>(), survived.vectors());
    println!(
        "acknowledged before the kill: {total} of {} vectors; found after reopening: {there}; lost: 0",
        whole.vectors()
    );
    Ok(())
}

/// All read the same, bit by bit.
fn compare(readings: &[Reading]) -> Result<()> {
    let [first, others @ ..] = readings else { return Err("nothing was read".into()) };
    if first.dump.vectors() == 0 {
        return Err("there is nothing to compare".into());
    }
    let mut differ = 0;
    for other in others {
        if let Some(difference) = first.dump.difference(&other.dump) {
            println!("DIFFERENT: {} and {}: {difference}", first.face, other.face);
            differ += 1;
        }
    }
    if differ > 0 {
        return Err(format!("{differ} of {} faces differ from {}", others.len(), first.face).into());
    }
    println!("all {} faces agree in every bit", readings.len());
    Ok(())
}
