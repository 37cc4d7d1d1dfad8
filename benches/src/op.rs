//! One operation, again and again: what an instruction counter or a tracer is put on. Prints nothing but errors.
//!
//! The difference between two runs of different counts is what the operations between them cost.
//! `cargo xtask guard` does that for all of them.

use clap::{Parser, ValueEnum};
use jvdb_benches::passes::dot;
use jvdb_core::{Access, Database, Metric, Operation, Options, Position, Schema, Storage};
use std::hint::black_box;
use std::ops::ControlFlow::Continue;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const DIMENSION: usize = 384;
const METADATA: &[u8] = &[b'm'; 100];

#[derive(Parser)]
struct Arguments {
    /// What to do.
    operation: Wanted,
    /// How often.
    count: u64,
    /// An empty directory for the files.
    dir: PathBuf,
    /// Vectors of a batch, 1,000 unless said; before each flush, 1 unless said.
    #[arg(long)]
    batch: Option<u64>,
    /// Milliseconds after each flush, in which the flush thread does what it does behind it.
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// Vectors that are there before.
    #[arg(long, default_value_t = 10_000)]
    there: u64,
    /// Leaves what is there unflushed.
    #[arg(long)]
    unflushed: bool,
    /// Reads and writes at positions instead of a mapping.
    #[arg(long)]
    file: bool,
    /// Prints nanoseconds per operation.
    #[arg(long)]
    time: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Wanted {
    Put,
    Replace,
    Delete,
    Batch,
    Get,
    Read,
    ReadMany,
    GetInto,
    Miss,
    Flush,
    /// All vectors, `count` times.
    Scan,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let access = if arguments.file { Access::File } else { Access::Mmap };
    let options = Options::default().access(access).flush_interval(Duration::ZERO).seed(1);
    let storage = Storage::open(&arguments.dir, options)?;
    let database = storage.create("op", Schema::new(DIMENSION, Metric::Cosine)?)?;
    let vector = [0.5; DIMENSION];
    let put = |key: u64| Operation::Put { key: spread(key).into(), vector: &vector, metadata: METADATA };
    database.write((0..arguments.there).map(put))?;
    if !arguments.unflushed {
        database.flush()?;
    }
    let started = Instant::now();
    perform(&arguments, &database, &vector)?;
    if arguments.time {
        println!("{:.1} ns", started.elapsed().as_nanos() as f64 / arguments.count as f64);
    }
    // Without closing: what is flushed then is no part of the operations.
    std::process::exit(0)
}

/// Keys in no order, as hashes are.
fn spread(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn perform(arguments: &Arguments, database: &Database, vector: &[f32]) -> jvdb_core::Result<()> {
    let there = arguments.there;
    let put = |key: u64| database.put(spread(key), vector, METADATA).map(drop);
    let batch = |number: u64, size: u64| {
        let first = there + number * size;
        let put = |key: u64| Operation::Put { key: spread(key).into(), vector, metadata: METADATA };
        database.write((first..first + size).map(put)).map(drop)
    };
    // Every key once before any comes again, in an order that is not theirs.
    let keys = (0..arguments.count).map(|i| i.wrapping_mul(7919) % there.max(1));
    match arguments.operation {
        Wanted::Put => (there..there + arguments.count).try_for_each(put),
        Wanted::Replace => keys.into_iter().try_for_each(put),
        Wanted::Delete => (0..arguments.count).try_for_each(|key| database.delete(spread(key)).map(drop)),
        Wanted::Batch => (0..arguments.count).try_for_each(|number| batch(number, arguments.batch.unwrap_or(1000))),
        Wanted::Get => keys.into_iter().try_for_each(|key| {
            black_box(database.get(spread(key))?.map(|found| found.vector()[0]));
            Ok(())
        }),
        Wanted::Read => keys.into_iter().try_for_each(|key| {
            black_box(database.read(spread(key), |vector, metadata| (vector[0], metadata.len()))?);
            Ok(())
        }),
        Wanted::ReadMany => database.read_many(keys.map(spread), |_, found| {
            black_box(found.map(|(vector, metadata)| (vector[0], metadata.len())));
        }),
        Wanted::GetInto => {
            let (mut into, mut metadata) = (vec![0.0; DIMENSION], Vec::new());
            keys.into_iter().try_for_each(|key| database.get_into(spread(key), &mut into, &mut metadata).map(drop))
        }
        Wanted::Miss => (there..there + arguments.count).try_for_each(|key| {
            black_box(database.contains(spread(key))?);
            Ok(())
        }),
        Wanted::Scan => (0..arguments.count).try_for_each(|_| {
            let whole = database.visit(Position::START, |_, found, _| {
                black_box(dot(vector, bytemuck::cast_slice(found)));
                Continue(())
            });
            whole.map(drop)
        }),
        Wanted::Flush => (0..arguments.count).try_for_each(|number| {
            batch(number, arguments.batch.unwrap_or(1))?;
            database.flush()?;
            if arguments.pause == 0 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(arguments.pause));
            // Does or awaits what the thread has not done, so that each ends where the next one begins.
            database.flush().map(drop)
        }),
    }
}
