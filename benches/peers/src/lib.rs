//! The stores that a user would pick instead of the engine, the engine behind its C face, and everyone else who takes
//! part. Apart from `jvdb-benches`, so that nothing else has to build them.
//!
//! All of them are set up for one promise: a put survives the death of the process, because its bytes are with the
//! kernel when it returns, and a flush survives a loss of power. Beyond that each has the settings that its
//! documentation recommends for values of some kilobytes that do not compress; every file here says which, and why.

#[cfg(test)]
mod conformance;
mod fjall;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocks;
mod sqlite;
mod through_c;
mod value;

pub mod chart;
pub mod goals;
pub mod report;
pub mod scaling;
pub mod suite;

use jvdb_benches::contestant::{Contestant, Creator, Kind, Opener};
use jvdb_benches::passes::boxed;

/// Everyone who takes part: ours first, then the peers, the physical limits last; of each those that keep files first.
pub fn contestants() -> Vec<Contestant> {
    let mut all = jvdb_benches::contestants();
    all.extend([
        Contestant {
            kind: Kind::Ours,
            ..peer(
                "jvdb C",
                |p, d| boxed(through_c::ThroughC::create(p, d)),
                |p, d, _| boxed(through_c::ThroughC::open(p, d)),
            )
        },
        peer("redb", |p, d| boxed(redb::Redb::open(p, d)), |p, d, _| boxed(redb::Redb::open(p, d))),
        peer("fjall", |p, d| boxed(fjall::Fjall::open(p, d)), |p, d, _| boxed(fjall::Fjall::open(p, d))),
        peer("SQLite", |p, d| boxed(sqlite::Sqlite::open(p, d)), |p, d, _| boxed(sqlite::Sqlite::open(p, d))),
        #[cfg(feature = "rocksdb")]
        peer("RocksDB", |p, d| boxed(rocks::Rocks::open(p, d)), |p, d, _| boxed(rocks::Rocks::open(p, d))),
    ]);
    all.sort_by_key(|contestant| (contestant.kind as u8, !contestant.on_disk));
    all
}

/// What does not take part, and why.
pub fn skipped() -> Vec<&'static str> {
    #[cfg(feature = "rocksdb")]
    return Vec::new();
    #[cfg(not(feature = "rocksdb"))]
    vec!["RocksDB: built without the feature rocksdb, which needs Debian's librocksdb-dev and libclang-dev"]
}

fn peer(name: &'static str, create: Creator, open: Opener) -> Contestant {
    Contestant { name, kind: Kind::Peer, on_disk: true, read_only: false, create, open: Some(open), many: None }
}
