//! Whether a contestant does the work that it is measured by: what all store and give back, it does. For tests.

use crate::contestant::Contestant;
use crate::dataset::{Dataset, Keys, Record};
use crate::passes::{Passes, dot};

const COUNT: usize = 2_000;
const DIMENSION: usize = 40;

/// Does every operation on a small store of that contestant, and looks at what comes back.
///
/// # Panics
/// What came back was wrong.
pub fn check(contestant: &Contestant) {
    let data = Dataset::generated(COUNT, DIMENSION, 100, Keys::Random);
    let dir = tempfile::tempdir().unwrap();
    if contestant.read_only {
        return;
    }
    let mut housed = contestant.fresh(dir.path(), DIMENSION).unwrap();
    let store = &mut *housed.store;
    store.put_batches(&data, 0..COUNT, 300).unwrap();
    store.begin_reading().unwrap();
    every_way_to_read_gives_the_same(store, &data);
    a_scan_shows_every_vector_once(store, &data);
    a_second_handle_reads_what_the_first_has_written(store, &data);
    updates_and_deletions_are_seen_before_and_after_compaction(store, &data);
}

/// What reading gives that is worth the name, over the records that are there.
fn expected<'a>(records: impl Iterator<Item = Record<'a>>) -> u64 {
    let touch = |r: Record<'_>| u64::from(r.vector[0].to_bits()) + u64::from(*r.metadata.last().unwrap());
    records.map(touch).fold(0, u64::wrapping_add)
}

fn every_way_to_read_gives_the_same(store: &mut dyn Passes, data: &Dataset) {
    let sum = expected(data.records(0..COUNT));
    let ways = [
        store.copy_each(&data.reads, DIMENSION),
        store.view_each(&data.reads),
        store.view_many(&data.reads),
        store.hold_each(&data.reads),
        store.follow_each(&data.reads),
    ];
    for way in ways {
        assert_eq!(way.unwrap(), sum);
    }
    let firsts = data.records(0..COUNT).map(|r| u64::from(r.vector[0].to_bits())).sum::<u64>();
    assert_eq!(store.copy_batches(&data.reads, DIMENSION, 300).unwrap(), firsts);
}

fn a_scan_shows_every_vector_once(store: &mut dyn Passes, data: &Dataset) {
    let query = data.records(0..1).next().unwrap().vector;
    let sum: f64 = data.records(0..COUNT).map(|r| f64::from(dot(query, bytemuck::cast_slice(r.vector)))).sum();
    let (count, found) = store.scan_dot(query).unwrap();
    assert_eq!(count, COUNT);
    assert!((f64::from(found) - sum).abs() < 0.1, "{found} {sum}");
}

fn updates_and_deletions_are_seen_before_and_after_compaction(store: &mut dyn Passes, data: &Dataset) {
    let half = COUNT / 2;
    store.update_each(data, 0..COUNT).unwrap();
    store.delete_each(&data.reads[..half]).unwrap();
    store.flush().unwrap();
    store.begin_reading().unwrap();
    let sum = expected(data.updates(half..COUNT));
    assert_eq!(store.view_each(&data.reads[half..]).unwrap(), sum);
    assert!(store.view_each(&data.reads[..1]).is_err());
    assert_eq!(store.scan_dot(&[0.0; DIMENSION]).unwrap().0, COUNT - half);
    let _ = store.compact().unwrap();
    assert_eq!(store.view_each(&data.reads[half..]).unwrap(), sum);
}

fn a_second_handle_reads_what_the_first_has_written(store: &mut dyn Passes, data: &Dataset) {
    let Some(share) = store.share() else { return };
    let sum = expected(data.records(0..COUNT));
    let read = std::thread::scope(|scope| scope.spawn(|| share().unwrap().view_each(&data.reads).unwrap()).join());
    assert_eq!(read.unwrap(), sum);
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_contestants_do_the_same_work() {
        for contestant in crate::list::contestants() {
            eprintln!("{}", contestant.name);
            super::check(&contestant);
        }
    }
}
