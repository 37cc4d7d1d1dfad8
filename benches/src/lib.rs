//! The engine beside what it competes with, doing the same work on the same data within one run.
//!
//! [`contestants`] lists who takes part, [`rounds`] measures them in turns, [`table`] prints what came out. Nothing here
//! is part of the product, and nothing of the product depends on it.

pub mod changes;
pub mod cold;
pub mod conformance;
pub mod contestant;
pub mod dataset;
pub mod floor;
pub mod growth;
pub mod machine;
pub mod many;
pub mod memory;
pub mod opening;
pub mod passes;
pub mod rounds;
pub mod space;
pub mod table;
pub mod threads;
pub mod workloads;

mod bare;
mod boxes;
mod jvdb;
mod lmdb;

use contestant::{Contestant, Kind, boxed};
use jvdb_core::Access;

/// Any error of any contestant.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// Result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everyone who takes part, ours first, the physical limit last.
pub fn contestants() -> Vec<Contestant> {
    let ours = |name, on_disk, create, open| Contestant {
        name,
        kind: Kind::Ours,
        on_disk,
        read_only: false,
        create,
        open,
        many: None,
    };
    let peer = |name, on_disk, create, open| Contestant { kind: Kind::Peer, ..ours(name, on_disk, create, open) };
    vec![
        Contestant {
            open: Some(|p, _, _| boxed(jvdb::Jvdb::open_mmap(p))),
            many: Some(|p, n| jvdb::many(p, n, Access::Mmap)),
            ..ours("jvdb mmap", true, |p, d| boxed(jvdb::Jvdb::mmap(p, d)), None)
        },
        Contestant {
            open: Some(|p, _, _| boxed(jvdb::Jvdb::open_file(p))),
            many: Some(|p, n| jvdb::many(p, n, Access::File)),
            ..ours("jvdb file", true, |p, d| boxed(jvdb::Jvdb::file(p, d)), None)
        },
        ours("jvdb memory", false, |_, d| boxed(jvdb::Jvdb::memory(d)), None),
        peer("LMDB", true, |p, d| boxed(lmdb::Lmdb::open(p, d)), Some(|p, d, _| boxed(lmdb::Lmdb::open(p, d)))),
        peer("LMDB wmap", true, |p, d| boxed(lmdb::Lmdb::open_writable_map(p, d)), None),
        Contestant {
            read_only: true,
            ..peer("LMDB 1 txn", true, |p, d| boxed(lmdb::Lmdb::open(p, d).map(lmdb::Lmdb::one_snapshot)), None)
        },
        peer("HashMap", false, |_, _| boxed(Ok(boxes::Boxes::default())), None),
        Contestant {
            kind: Kind::Limit,
            ..ours(
                "limit",
                true,
                |p, d| boxed(bare::Bare::create(p, d)),
                Some(|p, d, n| boxed(bare::Bare::open(p, d, n))),
            )
        },
    ]
}
