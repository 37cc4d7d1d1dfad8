//! A disk whose calls fail: every call of a workload in turn, in every way a disk fails, once or for good.
//!
//! [`kind`] knows the ways, `ledger` what a database must and may hold, `life` runs the engine through one case. This
//! file tries them all and counts what came of it.

pub mod kind;
mod ledger;
mod life;

use crate::campaign::workload;
use crate::disk::{Call, Image};
use crate::model::{LARGE, Op};
use jvdb_core::testing::deferred_index;
use kind::{ERRNOS, Kind};
use ledger::Verdict;
use life::{Case, Life, Manner};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One step of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A call that changes something.
    Do(Op),
    /// Everything is read.
    Read,
    /// A write that is done in part and fails, so that there is something to clear away.
    Stumble(Op),
    /// Other databases are used until the file of this one is closed, then it is used again.
    Evict,
}

/// What came of all cases of one kind of fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Faults brought about, with everything checked that follows.
    pub cases: u64,
    /// Acknowledged operations that were gone.
    pub lost: u64,
    /// Contents that nobody ever made.
    pub torn: u64,
    /// Panics.
    pub panics: u64,
    /// Faults that were acknowledged as success, told as something else, or not taken seriously.
    pub undetected: u64,
    /// The first few of all those, with what it takes to see them again.
    pub failures: Vec<String>,
}

/// Failures described for each kind.
const DESCRIBED: usize = 3;

impl Counts {
    fn take(&mut self, verdict: &Verdict, describe: impl FnOnce() -> String) {
        match verdict {
            Verdict::Lost(_) => self.lost += 1,
            Verdict::Torn(_) => self.torn += 1,
            Verdict::Undetected(_) => self.undetected += 1,
            Verdict::Panic(_) => self.panics += 1,
        }
        if self.failures.len() < DESCRIBED {
            self.failures.push(describe());
        }
    }

    fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.lost += other.lost;
        self.torn += other.torn;
        self.panics += other.panics;
        self.undetected += other.undetected;
        self.failures.extend(other.failures);
        self.failures.truncate(DESCRIBED);
    }
}

/// The workload with everything in it that a database can go through.
fn tour() -> Vec<Step> {
    let batch = |parts: &[(u8, u16)]| Op::Batch(parts.iter().map(|(number, value)| Op::Put(*number, *value)).collect());
    let mut steps = vec![Op::Put(0, 1), Op::Put(1, 2), Op::Flush, Op::Put(0, 3), Op::Attribute(1, 9)];
    steps.extend([batch(&[(2, 4), (3, 1), (1, 5)]), Op::Delete(2), Op::Put(5, 4), Op::Flush]);
    // More names than the table has room for: it grows.
    steps.extend((6..14).map(|number| Op::Put(number, u16::from(number))));
    steps.extend([Op::Flush, Op::Put(6, 1), Op::Delete(7), Op::RemoveAttribute(1), Op::Flush, Op::Attend, Op::Reopen]);
    steps.extend([Op::Put(8, 2), batch(&[(15, 1), (16, LARGE), (17, LARGE + 1), (18, 4)]), Op::Flush, Op::Compact]);
    steps.extend([Op::Put(19, 3), Op::Kill, Op::Put(20, 4), Op::Flush, Op::Recreate, Op::Put(1, 1), Op::Flush]);
    with_reads(steps)
}

/// A workload of random operations, with those in the end that are rare among them.
fn random_steps(seed: u64) -> Vec<Step> {
    let mut random = fastrand::Rng::with_seed(seed);
    let len = random.usize(8..24);
    let mut ops = workload(&mut random, len);
    ops.extend([Op::Put(2, 1), Op::Compact, Op::Put(3, 2), Op::Recreate, Op::Put(4, 3)]);
    with_reads(ops)
}

/// Reads and evictions among the writes.
fn with_reads(ops: Vec<Op>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (nth, op) in ops.into_iter().enumerate() {
        steps.push(Step::Do(op));
        match nth % 12 {
            2 => steps.push(Step::Stumble(Op::Batch((0..4).map(|number| Op::Put(number, 4)).collect()))),
            6 => steps.push(Step::Read),
            10 => steps.push(Step::Evict),
            _ => {}
        }
    }
    steps
}

