//! What was acknowledged, what may have come of calls that failed, and what of it must be found when.

use crate::model::Model;

/// A promise broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Something acknowledged is gone.
    Lost(String),
    /// Something is there that nobody made.
    Torn(String),
    /// A fault passed for a success, for another fault, or for none.
    Undetected(String),
    /// A panic.
    Panic(String),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost(what) => write!(f, "LOST: {what}"),
            Self::Torn(what) => write!(f, "TORN: {what}"),
            Self::Undetected(what) => write!(f, "UNDETECTED: {what}"),
            Self::Panic(what) => write!(f, "PANIC: {what}"),
        }
    }
}

/// Content of the database, or `None` for no database.
pub type Content = Option<Model>;

/// The moments at which contents are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// In the process that wrote.
    Alive,
    /// After a close that said that all is well, and an opening.
    Closed,
    /// By the next process, on the same cache.
    Killed,
    /// After a loss of power.
    PowerCut,
}

/// The history of one database.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Content after each acknowledged call.
    states: Vec<Content>,
    /// What calls since the last acknowledged write may have come to that are under way or have failed.
    coming: Vec<Content>,
    /// The first state that a power cut may bring back.
    durable: usize,
    /// The cache has forgotten what was not durable: a new process sees what a power cut would leave.
    reverted: bool,
}

impl Ledger {
    pub fn new(content: Content) -> Self {
        Self { states: vec![content], ..Self::default() }
    }

    /// Content after all that was acknowledged.
    pub fn last(&self) -> &Content {
        self.states.last().expect("there is always a first content")
    }

    /// A call begins that may come to these contents.
    pub fn begin(&mut self, contents: impl IntoIterator<Item = Content>) {
        self.coming.extend(contents);
    }

    /// A call was acknowledged that changes the content. Whatever failed before it is no more.
    pub fn acknowledge(&mut self, content: Content) {
        self.states.push(content);
        self.coming.clear();
    }

    /// All that was acknowledged survives a loss of power from now on.
    pub fn make_durable(&mut self) {
        self.durable = self.states.len() - 1;
    }

    pub fn revert(&mut self) {
        self.reverted = true;
    }

    /// Whether the cache has forgotten something in the life of the present process.
    pub fn is_reverted(&self) -> bool {
        self.reverted
    }

    /// A new process goes on with what it found.
    pub fn go_on(&mut self, found: Content) {
        if self.states.last() != Some(&found) {
            // What the cache forgot it never had from the disk: what is there is on the disk.
            if self.reverted {
                self.durable = self.states.len();
            }
            self.states.push(found);
        }
        self.reverted = false;
        self.coming.clear();
    }

    /// What failed before is no more: nothing of it may be found.
    pub fn close(&mut self) {
        self.coming.clear();
    }

    /// Compares a content with what may be there.
    pub fn check(&self, found: Result<Content, String>, moment: Moment) -> Result<Content, Verdict> {
        let found = found.map_err(|what| Verdict::Lost(format!("{moment:?}: cannot be read: {what}")))?;
        let first = match moment {
            Moment::PowerCut => self.durable,
            Moment::Killed if self.reverted => self.durable,
            _ => self.states.len() - 1,
        };
        let failed = matches!(moment, Moment::Killed | Moment::PowerCut) && self.coming.contains(&found);
        if failed || self.states[first..].contains(&found) {
            return Ok(found);
        }
        let what =
            format!("{moment:?}: found {found:?}\n  allowed {:?}\n  failed {:?}", &self.states[first..], self.coming);
        Err(if self.states[..first].contains(&found) { Verdict::Lost(what) } else { Verdict::Torn(what) })
    }
}
