//! Files that claim to hold more than they are long: whatever is done with them, no memory is asked for on their word.

use super::allocator::{arm, disarm};
use super::scenario::Told;
use jvdb_core::{Access, Metric, Options, Position, Schema, Storage};
use std::fs;
use std::path::Path;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

type Failure = Box<dyn std::error::Error>;

const NAME: &str = "d";
/// Memory that may be asked for at once beyond the length of the file: buffers of a fixed size.
const FIXED: usize = 1 << 20;
/// Where the log begins.
const LOG: usize = 8192;
/// Fields of a superblock, and of a record's header: offset, bytes.
const FIELDS: [(usize, usize); 8] = [(24, 4), (32, 4), (48, 8), (56, 8), (64, 8), (80, 8), (88, 8), (96, 8)];
const HEADER_FIELDS: [(usize, usize); 4] = [(36, 4), (40, 1), (42, 2), (44, 8)];

pub fn child(access: &str, dir: &Path) -> Result<Told, Failure> {
    let access = if access == "file" { Access::File } else { Access::Mmap };
    let options = Options::default().access(access).flush_interval(Duration::ZERO).verify_checksums(true);
    let file = dir.join("d.jvdb");
    {
        let storage = Storage::open(dir, options.clone())?;
        let db = storage.create(NAME, Schema::new(8, Metric::Cosine)?)?;
        for id in 0..40_u64 {
            db.put(id, &[id as f32; 8], b"metadata")?;
        }
        db.set_attribute(b"a", b"value")?;
        db.flush()?;
        db.put("a key that is too long for the header of a record", &[1.0; 8], b"")?;
    }
    let sound = fs::read(&file)?;
    let mut told = Told::default();
    let mut attempt = |what: String, bytes: &[u8]| -> Result<(), Failure> {
        println!("{what}");
        fs::write(&file, bytes)?;
        arm(u64::MAX, false);
        let outcome = use_it(dir, &options);
        let seen = disarm();
        told.cases += 1;
        if seen.largest > bytes.len() + FIXED {
            eprintln!("exhaustion: {what}: {} bytes asked for at once, the file has {}", seen.largest, bytes.len());
            told.undetected += 1;
        }
        drop(outcome);
        Ok(())
    };
    for value in [u64::MAX, 1 << 47, 1 << 40, 1 << 31, (1 << 24) - 64, 1 << 24, 1 << 20, 65_536, 4096] {
        for (at, len) in FIELDS {
            let mut bytes = sound.clone();
            for place in [0, 4096] {
                bytes[place + at..place + at + len].copy_from_slice(&value.to_le_bytes()[..len]);
                let sum = xxh3_64(&bytes[place..place + 504]);
                bytes[place + 504..place + 512].copy_from_slice(&sum.to_le_bytes());
            }
            attempt(format!("superblock, {len} bytes at {at}: {value:#x}"), &bytes)?;
        }
        for record in headers(&sound) {
            for (at, len) in HEADER_FIELDS {
                let mut bytes = sound.clone();
                bytes[record + at..record + at + len].copy_from_slice(&value.to_le_bytes()[..len]);
                let sum = xxh3_64(&bytes[record + 8..record + 64]);
                bytes[record..record + 8].copy_from_slice(&sum.to_le_bytes());
                attempt(format!("record at {record}, {len} bytes at {at}: {value:#x}"), &bytes)?;
            }
        }
    }
    Ok(told)
}

/// Some records: those whose header is sound.
fn headers(bytes: &[u8]) -> Vec<usize> {
    let is_header = |at: &usize| bytes[*at..at + 8] == xxh3_64(&bytes[at + 8..at + 64]).to_le_bytes();
    (LOG..bytes.len() - 64).step_by(64).filter(is_header).step_by(6).collect()
}

/// Does everything with the database that can be done; errors are what is expected.
fn use_it(dir: &Path, options: &Options) -> Result<(), jvdb_core::Error> {
    let storage = Storage::open(dir, options.clone().read_only(true))?;
    let db = storage.database(NAME)?;
    let _ = db.verify();
    let _ = db.attributes();
    let _ = db.attribute(b"a");
    let mut metadata = Vec::new();
    for id in 0..40_u64 {
        let _ = db.get(id);
        let _ = db.get_into(id, &mut [0.0; 8], &mut metadata);
    }
    let _ = db.scan(Position::START).count();
    let _ = storage.stats();
    drop((db, storage));
    let storage = Storage::open(dir, options.clone())?;
    let db = storage.database(NAME)?;
    let _ = db.put(1, &[2.0; 8], b"");
    let _ = db.flush();
    let _ = db.compact();
    drop(db);
    storage.close()
}
