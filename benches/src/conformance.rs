//! Whether all contestants do the same work: what one stores and gives back, all do. Tests only.

use crate::contestant::Contestant;
use crate::contestants;
use crate::dataset::{Dataset, Keys, Record};
use crate::passes::{Passes, dot};

const COUNT: usize = 2_000;
const DIMENSION: usize = 40;

fn each(test: impl Fn(&Contestant, &mut dyn Passes, &Dataset)) {
    let data = Dataset::generated(COUNT, DIMENSION, 100, Keys::Random);
    let dir = tempfile::tempdir().unwrap();
    for contestant in contestants().iter().filter(|c| !c.read_only) {
        let mut housed = contestant.fresh(dir.path(), DIMENSION).unwrap();
        housed.store.put_batches(&data, 0..COUNT, 300).unwrap();
        housed.store.begin_reading().unwrap();
        test(contestant, &mut *housed.store, &data);
    }
}

/// What reading gives that is worth the name, over the records that are there.
fn expected<'a>(records: impl Iterator<Item = Record<'a>>) -> u64 {
    let touch = |r: Record<'_>| u64::from(r.vector[0].to_bits()) + u64::from(*r.metadata.last().unwrap());
    records.map(touch).fold(0, u64::wrapping_add)
}

#[test]
fn every_way_to_read_gives_the_same() {
    each(|contestant, store, data| {
        let sum = expected(data.records(0..COUNT));
        let ways = [
            store.copy_each(&data.reads, DIMENSION),
            store.view_each(&data.reads),
            store.view_many(&data.reads),
            store.hold_each(&data.reads),
            store.follow_each(&data.reads),
        ];
        for way in ways {
            assert_eq!(way.unwrap(), sum, "{}", contestant.name);
        }
        let firsts = data.records(0..COUNT).map(|r| u64::from(r.vector[0].to_bits())).sum::<u64>();
        assert_eq!(store.copy_batches(&data.reads, DIMENSION, 300).unwrap(), firsts, "{}", contestant.name);
    });
}

#[test]
fn a_scan_shows_every_vector_once() {
    each(|contestant, store, data| {
        let query = data.records(0..1).next().unwrap().vector;
        let sum: f64 = data.records(0..COUNT).map(|r| f64::from(dot(query, bytemuck::cast_slice(r.vector)))).sum();
        let (count, found) = store.scan_dot(query).unwrap();
        assert_eq!(count, COUNT, "{}", contestant.name);
        assert!((f64::from(found) - sum).abs() < 0.1, "{}: {found} {sum}", contestant.name);
    });
}

#[test]
fn updates_and_deletions_are_seen_before_and_after_compaction() {
    each(|contestant, store, data| {
        let half = COUNT / 2;
        store.update_each(data, 0..COUNT).unwrap();
        store.delete_each(&data.reads[..half]).unwrap();
        store.flush().unwrap();
        store.begin_reading().unwrap();
        let sum = expected(data.updates(half..COUNT));
        assert_eq!(store.view_each(&data.reads[half..]).unwrap(), sum, "{}", contestant.name);
        assert!(store.view_each(&data.reads[..1]).is_err(), "{}", contestant.name);
        assert_eq!(store.scan_dot(&[0.0; DIMENSION]).unwrap().0, COUNT - half, "{}", contestant.name);
        let _ = store.compact().unwrap();
        assert_eq!(store.view_each(&data.reads[half..]).unwrap(), sum, "{}", contestant.name);
    });
}

#[test]
fn a_second_handle_reads_what_the_first_has_written() {
    each(|contestant, store, data| {
        let Some(share) = store.share() else { return };
        let sum = expected(data.records(0..COUNT));
        let read = std::thread::scope(|scope| scope.spawn(|| share().unwrap().view_each(&data.reads).unwrap()).join());
        assert_eq!(read.unwrap(), sum, "{}", contestant.name);
    });
}
