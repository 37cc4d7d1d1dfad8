//! Each way of breaking the protocol is noticed: a campaign that misses one proves nothing. (Chain and salt, which only
//! an unsound disk puts to the test, have a file of their own: `stale_tail.rs`.)

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_crash::campaign::{Effort, Manner, run, workload};
use jvdb_crash::model::Op;

/// Images to look at before a mutant counts as survived.
const BUDGET: u64 = 4_000_000;

/// Little is written, and that is flushed and reopened again and again: where syncs fail, what a life leaves to the next.
fn restless(random: &mut fastrand::Rng, len: usize) -> Vec<Op> {
    let op = |random: &mut fastrand::Rng| match random.u8(..3) {
        0 => Op::Put(random.u8(..6), random.u16(..6)),
        1 => Op::Flush,
        _ => Op::Reopen,
    };
    (0..len).map(|_| op(random)).collect()
}

/// A table is filled as far as it goes without growing, so that names overflow into the next bucket; then gaps open before
/// them.
fn crowded(random: &mut fastrand::Rng, len: usize) -> Vec<Op> {
    let batch = |names: std::ops::Range<u8>| Op::Batch(names.map(|name| Op::Put(name, 1)).collect());
    let mut ops = vec![batch(0..9), Op::Flush, batch(9..18), Op::Flush];
    ops.extend((0..len).map(|_| match random.u8(..4) {
        0 => Op::Put(random.u8(..18), random.u16(..6)),
        1 => Op::Flush,
        _ => Op::Delete(random.u8(..18)),
    }));
    ops
}

/// Runs a campaign with a broken protocol, every third workload with flushes that leave the index to a later call if
/// `deferred` says so; tells after how many images it was noticed.
fn noticed(mutant: Mutant, deferred: bool, budget: u64) -> Option<u64> {
    let mut images = 0;
    for seed in 1.. {
        let mut random = fastrand::Rng::with_seed(seed);
        let len = random.usize(1..=24);
        let ops = match seed % 8 {
            0 | 2 | 4 => restless(&mut random, len),
            5 => crowded(&mut random, len),
            _ => workload(&mut random, len),
        };
        // Many workloads, and few images of each: what a mutant breaks shows in few workloads, but there in many images.
        let effort = Effort { exhaustive: 16, sample: 4, second_life: 12 };
        let manner = Manner { sync_failures: if seed % 2 == 0 { 5 } else { 0 }, deferred: deferred && seed % 3 == 0 };
        break_protocol(Some(mutant));
        let result = run(seed, &ops, effort, manner);
        break_protocol(None);
        match result {
            Ok(tried) => images += tried.images,
            Err(_) => return Some(images),
        }
        if images > budget {
            return None;
        }
    }
    None
}

macro_rules! mutants {
    ($($test:ident => $mutant:ident),+ $(,)?) => {$(
        #[test]
        fn $test() {
            match noticed(Mutant::$mutant, true, BUDGET) {
                Some(images) => println!("{:?} noticed after {images} images", Mutant::$mutant),
                None => panic!("{:?} survived {BUDGET} images", Mutant::$mutant),
            }
        }
    )+};
}

mutants! {
    first_sync_left_out => NoLogSync,
    second_sync_left_out => NoSuperblockSync,
    superblock_before_log => SuperblockFirst,
    index_applied_before_durable => ApplyEarly,
    index_called_durable_at_once => AppliedAtOnce,
    slots_in_the_cache_trusted => CacheTrusted,
    grown_table_not_synced => GrowthUnsynced,
    tail_trusted_after_a_failed_sync => TailTrusted,
    failed_sync_retried => SyncRetried,
    end_not_sealed => StaleTailKept,
    truncation_not_synced => TruncationUnsynced,
    bodies_not_checked_in_replay => BodyUnchecked,
    half_a_batch_replayed => HalfBatch,
    replay_blind_to_the_table => ReplayBlind,
    search_stops_at_a_gap => StopAtGap,
    file_named_before_it_is_synced => CreateUnsynced,
    directory_not_synced => NoDirectorySync,
    compacted_file_not_synced => CompactUnsynced,
    what_was_left_called_applied => DeferredCalledApplied,
    what_was_left_forgotten => DeferredForgotten,
}

#[test]
fn only_flushes_that_leave_something_show_what_becomes_of_it() {
    for mutant in [Mutant::DeferredCalledApplied, Mutant::DeferredForgotten] {
        assert_eq!(noticed(mutant, false, BUDGET / 10), None, "{mutant:?}");
    }
}
