//! What a crowd did and what went wrong, counted from all threads.

use crate::row::Row;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Faults that are printed; more say nothing new.
const PRINTED: u64 = 20;

/// Names of what members do, in the order of [`Deed`].
const DEEDS: [&str; 12] = [
    "writes",
    "batches",
    "refusals",
    "copies",
    "views",
    "pins",
    "scans",
    "flushes",
    "compactions",
    "recreations",
    "surveys",
    "pins kept",
];

/// One thing a member does.
#[derive(Clone, Copy)]
pub enum Deed {
    Write,
    Batch,
    Refusal,
    Copy,
    View,
    Pin,
    Scan,
    Flush,
    Compact,
    Recreate,
    Survey,
    Keep,
}

pub struct Counts {
    /// What reproduces it.
    whence: String,
    deeds: [AtomicU64; DEEDS.len()],
    lost: AtomicU64,
    torn: AtomicU64,
    signals: AtomicU64,
    undetected: AtomicU64,
    most_descriptors: AtomicUsize,
}

impl Counts {
    pub fn new(whence: String) -> Self {
        Self {
            whence,
            deeds: Default::default(),
            lost: AtomicU64::new(0),
            torn: AtomicU64::new(0),
            signals: AtomicU64::new(0),
            undetected: AtomicU64::new(0),
            most_descriptors: AtomicUsize::new(0),
        }
    }

    pub fn did(&self, deed: Deed) {
        self.deeds[deed as usize].fetch_add(1, Relaxed);
    }

    /// An operation that should have succeeded did not, or is gone.
    pub fn lost(&self, what: &str) {
        self.note(&self.lost, what);
    }

    /// Something was read that no operation wrote, or that none could have left.
    pub fn torn(&self, what: &str) {
        self.note(&self.torn, what);
    }

    pub fn panicked(&self, who: &str) {
        self.note(&self.signals, &format!("{who} panicked"));
    }

    /// A limit was passed, and nobody said so.
    pub fn undetected(&self, what: &str) {
        self.note(&self.undetected, what);
    }

    fn note(&self, counter: &AtomicU64, what: &str) {
        if self.faults() < PRINTED {
            eprintln!("crowds: {}: {what}", self.whence);
        }
        counter.fetch_add(1, Relaxed);
    }

    fn faults(&self) -> u64 {
        [&self.lost, &self.torn, &self.signals, &self.undetected].iter().map(|counter| counter.load(Relaxed)).sum()
    }

    /// Whether going on would only repeat itself.
    pub fn is_hopeless(&self) -> bool {
        self.faults() > PRINTED
    }

    pub fn saw_descriptors(&self, open: usize, limit: usize) {
        self.most_descriptors.fetch_max(open, Relaxed);
        if open > limit {
            self.undetected(&format!("{open} database files are open, the limit is {limit}"));
        }
    }

    pub fn operations(&self) -> u64 {
        self.deeds.iter().map(|counter| counter.load(Relaxed)).sum()
    }

    pub fn report(&self) -> String {
        let deeds = DEEDS.iter().zip(&self.deeds).map(|(name, counter)| format!("{} {name}", counter.load(Relaxed)));
        let files = self.most_descriptors.load(Relaxed);
        format!("at most {files} descriptors; {}", deeds.collect::<Vec<_>>().join(", "))
    }

    pub fn row(&self, fault: String) -> Row {
        Row {
            cases: self.operations(),
            lost: self.lost.load(Relaxed),
            torn: self.torn.load(Relaxed),
            signals: self.signals.load(Relaxed),
            undetected: self.undetected.load(Relaxed),
            ..Row::new(fault)
        }
    }
}
