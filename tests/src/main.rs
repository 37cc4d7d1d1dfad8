//! `jvdb-child ORDER DIRECTORY`: the process that the tests kill, lock out and starve. It says on standard output what it
//! has been acknowledged; see [`Order`].

use jvdb_core::{Access, Database, Error, Key, Layout, Metric, Operation, Result, Schema, Storage};
use jvdb_tests::{DATABASE, DIMENSION, Order, bits, metadata, never_flushing, vector};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::Write;
use std::path::Path;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, order, directory] = &arguments[..] else { return Err("usage: jvdb-child ORDER DIRECTORY".into()) };
    let order = Order::ALL.into_iter().find(|it| it.name() == order).ok_or("there is no such order")?;
    let access = if order == Order::PutFile { Access::File } else { Access::Mmap };
    if order == Order::FewDescriptors {
        for (name, layout) in [("flat", Layout::Flat), ("folders", Layout::Folders)] {
            few_descriptors(&Path::new(directory).join(name), layout)?;
        }
        return Ok(());
    }
    if order == Order::GoElsewhere {
        return go_elsewhere(Path::new(directory));
    }
    let storage = Storage::open(Path::new(directory), never_flushing(access))?;
    if order == Order::Hold {
        hold();
    }
    let database = storage.create(DATABASE, Schema::new(DIMENSION, Metric::Cosine)?)?;
    match order {
        Order::Flush => flush(&database)?,
        Order::Batch => batch(&database)?,
        Order::Fill => fill(&database)?,
        _ => put(&database)?,
    }
    Ok(())
}

/// One line to whoever reads; this process ends when nobody does.
fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(3);
    }
}

/// Opens `here/data` as `data` and goes to `there`, where there is a `data` of somebody else.
fn go_elsewhere(directory: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
    std::env::set_current_dir(directory.join("here"))?;
    let storage = Storage::open("data", never_flushing(Access::Mmap).max_open_files(5))?;
    let schema = Schema::new(2, Metric::Cosine)?;
    storage.create("d", schema)?.put(1, &[1.0, 0.0], b"")?;
    std::env::set_current_dir(directory.join("there"))?;
    // Others take all places of open files, so that the first is opened again.
    for name in ["a", "b", "c", "e", "f"] {
        drop(storage.create(name, schema)?);
    }
    let database = storage.database("d")?;
    database.put(2, &[2.0, 0.0], b"")?;
    database.compact()?;
    drop(database);
    storage.close()?;
    say("went");
    Ok(())
}

/// Goes round twelve databases while it may have 16 files open, then while others have taken all but a few of them.
fn few_descriptors(directory: &Path, layout: Layout) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let open = || Storage::open(directory, never_flushing(Access::Mmap).layout(layout));
    let storage = open()?;
    let names = || (0..12).map(|number| format!("d{number}"));
    let limit = |current| {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum })
    };
    limit(16)?;
    for name in names() {
        let database = storage.create(&name, Schema::new(DIMENSION, Metric::Cosine)?)?;
        store(&database, 0)?;
    }
    for id in 1..4 {
        for name in names() {
            let database = storage.database(&name)?;
            store(&database, id)?;
            database.flush()?;
        }
    }
    storage.close()?;
    // The first flush of an opening syncs the directory, which takes a descriptor where databases have folders. Whatever else the
    // program opens takes what the storage could have had.
    let storage = open()?;
    let mut others = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        others.push(file);
    }
    others.truncate(others.len().saturating_sub(2));
    for name in names() {
        let database = storage.database(&name)?;
        store(&database, 4)?;
        database.flush()?;
    }
    storage.close()?;
    drop(others);
    let storage = open()?;
    for name in names() {
        check(&storage.database(&name)?, 5)?;
    }
    storage.close()?;
    say("went round");
    Ok(())
}

fn hold() {
    say("holding");
    loop {
        std::thread::park();
    }
}

fn store(database: &Database, id: u64) -> Result<bool> {
    database.put(id, &vector(id), &metadata(id))
}

fn flush(database: &Database) -> Result<()> {
    for id in 0..100 {
        store(database, id)?;
    }
    database.flush().map(drop)
}

fn put(database: &Database) -> Result<()> {
    for id in 0.. {
        store(database, id)?;
        say(id);
    }
    Ok(())
}

fn batch(database: &Database) -> Result<()> {
    for first in (0..).step_by(10) {
        let rows: Vec<_> = (first..first + 10).map(|id| (id, vector(id), metadata(id))).collect();
        let puts = rows.iter().map(|(id, vector, metadata)| Operation::Put { key: Key::Int(*id), vector, metadata });
        database.write(puts)?;
        say(first + 9);
    }
    Ok(())
}

/// Prints the error that ends the first run of puts; lifts the limit; prints "recovered" if everything acknowledged is
/// readable and writing and flushing work again.
fn fill(database: &Database) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut stored = 0;
    let refused = loop {
        match store(database, stored) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    if !matches!(refused, Error::Io { .. }) {
        return Err(format!("another error than expected: {refused:?}").into());
    }
    say(refused);
    // Still full: refused again, and readable.
    store(database, stored).err().ok_or("the limit was gone by itself")?;
    check(database, stored)?;
    let hard = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: hard, maximum: hard })?;
    for id in stored..stored + 100 {
        store(database, id)?;
    }
    database.flush()?;
    check(database, stored + 100)?;
    let report = database.verify()?;
    if !report.damage.is_empty() {
        return Err(format!("{:?}", report.damage).into());
    }
    say(format!("recovered {}", stored + 100));
    Ok(())
}

fn check(database: &Database, stored: u64) -> std::result::Result<(), Box<dyn std::error::Error>> {
    for id in 0..stored {
        let found = database.get(id)?.ok_or_else(|| format!("vector {id} is lost"))?;
        if bits(found.vector()) != bits(&vector(id)) || found.metadata() != metadata(id) {
            return Err(format!("vector {id} is another").into());
        }
    }
    if database.count() == stored { Ok(()) } else { Err(format!("{} vectors, not {stored}", database.count()).into()) }
}
