//! Repair: what is sound is saved, what is damaged is named, nothing old comes back, and the old file stays.

use jvdb_core::medium::MemoryVolume;
use jvdb_core::{Database, Error, Item, Key, Metric, Operation, Options, Position, Repair, Schema, Storage};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const FILE: &str = "d.jvdb";
const DIMENSION: usize = 4;
const LONG: &[u8] = b"a key that does not fit into the header of a record";

fn options() -> Options {
    Options::default().flush_interval(Duration::ZERO).pin_timeout(Duration::ZERO).seed(42)
}

fn schema() -> Schema {
    Schema::new(DIMENSION, Metric::Euclidean).unwrap()
}

fn open(image: &[u8]) -> (Arc<MemoryVolume>, Storage) {
    let volume = Arc::new(MemoryVolume::with_files([(FILE, image)]));
    let storage = Storage::on(Arc::clone(&volume) as _, options()).unwrap();
    (volume, storage)
}

/// The file of a database after some work on it and a clean close.
fn image(work: impl Fn(&Database)) -> Vec<u8> {
    let volume = Arc::new(MemoryVolume::default());
    let storage = Storage::on(Arc::clone(&volume) as _, options()).unwrap();
    let db = storage.create("d", schema()).unwrap();
    work(&db);
    drop(db);
    storage.close().unwrap();
    volume.bytes(FILE).unwrap()
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(wide)
}

/// Offsets of all records, from the format.
fn records(image: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut at = 8192;
    while at < image.len() {
        offsets.push(at);
        let key = number::<2>(image, at + 42) as usize;
        let body = match image[at + 40] {
            5 => (number::<8>(image, at + 44) + number::<4>(image, at + 52) - 1) as usize * 64,
            kind => {
                let vector = if kind == 1 { DIMENSION * 4 } else { 0 };
                vector + if key > 20 { key } else { 0 } + number::<4>(image, at + 36) as usize
            }
        };
        at += 64 + body.next_multiple_of(64);
    }
    offsets
}

/// The record that was written as the `index`th.
fn record(image: &[u8], index: usize) -> usize {
    records(image)[index]
}

fn newest_superblock(image: &[u8]) -> usize {
    if number::<8>(image, 40) > number::<8>(image, 4096 + 40) { 0 } else { 4096 }
}

fn key(id: u64) -> Item {
    Item::Vector(Key::Int(id).to_owned())
}

fn ids(db: &Database) -> Vec<u64> {
    let id = |vector: jvdb_core::Vector| match vector.key() {
        Key::Int(id) => id,
        Key::Bytes(_) => u64::MAX,
    };
    db.scan(Position::START).map(|vector| id(vector.unwrap())).collect()
}

/// Repairs an image that is damaged, and makes sure of what holds for all repairs.
fn repaired(image: &[u8]) -> (Repair, Storage) {
    let (volume, storage) = open(image);
    let repair = storage.repair("d", None).unwrap();
    let backup = repair.backup.as_deref().expect("something was damaged");
    assert_eq!(volume.bytes(backup).unwrap(), image, "the backup is the file as it was");
    assert_eq!(storage.list().unwrap(), ["d"]);
    let db = storage.database("d").unwrap();
    assert_eq!(db.verify().unwrap().damage, []);
    assert_eq!(db.count(), repair.vectors);
    assert_eq!(storage.repair("d", None).err().map(|error| error.to_string().contains("handles hold")), Some(true));
    drop(db);
    let again = storage.repair("d", None).unwrap();
    assert_eq!((again.backup, again.vectors, again.attributes), (None, repair.vectors, repair.attributes));
    (repair, storage)
}

#[test]
fn what_is_sound_is_not_touched() {
    let sound = image(|db| {
        for id in 0..50 {
            db.put(id, &[id as f32; DIMENSION], b"{}").unwrap();
        }
        db.set_attribute(b"a", b"b").unwrap();
    });
    let (volume, storage) = open(&sound);
    let repair = storage.repair("d", None).unwrap();
    assert_eq!((repair.backup, repair.vectors, repair.attributes), (None, 50, 1));
    assert_eq!(volume.bytes(FILE).unwrap(), sound);
    assert!(matches!(storage.repair("e", None), Err(Error::NotFound { .. })));
}

