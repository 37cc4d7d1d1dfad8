//! What an earlier life left behind the end of the log is never taken for data, not even behind a repeated operation.
//!
//! Cutting a tail off is made durable before anything is written in its place, so that a sound disk never brings one
//! back. These tests put one back by hand: chain and salt are there for disks that are not as sound as that.

use jvdb_core::teeth::{Mutant, break_protocol};
use jvdb_core::{Databases, Key};
use jvdb_crash::disk::{Disk, Image, SimVolume};
use jvdb_crash::model::{self, NAME, Op};
use std::sync::Arc;

const FILE: &str = "d.jvdb";
const LOG: usize = 8192;

/// Runs operations on an image, is killed, and gives what is in the cache then.
fn life(image: &Image, number: u64, ops: &[Op]) -> Image {
    let disk = Disk::new(image, number);
    let databases = Databases::on(Arc::new(SimVolume(Arc::clone(&disk))), model::options()).unwrap();
    if !databases.exists(NAME).unwrap() {
        databases.create(NAME, model::schema()).unwrap();
    }
    let db = databases.database(NAME).unwrap();
    ops.iter().for_each(|op| model::perform(&db, op).unwrap());
    disk.cached()
}

fn keys(image: &Image) -> Vec<u8> {
    let databases = Databases::on(Arc::new(SimVolume(Disk::new(image, 99))), model::options()).unwrap();
    let db = databases.database(NAME).unwrap();
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
