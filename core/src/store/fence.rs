//! The fence: how a store finds out that another writer has been in its file, before it writes over anything of that one's.
//!
//! Each opening that writes puts a token of its own into the file before its first record, and looks at it from then on: a
//! token that is not its own means that somebody else writes. Locks keep others out where there are locks, and where nobody
//! removes them; the fence is for all other cases. It decides nothing about what is written.

use crate::format::head::{Pair, newest_superblock};
use crate::format::layout::FENCE;
use crate::log::writer::{StaleTail, Writer};
use crate::medium::Medium;
use crate::store::claim::{behind, put_token, token_in};
use crate::store::store::{Identity, Store};
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::io;

impl Store {
    /// Makes sure that this opening is the one that writes. To be called before anything is written, by whoever has the writer:
    /// the first call puts the token into the file, later ones look whether it is still there.
    #[inline]
    pub(crate) fn hold_fence(&self, writer: &Writer) -> Result<()> {
        let Some(medium) = writer.medium.as_deref() else { return Ok(()) };
        if !self.claim.is_made() {
            return self.make_claim(writer, medium);
        }
        match medium.peek(FENCE) {
            Some(word) if word == self.claim.token && !self.claim.is_lost() => Ok(()),
            _ => self.look(medium),
        }
    }

    /// To be called before anything is added to the log: holds the fence, and clears what may lie behind the log's end. That
    /// waits for the disk, so whoever else writes may have come meanwhile.
    #[inline]
    pub(crate) fn begin_writing(&self, writer: &mut Writer) -> Result<()> {
        self.hold_fence(writer)?;
        if writer.stale_tail == StaleTail::Absent {
            return Ok(());
        }
        writer.clear_stale_tail().map_err(|fault| self.fault(fault))?;
        self.hold_fence(writer)
    }

    /// Fails if another writer has been in the file since this opening put its token there.
    #[cold]
    pub(crate) fn look(&self, medium: &dyn Medium) -> Result<()> {
        // After a failed sync the cache may have lost the token with everything else, and nothing is written in any case.
        if !self.claim.is_made() || self.poison.get().is_some() || broken(Mutant::FenceIgnored) {
            return Ok(());
        }
        if self.claim.is_lost() || token_in(medium).map_err(|fault| self.fault(fault))? != self.claim.token {
            return Err(self.fenced());
        }
        Ok(())
    }

    /// Fails if another writer has been in the file, also where this opening has not claimed it: what it knows of the file's
    /// index would not be true any more.
    pub(crate) fn check_alone(&self, medium: &dyn Medium) -> Result<()> {
        if self.claim.is_made() {
            return self.look(medium);
        }
        // Not more than that: the file may have grown beyond the length that is known here.
        let newest = Pair::read(medium).sound().max_by_key(|superblock| superblock.generation);
        if newest == Some(self.opened) { Ok(()) } else { Err(self.fenced()) }
    }

    /// Puts the token into another file, which is to take the place of this one.
    pub(crate) fn claim_successor(&self, medium: &dyn Medium) -> Result<(), Fault> {
        put_token(medium, self.claim.token)
    }

    /// Whether what looks like damage may come of another writer.
    pub(crate) fn may_be_fenced(&self) -> bool {
        let foreign = || match self.claim.is_made() {
            true => self.medium().ok().and_then(|medium| token_in(&*medium).ok()) != Some(self.claim.token),
            false => self.was_changed(),
        };
        self.poison.get().is_none() && (self.claim.is_lost() || foreign())
    }

    /// Puts the token into the file, unless somebody has written there since it was opened.
    #[cold]
    fn make_claim(&self, writer: &Writer, medium: &dyn Medium) -> Result<()> {
        // Before, so that a writer that is at work is not disturbed by an opening that comes too late.
        self.check_untouched(writer, medium)?;
        put_token(medium, self.claim.token).map_err(|fault| self.fault(fault))?;
        // And after, because whoever wrote until now looks at the token only from now on.
        if !broken(Mutant::ClaimTrusted) {
            self.check_untouched(writer, medium)?;
            if token_in(medium).map_err(|fault| self.fault(fault))? != self.claim.token {
                return Err(self.fenced());
            }
        }
        self.claim.make();
        Ok(())
    }

    /// Fails if the file is not what it was when it was opened. Nothing of this opening has been written yet.
    fn check_untouched(&self, writer: &Writer, medium: &dyn Medium) -> Result<()> {
        if broken(Mutant::ClaimTrusted) {
            return Ok(());
        }
        let is_named = self.check_named(medium)?;
        let Identity { file, path, .. } = &self.identity;
        // Where nobody can tell which file has the name, it is opened to see.
        let opened = match is_named {
            true => None,
            false => Some(self.volume.open(file).map_err(|source| Error::io("open", path, source))?),
        };
        let now = opened.as_deref().unwrap_or(medium);
        let len = self.volume.size(file).map_err(|source| Error::io("look at", path, source))?;
        let same = len == medium.len()
            && newest_superblock(now, path)?.newest == self.opened
            && behind(now, writer.next.offset) == self.claim.behind;
        if same { Ok(()) } else { Err(self.fenced()) }
    }

    /// Fails if the file's name does not lead to it any more: what is written would be in no file that anybody finds. Returns
    /// whether that can be told here.
    pub(crate) fn check_named(&self, medium: &dyn Medium) -> Result<bool> {
        let Some(id) = medium.id() else { return Ok(false) };
        match self.volume.id_of(&self.identity.file) {
            Ok(None) => Ok(false),
            Ok(Some(found)) if found == id => Ok(true),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("look at", &self.identity.path, error))
            }
            _ => Err(Error::Removed { path: self.identity.path.clone() }),
        }
    }

    #[cold]
    fn fenced(&self) -> Error {
        if self.claim.lose() {
            tracing::error!(database = self.identity.name, "fenced: another process writes to the file");
        }
        Error::Fenced { path: self.identity.path.clone() }
    }
}