#[test]
fn a_damaged_index_is_built_anew() {
    let mut image = image(|db| {
        for id in 0..50 {
            db.put(id, &[id as f32; DIMENSION], b"{}").unwrap();
        }
        db.set_attribute(b"a", b"b").unwrap();
    });
    let table = number::<8>(&image, newest_superblock(&image) + 80) as usize;
    image[table + 3] ^= 1;
    let (_, storage) = open(&image);
    let db = storage.database("d").unwrap();
    // Flushed data is not in danger, but every flush that meets the bucket says what is to be done.
    for id in 100..150 {
        let _ = db.put(id, &[0.0; DIMENSION], b"");
    }
    let message = db.flush().unwrap_err().to_string();
    assert!(message.contains("jvdb repair") && message.contains(&table.to_string()), "{message}");
    drop((db, storage));
    let (repair, storage) = repaired(&image);
    assert_eq!((repair.vectors, repair.attributes), (50, 1));
    assert_eq!((repair.lost, repair.gaps, repair.doubtful), (vec![], vec![], vec![]));
    assert_eq!(repair.damage[0].offset, table as u64);
    let db = storage.database("d").unwrap();
    assert_eq!(ids(&db), Vec::from_iter(0..50));
    assert_eq!(db.attribute(b"a").unwrap().unwrap(), b"b");
    db.put(50, &[0.0; DIMENSION], b"").unwrap();
    db.flush().unwrap();
}

#[test]
fn an_old_version_does_not_take_the_place_of_a_damaged_one() {
    let sound = image(|db| {
        for version in 0..3 {
            db.put(1, &[version as f32; DIMENSION], b"").unwrap();
            db.put(LONG, &[version as f32; DIMENSION], b"").unwrap();
            db.put(2, &[version as f32; DIMENSION], b"").unwrap();
        }
    });
    for (index, lost) in [(6, key(1)), (7, Item::Vector(Key::Bytes(LONG).to_owned()))] {
        let at = record(&sound, index);
        // The header, the vector, and the long key or the padding.
        for (place, header) in [(at + 20, true), (at + 64, false), (at + 64 + 4 * DIMENSION + 1, false)] {
            let mut image = sound.clone();
            image[place] ^= 4;
            let (repair, storage) = repaired(&image);
            assert_eq!(repair.lost, std::slice::from_ref(&lost), "{place}");
            assert_eq!((repair.vectors, repair.doubtful), (2, vec![]));
            assert_eq!(
                repair.gaps.iter().map(|gap| (gap.offset, gap.records)).next(),
                match header {
                    true => Some((at as u64, Some(1))),
                    // A key that lies in damaged bytes counts as read if the index says so.
                    false if place > at + 64 && index == 7 => Some((at as u64, Some(1))),
                    false => None,
                }
            );
            let db = storage.database("d").unwrap();
            assert_eq!(db.get(2).unwrap().unwrap().vector(), [2.0; DIMENSION]);
            let Item::Vector(lost) = &lost else { panic!("no vector") };
            assert!(db.get(lost).unwrap().is_none());
        }
    }
    // A damaged old version does no harm.
    for place in [record(&sound, 3) + 20, record(&sound, 4) + 64] {
        let mut image = sound.clone();
        image[place] ^= 4;
        let (repair, _) = repaired(&image);
        assert_eq!((repair.vectors, repair.lost, repair.doubtful), (3, vec![], vec![]), "{place}");
    }
}

