//! What an earlier life left behind the end of the log is never taken for data, not even behind a repeated operation.
//!
//! Cutting a tail off is made durable before anything is written in its place, so that a sound disk never brings one
//! back. These tests put one back by hand: chain and salt are there for disks that are not as sound as that.

use jvdb_core::testing::mutants::{Mutant, break_protocol};
use jvdb_core::{Key, Storage};
use jvdb_crash::disk::{Disk, Image, SimVolume};
use jvdb_crash::model::{self, NAME, Op};
use std::sync::Arc;

const FILE: &str = "d.jvdb";
const LOG: usize = 8192;

/// Runs operations on an image, is killed, and gives what is in the cache then.
fn life(image: &Image, number: u64, ops: &[Op]) -> Image {
    let disk = Disk::new(image, number);
    let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&disk))), model::options()).unwrap();
    if !storage.exists(NAME).unwrap() {
        storage.create(NAME, model::schema()).unwrap();
    }
    let db = storage.database(NAME).unwrap();
    ops.iter().for_each(|op| model::perform(&db, op).unwrap());
    disk.cached()
}

fn keys(image: &Image) -> Vec<u8> {
    let storage = Storage::on(Arc::new(SimVolume(Disk::new(image, 99))), model::options()).unwrap();
    let db = storage.database(NAME).unwrap();
    (0..model::KEYS).filter(|number| db.get(Key::from(&model::key(*number))).unwrap().is_some()).collect()
}

/// The second record of one life behind the first record of another, which is the same operation.
fn grafted(recreated: bool) -> Image {
    let (first, second) = (Op::Put(0, 1), Op::Put(3, 2));
    let empty = life(&Image::new(), 1, &[]);
    let old = life(&empty, 2, &[first.clone(), second]);
    let start = if recreated { Image::new() } else { empty };
    let mut new = life(&start, 3, &[first]);
    let bytes = new.get_mut(FILE).unwrap();
    assert_eq!(bytes[LOG + 64..], old[FILE][LOG + 64..bytes.len()], "the repeated operation has the same body");
    bytes.extend_from_slice(&old[FILE][bytes.len()..]);
    new
}

#[test]
fn a_stale_tail_is_no_data() {
    assert_eq!(keys(&grafted(false)), [0]);
    assert_eq!(keys(&grafted(true)), [0]);
}

#[test]
fn the_chain_is_what_tells() {
    let image = grafted(true);
    break_protocol(Some(Mutant::Unchained));
    let found = keys(&image);
    break_protocol(None);
    assert_eq!(found, [0, 3], "without the chain the stale record is taken");
}

#[test]
fn the_salt_is_what_tells() {
    break_protocol(Some(Mutant::SaltKept));
    let image = grafted(false);
    let found = keys(&image);
    break_protocol(None);
    assert_eq!(found, [0, 3], "without a fresh salt the chain fits");
}

/// What is found after two losses of power. The first leaves a file its old length and behind it, where nobody sees it, the
/// record of key 3. Then the file is opened, closed for others, opened again and written to, and the second leaves the new
/// length and nothing of what was written.
fn after_two_cuts() -> Vec<u8> {
    let disk = Disk::new(&Image::new(), 1);
    let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&disk))), model::options()).unwrap();
    let db = storage.create(NAME, model::schema()).unwrap();
    model::perform(&db, &Op::Put(0, 1)).unwrap();
    db.flush().unwrap();
    let flushed = disk.cached()[FILE].len();
    model::perform(&db, &Op::Put(3, 2)).unwrap();
    // Steps of the directory, the length, then sectors.
    let mut questions = 0;
    let first = disk.image(|answers| {
        questions += 1;
        if questions == 2 { 0 } else { answers - 1 }
    });
    assert_eq!(first[FILE].len(), flushed, "the first cut leaves the old length");

    let disk = Disk::new(&first, 2);
    let storage = Storage::on(Arc::new(SimVolume(Arc::clone(&disk))), model::options()).unwrap();
    assert_eq!(storage.database(NAME).unwrap().count(), 1);
    for number in 0..model::options().max_open_files {
        storage.create(&format!("other {number}"), model::schema()).unwrap();
        storage.database(&format!("other {number}")).unwrap().flush().unwrap();
    }
    assert!(storage.stats().unwrap().evictions > 0, "the first one opened goes first");
    let db = storage.database(NAME).unwrap();
    model::perform(&db, &Op::Put(6, 3)).unwrap();
    let mut questions = 0;
    let second = disk.image(|answers| {
        questions += 1;
        if questions <= 2 { answers - 1 } else { 0 }
    });
    assert_eq!(second[FILE].len(), disk.cached()[FILE].len(), "the second cut leaves the new length");
    keys(&second)
}

#[test]
fn what_a_power_cut_took_does_not_come_back_with_another() {
    assert_eq!(after_two_cuts(), [0]);
    break_protocol(Some(Mutant::StaleTailKept));
    let found = after_two_cuts();
    break_protocol(None);
    assert_eq!(found, [0, 3], "without a truncation the lost record is back");
}
