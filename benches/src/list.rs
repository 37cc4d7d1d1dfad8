//! Everyone who takes part. Knows each store's file; measures nothing.

use crate::contestant::{Contestant, Kind};
use crate::passes::boxed;
use jvdb_core::Access;

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
            open: Some(|p, _, _| boxed(crate::jvdb::Jvdb::open_mmap(p))),
            many: Some(|p, n| crate::jvdb::many(p, n, Access::Mmap)),
            ..ours("jvdb mmap", true, |p, d| boxed(crate::jvdb::Jvdb::mmap(p, d)), None)
        },
        Contestant {
            open: Some(|p, _, _| boxed(crate::jvdb::Jvdb::open_file(p))),
            many: Some(|p, n| crate::jvdb::many(p, n, Access::File)),
            ..ours("jvdb file", true, |p, d| boxed(crate::jvdb::Jvdb::file(p, d)), None)
        },
        ours("jvdb memory", false, |_, d| boxed(crate::jvdb::Jvdb::memory(d)), None),
        peer(
            "LMDB",
            true,
            |p, d| boxed(crate::lmdb::Lmdb::open(p, d)),
            Some(|p, d, _| boxed(crate::lmdb::Lmdb::open(p, d))),
        ),
        peer("LMDB wmap", true, |p, d| boxed(crate::lmdb::Lmdb::open_writable_map(p, d)), None),
        Contestant {
            read_only: true,
            ..peer(
                "LMDB 1 txn",
                true,
                |p, d| boxed(crate::lmdb::Lmdb::open(p, d).map(crate::lmdb::Lmdb::one_snapshot)),
                None,
            )
        },
        peer("HashMap", false, |_, _| boxed(Ok(crate::boxes::Boxes::default())), None),
        Contestant {
            kind: Kind::Limit,
            ..ours(
                "limit",
                true,
                |p, d| boxed(crate::bare::Bare::create(p, d)),
                Some(|p, d, n| boxed(crate::bare::Bare::open(p, d, n))),
            )
        },
    ]
}