#[test]
fn what_was_deleted_stays_deleted_though_the_deletion_is_damaged() {
    let mut image = image(|db| {
        for id in 0..10 {
            db.put(id, &[id as f32; DIMENSION], b"").unwrap();
        }
        db.delete(3).unwrap();
        db.put(10, &[10.0; DIMENSION], b"").unwrap();
    });
    let at = record(&image, 10);
    assert_eq!(image[at + 40], 2, "a deletion");
    image[at + 44] ^= 1;
    let (repair, storage) = repaired(&image);
    assert_eq!((repair.gaps[0].offset, repair.gaps[0].records), (at as u64, Some(1)));
    assert_eq!((repair.lost, repair.doubtful), (vec![], vec![]), "the index tells what the deletion said");
    assert_eq!(ids(&storage.database("d").unwrap()), [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn where_no_index_tells_what_was_lost_all_that_is_older_is_listed() {
    let mut image = image(|db| {
        for id in 0..4 {
            db.put(id, &[id as f32; DIMENSION], b"").unwrap();
        }
        db.delete(1).unwrap();
        db.put(4, &[4.0; DIMENSION], b"").unwrap();
    });
    let at = record(&image, 4);
    image[at + 44] ^= 1;
    // Both superblocks: no sum is right, the schema can still be read in both.
    image[504] ^= 1;
    image[4096 + 504] ^= 1;
    let (repair, storage) = repaired(&image);
    assert_eq!(repair.doubtful, [key(0), key(1), key(2), key(3)]);
    assert_eq!((repair.gaps[0].offset, repair.gaps[0].records, repair.vectors), (at as u64, Some(1), 5));
    assert_eq!(storage.database("d").unwrap().schema(), schema());
}

#[test]
fn a_schema_that_nothing_tells_is_asked_for_and_must_fit() {
    let sound = image(|db| {
        for id in 0..20 {
            db.put(id, &[id as f32; DIMENSION], b"metadata").unwrap();
        }
    });
    let mut image = sound.clone();
    image[..512].fill(0);
    image[4096..4608].fill(0xAA);
    let (volume, storage) = open(&image);
    let refused = storage.repair("d", None).unwrap_err();
    assert!(matches!(&refused, Error::Corrupt { what, .. } if what.contains("dimension")), "{refused}");
    let wrong = Schema::new(100, Metric::Euclidean).unwrap();
    let refused = storage.repair("d", Some(wrong)).unwrap_err();
    assert!(matches!(refused, Error::InvalidArgument { what: "schema", .. }), "{refused}");
    assert_eq!((volume.bytes(FILE).unwrap(), storage.list().unwrap()), (image, vec!["d".into()]));
    let repair = storage.repair("d", Some(schema())).unwrap();
    assert_eq!((repair.vectors, repair.lost.len(), repair.gaps.len()), (20, 0, 0));
    let db = storage.database("d").unwrap();
    assert_eq!((db.schema(), ids(&db)), (schema(), Vec::from_iter(0..20)));
    assert_eq!(db.get(7).unwrap().unwrap().metadata(), b"metadata");
    // Where a superblock is sound, it must not be contradicted.
    let mut image = sound;
    let at = record(&image, 3) + 64;
    image[at] ^= 1;
    let (_, storage) = open(&image);
    assert!(matches!(storage.repair("d", Some(wrong)), Err(Error::InvalidArgument { .. })));
    assert_eq!(storage.repair("d", Some(schema())).unwrap().lost, [key(3)]);
}

#[test]
fn a_file_that_was_cut_off_keeps_what_is_left_of_it() {
    let sound = image(|db| {
        for id in 0..20 {
            db.put(id, &[id as f32; DIMENSION], b"").unwrap();
        }
        db.put(3, &[33.0; DIMENSION], b"").unwrap();
    });
    let cut = record(&sound, 15) + 70;
    let (repair, storage) = repaired(&sound[..cut]);
    assert_eq!(repair.gaps[0].offset, record(&sound, 15) as u64);
    assert_eq!(repair.gaps[0].records, Some(5 + 1), "five vectors, and the new version of one");
    let db = storage.database("d").unwrap();
    assert_eq!(ids(&db), Vec::from_iter(0..15));
    // The index is gone as well, so that each of them may be an old version; one is.
    assert_eq!(repair.doubtful.len(), 15);
    for hopeless in [&sound[..0], &sound[..300], &[7; 20_000]] {
        let (volume, storage) = open(hopeless);
        for schema in [None, Some(schema())] {
            assert!(matches!(storage.repair("d", schema), Err(Error::Corrupt { .. })));
        }
        assert_eq!(volume.bytes(FILE).unwrap(), hopeless);
        assert_eq!(storage.list().unwrap(), ["d"]);
    }
}

#[test]
fn a_batch_is_kept_as_far_as_it_is_whole_and_an_unfinished_one_stays_out() {
    let sound = image(|db| {
        db.put(0, &[0.0; DIMENSION], b"").unwrap();
        let put = |id| Operation::Put { key: Key::Int(id), vector: &[1.0; DIMENSION], metadata: b"" };
        db.write([put(1), put(2), put(3), Operation::Delete { key: Key::Int(0) }]).unwrap();
    });
    let mut image = sound.clone();
    let at = record(&sound, 2) + 64;
    image[at] ^= 1;
    let (repair, storage) = repaired(&image);
    assert_eq!((repair.lost, ids(&storage.database("d").unwrap())), (vec![key(2)], vec![1, 3]));
    // Without superblocks and without its end nobody can tell that it was ever acknowledged.
    let mut image = sound.clone();
    (image[504], image[4096 + 504]) = (0, 0);
    image.truncate(record(&sound, 4));
    let (repair, storage) = repaired(&image);
    assert_eq!(ids(&storage.database("d").unwrap()), [0]);
    assert_eq!((repair.gaps[0].offset, &repair.doubtful[..]), (record(&sound, 1) as u64, &[key(0)][..]));
}

#[test]
fn what_a_caller_stored_to_look_like_a_record_is_none() {
    // A vector under key 99 as the second record would be, in the metadata of the second.
    let mut forged = vec![0; 128];
    (forged[40], forged[41], forged[42], forged[44]) = (1, 2, 8, 99);
    forged[24] = 3;
    let body = xxh3_64(&forged[64..]);
    forged[8..16].copy_from_slice(&body.to_le_bytes());
    let sum = xxh3_64(&forged[8..64]);
    forged[..8].copy_from_slice(&sum.to_le_bytes());
    let mut metadata = vec![0; 64 - 4 * DIMENSION];
    metadata.extend(forged);
    let mut image = image(|db| {
        db.put(1, &[1.0; DIMENSION], b"").unwrap();
        db.put(2, &[1.0; DIMENSION], &metadata).unwrap();
        db.put(3, &[1.0; DIMENSION], b"").unwrap();
    });
    let at = record(&image, 1);
    image[at + 30] ^= 1;
    let (repair, storage) = repaired(&image);
    assert_eq!(ids(&storage.database("d").unwrap()), [1, 3]);
    assert_eq!((repair.gaps[0].offset, repair.gaps[0].end), (at as u64, record(&image, 2) as u64));
}

#[test]
fn records_of_a_second_opening_are_found_between_two_damaged_places() {
    let volume = Arc::new(MemoryVolume::default());
    for life in 0..3 {
        let storage = Storage::on(Arc::clone(&volume) as _, options().seed(life)).unwrap();
        let db = storage.database("d").or_else(|_| storage.create("d", schema())).unwrap();
        for id in 0..5 {
            db.put(10 * life + id, &[1.0; DIMENSION], b"").unwrap();
        }
        drop(db);
        storage.close().unwrap();
    }
    let mut image = volume.bytes(FILE).unwrap();
    let table = |at: &usize| image[at + 40] != 5;
    let puts: Vec<usize> = records(&image).into_iter().filter(table).collect();
    // The first and the last of the second life: what lies between has a salt that is seen nowhere else.
    for at in [puts[5], puts[9]] {
        image[at] ^= 1;
    }
    let (repair, storage) = repaired(&image);
    assert_eq!(repair.vectors, 13);
    assert_eq!(repair.gaps.iter().map(|gap| gap.records).collect::<Vec<_>>(), [Some(1), Some(1)]);
    let expected = [0, 1, 2, 3, 4, 11, 12, 13, 20, 21, 22, 23, 24];
    assert_eq!(ids(&storage.database("d").unwrap()), expected);
}

#[test]
fn a_table_that_is_not_there_makes_nothing_large_or_slow() {
    let mut image = image(|db| {
        (0..3).for_each(|id| assert!(db.put(id, &[id as f32; DIMENSION], b"").is_ok()));
        db.flush().unwrap();
    });
    let at = newest_superblock(&image);
    // A window of its own, and homes and an end far behind the file's.
    image[at + 32..at + 36].copy_from_slice(&16_u32.to_le_bytes());
    for (field, value) in [(48, 1_u64 << 45), (56, 1 << 45), (88, 1 << 37)] {
        image[at + field..at + field + 8].copy_from_slice(&value.to_le_bytes());
    }
    let sum = xxh3_64(&image[at..at + 504]);
    image[at + 504..at + 512].copy_from_slice(&sum.to_le_bytes());
    let (volume, storage) = open(&image);
    assert!(storage.database("d").is_err());
    let repair = storage.repair("d", None).unwrap();
    assert_eq!(repair.vectors, 3);
    assert!(volume.bytes(FILE).unwrap().len() < 1 << 20);
}

/// No table has neither window nor place: a superblock that gives it one is as damaged as one under a wrong checksum.
#[test]
fn an_empty_table_of_a_size_makes_nothing_large() {
    let sound = image(|db| {
        (0..3).for_each(|id| assert!(db.put(id, &[id as f32; DIMENSION], b"").is_ok()));
    });
    let newest = newest_superblock(&sound);
    // Wide enough to show, and no wider: a test that fails must not fill the memory.
    for (window, offset) in [(1_u32 << 16, 0_u64), (4096, 0), (0, 1 << 45), (0, 8256), (1 << 16, 1 << 45)] {
        let forge = |image: &mut [u8], at: usize| {
            image[at + 32..at + 36].copy_from_slice(&window.to_le_bytes());
            image[at + 80..at + 88].copy_from_slice(&offset.to_le_bytes());
            image[at + 88..at + 96].fill(0);
            let sum = xxh3_64(&image[at..at + 504]);
            image[at + 504..at + 512].copy_from_slice(&sum.to_le_bytes());
        };
        let small = |volume: &MemoryVolume| {
            let len = volume.bytes(FILE).unwrap().len();
            assert!(len < 1 << 16, "window {window}, offset {offset}: {len} bytes");
        };
        // The other superblock serves.
        let mut image = sound.clone();
        forge(&mut image, newest);
        let (volume, storage) = open(&image);
        let db = storage.database("d").unwrap();
        assert!((0..3).all(|id| db.contains(id).unwrap()), "window {window}, offset {offset}");
        assert_eq!(ids(&db), [0, 1, 2], "window {window}, offset {offset}");
        db.put(3, &[0.0; DIMENSION], b"").unwrap();
        assert!(db.compact().is_ok());
        small(&volume);
        // There is no other. A repair does without, also where the end of the log is wrong as well, and nothing opens.
        forge(&mut image, 4096 - newest);
        for end in [None, Some(1_u64 << 45)] {
            let ends = end.into_iter().flat_map(|end| [(48, end), (56, end)]);
            ends.for_each(|(field, end)| image[newest + field..][..8].copy_from_slice(&end.to_le_bytes()));
            forge(&mut image, newest);
            let (volume, storage) = open(&image);
            let refused = matches!(storage.database("d"), Err(Error::Corrupt { .. }));
            assert_eq!(storage.repair("d", None).unwrap().vectors, 3);
            small(&volume);
            assert!(refused, "window {window}, offset {offset}");
        }
    }
}

#[test]
fn every_backup_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let storage = Storage::open(dir.path(), options()).unwrap();
    let db = storage.create("d", schema()).unwrap();
    for id in 0..10 {
        db.put(id, &[id as f32; DIMENSION], b"").unwrap();
    }
    drop(db);
    storage.close().unwrap();
    for round in 1..=3 {
        let mut image = fs::read(&path).unwrap();
        let at = records(&image).into_iter().find(|at| image[at + 40] == 1).unwrap();
        image[at + 64] ^= 1;
        fs::write(&path, &image).unwrap();
        let storage = Storage::open(dir.path(), options()).unwrap();
        let repair = storage.repair("d", None).unwrap();
        assert_eq!((repair.backup.clone().unwrap(), repair.vectors), (format!("d.jvdb.damaged-{round}"), 10 - round));
        assert_eq!(repair.lost, [key(round - 1)]);
        assert_eq!(fs::read(dir.path().join(repair.backup.unwrap())).unwrap(), image);
        storage.close().unwrap();
    }
    let storage = Storage::open(dir.path(), options().read_only(true)).unwrap();
    assert_eq!(storage.list().unwrap(), ["d"]);
    assert!(matches!(storage.repair("d", None), Err(Error::ReadOnly { .. })));
    assert!(!fs::exists(dir.path().join("d.jvdb.tmp")).unwrap());
}