/// Reads to let fail in one workload; there are many more of them than of any other call, and much alike.
const READS: u64 = 60;

/// Brings about `cases` faults or more, in workloads that begin with a tour of everything and go on with random ones.
/// `threads` of them at once, one of which is the caller's. The tallies are in the order of [`Kind::all`].
pub fn campaign(cases: u64, seed: u64, threads: usize) -> Vec<(Kind, Counts)> {
    let kinds = Kind::all();
    let tallies: Mutex<Vec<Counts>> = Mutex::new(vec![Counts::default(); kinds.len()]);
    let (done, next) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        while done.load(Relaxed) < cases {
            let number = next.fetch_add(1, Relaxed);
            // Now and then a flush starts by itself in the middle of other calls. In every other workload flushes leave the
            // index to a later call.
            let manner = Manner { eager: number % 3 == 2, deferred: number % 2 == 1 };
            deferred_index::defer_index(manner.deferred);
            let found = one_workload(seed, number, manner, &kinds);
            deferred_index::defer_index(false);
            let tried: u64 = found.iter().map(|counts| counts.cases).sum();
            done.fetch_add(tried.max(1), Relaxed);
            let mut tallies = tallies.lock().expect("no thread panics while it adds");
            tallies.iter_mut().zip(found).for_each(|(all, found)| all.add(found));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let tallies = tallies.into_inner().expect("no thread panics while it adds");
    kinds.into_iter().zip(tallies).collect()
}

/// Every fault of every kind in one workload.
fn one_workload(seed: u64, number: u64, manner: Manner, kinds: &[Kind]) -> Vec<Counts> {
    let seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
    let steps = if number < 2 { tour() } else { random_steps(seed) };
    let base = life::directory();
    let calls = match count(&base, &steps, manner) {
        Ok(calls) => calls,
        Err(verdict) => {
            let mut tallies = vec![Counts::default(); kinds.len()];
            tallies[0].take(&verdict, || {
                format!("without a fault, seed {seed}, {manner:?}: {verdict}\n  workload: {steps:?}")
            });
            return tallies;
        }
    };
    kinds.iter().map(|kind| one_kind(*kind, seed, &base, &steps, manner, calls.get(&kind.call))).collect()
}

fn one_kind(kind: Kind, seed: u64, base: &Image, steps: &[Step], manner: Manner, calls: Option<&u64>) -> Counts {
    let mut counts = Counts::default();
    let calls = calls.copied().unwrap_or(0);
    let every = if kind.call == Call::Read { calls.div_ceil(READS).max(1) } else { 1 };
    for (turn, nth) in (0..calls).step_by(every as usize).enumerate() {
        // What is many is tried with one error each, in turn; what is few with all of them.
        let errnos = if kind.tries_all_errors() { &ERRNOS[..] } else { &ERRNOS[turn % ERRNOS.len()..][..1] };
        for (errno, name) in errnos {
            let case = Case { kind, errno: *errno, nth, seed: seed ^ (nth << 32), manner };
            let verdict = guarded(case, base, steps);
            counts.cases += 1;
            if let Some(verdict) = verdict {
                counts.take(&verdict, || {
                    let steps: String = steps.iter().map(|step| format!("\n    {step:?}")).collect();
                    format!("{kind} ({name}), call {nth}, seed {seed}, {manner:?}: {verdict}\n  workload:{steps}")
                });
            }
        }
    }
    counts
}

/// Runs one case; a panic is a verdict too.
fn guarded(case: Case, base: &Image, steps: &[Step]) -> Option<Verdict> {
    catch_unwind(AssertUnwindSafe(|| Life::run(case, base, steps).err()))
        .unwrap_or_else(|panic| Some(Verdict::Panic(panic.downcast_ref::<String>().cloned().unwrap_or_default())))
}

/// Calls of each sort that a workload makes when nothing fails.
fn count(base: &Image, steps: &[Step], manner: Manner) -> Result<BTreeMap<Call, u64>, Verdict> {
    let kind = Kind { call: Call::Write, flaw: kind::Flaw::Fails, lasting: false };
    Life::run(Case { kind, errno: ERRNOS[0].0, nth: u64::MAX, seed: 0, manner }, base, steps)
}
