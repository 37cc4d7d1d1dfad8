//! The ways in which calls to a disk fail.

use crate::disk::{Call, Fate};

/// The errors that disks fail with, and their names.
pub const ERRNOS: [(i32, &str); 4] = [(5, "EIO"), (28, "ENOSPC"), (122, "EDQUOT"), (4, "EINTR")];

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing is done. A sync may have done a part.
    Fails,
    /// A part of a write is done.
    Short,
    /// All is done all the same.
    Late,
    /// A sync has dropped what it was to write, and later ones say that all is well.
    Drops,
    /// As before, and the cache has forgotten it too.
    Reverts,
}

/// One way for one sort of call to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What fails.
    pub call: Call,
    /// How.
    pub flaw: Flaw,
    /// Once, or from then on every time.
    pub lasting: bool,
}

impl Kind {
    /// All there are.
    pub fn all() -> Vec<Self> {
        use Flaw::{Drops, Fails, Late, Reverts, Short};
        let of = |call, flaws: &'static [Flaw]| flaws.iter().map(move |flaw| (call, *flaw));
        let ways = of(Call::Write, &[Fails, Short, Late])
            .chain(of(Call::Sync, &[Fails, Late, Drops, Reverts]))
            .chain(of(Call::Truncate, &[Fails, Late]))
            .chain(of(Call::Open, &[Fails]))
            .chain(of(Call::Create, &[Fails, Late]))
            .chain(of(Call::Rename, &[Fails, Late]))
            .chain(of(Call::Remove, &[Fails, Late]))
            .chain(of(Call::SyncDirectory, &[Fails, Late]))
            .chain(of(Call::Read, &[Fails]))
            .chain(of(Call::Look, &[Fails]));
        ways.flat_map(|(call, flaw)| [false, true].map(|lasting| Self { call, flaw, lasting })).collect()
    }

    /// Whether each place is tried with every error, and not with one of them in turn.
    pub(super) fn tries_all_errors(self) -> bool {
        self.call != Call::Read && matches!(self.flaw, Flaw::Fails | Flaw::Short)
    }

    /// What happens to the call. `share` is how many 256ths of a short write are done.
    pub(super) fn fate(self, errno: i32, share: u8) -> Fate {
        match self.flaw {
            Flaw::Fails => Fate::Fails(errno),
            Flaw::Short => Fate::Short(errno, share),
            Flaw::Late => Fate::Late(errno),
            Flaw::Drops => Fate::Drops(errno),
            Flaw::Reverts => Fate::Reverts(errno),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let call = match self.call {
            Call::Write => "write",
            Call::Sync => "sync",
            Call::Truncate => "truncate",
            Call::Open => "open",
            Call::Create => "create",
            Call::Rename => "rename",
            Call::Remove => "remove",
            Call::SyncDirectory => "directory sync",
            Call::Read => "read",
            Call::Look => "list and stat",
        };
        let how = match self.flaw {
            Flaw::Fails => "fails",
            Flaw::Short => "is done in part",
            Flaw::Late => "is done, says it failed",
            Flaw::Drops => "fails, pages dropped",
            Flaw::Reverts => "fails, pages and cache dropped",
        };
        write!(f, "{call} {how}, {}", if self.lasting { "for good" } else { "once" })
    }
}
