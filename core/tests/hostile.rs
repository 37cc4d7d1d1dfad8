//! Crafted files, forged positions and damaged superblocks: an error or the truth, never a panic and never wrong bytes.

use jvdb_core::medium::MemoryVolume;
use jvdb_core::{Error, Metric, Options, Position, Schema, Storage};
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const FILE: &str = "d.jvdb";

fn options() -> Options {
    Options::default().flush_interval(Duration::ZERO).seed(42)
}

fn open(image: &[u8]) -> (Arc<MemoryVolume>, Storage) {
    let volume = Arc::new(MemoryVolume::with_files([(FILE, image)]));
    let storage = Storage::on(Arc::clone(&volume) as _, options()).unwrap();
    (volume, storage)
}

/// The file of a database of that dimension after some work on it, as a kill leaves it.
fn image(dimension: usize, work: impl Fn(&jvdb_core::Database)) -> Vec<u8> {
    let volume = Arc::new(MemoryVolume::default());
    let storage = Storage::on(Arc::clone(&volume) as _, options()).unwrap();
    let db = storage.create("d", Schema::new(dimension, Metric::Cosine).unwrap()).unwrap();
    work(&db);
    volume.bytes(FILE).unwrap()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn newest_superblock(image: &[u8]) -> usize {
    if u64_at(image, 40) > u64_at(image, 4096 + 40) { 0 } else { 4096 }
}

fn reseal(image: &mut [u8], superblock: usize) {
    let sum = xxh3_64(&image[superblock..superblock + 504]);
    image[superblock + 504..superblock + 512].copy_from_slice(&sum.to_le_bytes());
}

/// A record of one vector under integer key 99, as anybody could write into metadata.
fn forged_record(vector_bytes: usize) -> Vec<u8> {
    let mut record = vec![0; (64 + vector_bytes).next_multiple_of(64)];
    (record[40], record[41], record[42], record[44]) = (1, 2, 8, 99);
    let body = xxh3_64(&record[64..]);
    record[8..16].copy_from_slice(&body.to_le_bytes());
    let sum = xxh3_64(&record[8..64]);
    record[..8].copy_from_slice(&sum.to_le_bytes());
    record
}

#[test]
fn crafted_superblocks_are_refused() {
    let sound = image(4, |db| {
        db.put(1, &[0.0; 4], b"").unwrap();
        db.flush().unwrap();
    });
    let at = newest_superblock(&sound);
    let huge = [1 << 33, u64::MAX / 2, u64::MAX];
    // Every number of a superblock, from the window on, set to something absurd, under a right checksum.
    for field in (32..128).step_by(8) {
        for value in huge {
            let mut image = sound.clone();
            image[at + field..at + field + 8].copy_from_slice(&value.to_le_bytes());
            reseal(&mut image, at);
            let (_, storage) = open(&image);
            if let Ok(db) = storage.database("d") {
                let _ = db.put(2, &[0.0; 4], b"");
                let _ = db.flush();
                assert!(db.stats().file_bytes < 1 << 20, "field {field} makes the file grow");
                assert!(db.verify().is_ok());
            }
        }
    }
}

#[test]
fn a_cursor_into_a_record_finds_no_forged_one() {
    // The forged record lies 128 bytes into the one that holds it.
    let mut metadata = vec![0; 48];
    metadata.extend(forged_record(16));
    metadata.resize(48 + 64 * 8, 0);
    let storage = Storage::in_memory(options()).unwrap();
    let db = storage.create("d", Schema::new(4, Metric::Cosine).unwrap()).unwrap();
    db.put(1, &[1.0; 4], &metadata).unwrap();
    for position in (0..200).chain([u64::MAX, 1 << 63, (1 << 48) + 130]) {
        for found in db.scan(Position::from_u64(position)).flatten() {
            assert_ne!(found.key(), 99.into(), "position {position}");
        }
    }
}

#[test]
fn a_slot_that_points_into_a_superblock_or_the_table_is_damage() {
    let sound = image(1024, |db| {
        db.put(1, &[1.0; 1024], b"").unwrap();
        db.flush().unwrap();
    });
    let at = newest_superblock(&sound);
    let (table, homes) = (u64_at(&sound, at + 80) as usize, u64_at(&sound, at + 88) as usize);
    for target in [512, table & !63] {
        let mut image = sound.clone();
        let record = forged_record(4096);
        if target == 512 {
            image[target..target + 64].copy_from_slice(&record[..64]);
        }
        for bucket in (table..table + (homes + 7) * 64).step_by(64) {
            for slot in (bucket..bucket + 60)
                .step_by(12)
                .filter(|slot| image[slot + 6..slot + 12] != [0; 6])
                .collect::<Vec<_>>()
            {
                image[slot + 6..slot + 12].copy_from_slice(&(target as u64 >> 6).to_le_bytes()[..6]);
            }
            let sum = xxh3_64_with_seed(&image[bucket..bucket + 60], bucket as u64) as u32;
            image[bucket + 60..bucket + 64].copy_from_slice(&sum.to_le_bytes());
        }
        // Without the replay, which would put it right: say that the table speaks of everything.
        let durable = u64_at(&image, at + 48);
        image[at + 56..at + 64].copy_from_slice(&durable.to_le_bytes());
        reseal(&mut image, at);
        let (_, storage) = open(&image);
        let db = storage.database("d").unwrap();
        assert!(matches!(db.get(1), Err(Error::Corrupt { .. })), "target {target}");
        assert!(!db.verify().unwrap().damage.is_empty());
    }
}

#[test]
fn the_older_superblock_serves_when_the_newer_one_rots() {
    let sound = image(4, |db| {
        (0..100).for_each(|id| assert!(db.put(id, &[0.0; 4], b"").is_ok()));
        db.flush().unwrap();
        (0..40).for_each(|id| assert!(db.delete(id).is_ok()));
        (100..110).for_each(|id| assert!(db.put(id, &[0.0; 4], b"").is_ok()));
        db.flush().unwrap();
    });
    let mut image = sound.clone();
    image[newest_superblock(&sound) + 100] ^= 1;
    let (_, storage) = open(&image);
    let db = storage.database("d").unwrap();
    assert_eq!((db.count(), db.scan(Position::START).count()), (70, 70));
    db.put(7, &[0.5; 4], b"").unwrap();
    db.flush().unwrap();
    assert_eq!(db.count(), 71);

    // Damage behind it could then be damage to flushed data: it is not taken for a torn tail.
    let last = image.len() - 1;
    image[last - 4096] ^= 1;
    image[last] ^= 1;
    let (_, storage) = open(&image);
    assert!(matches!(storage.database("d"), Err(Error::Corrupt { .. })));
}

#[test]
fn foreign_and_truncated_files_are_told_apart() {
    let sound = image(4, |db| {
        db.put(1, &[0.0; 4], b"").unwrap();
        db.flush().unwrap();
    });
    let message = |image: &[u8]| open(image).1.database("d").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message(b"").contains("header validation failed"));
    assert!(message(&sound[..8191]).contains("header validation failed"));
    assert!(message(&[b'x'; 10_000]).contains("invalid magic number"));
    assert!(message(&sound[..sound.len() - 64]).contains("truncated"));
    let mut version_1 = sound.clone();
    (version_1[4], version_1[4100]) = (1, 1);
    assert!(message(&version_1).contains("version 1 is not supported"));
    for text in [message(b""), message(&sound[..sound.len() - 64])] {
        assert!(text.contains("memory/d.jvdb") && text.contains("offset"), "{text}");
    }
    assert_eq!(message(&sound), "");
}

/// A key of more than 20 bytes lies in a record's body, which the checksum of the header does not cover.
const LONG: &[u8] = b"a key that does not fit into the header of its record";

#[test]
fn a_damaged_long_key_is_damage_and_not_absence() {
    let flip = |image: &[u8], what: &[u8]| {
        let mut image = image.to_vec();
        let at = image.windows(what.len()).rposition(|bytes| bytes == what).expect("the key, as it is");
        image[at] ^= 1;
        image
    };
    let clean = |more: bool| {
        let volume = Arc::new(MemoryVolume::default());
        let storage = Storage::on(Arc::clone(&volume) as _, options()).unwrap();
        let db = storage.create("d", Schema::new(4, Metric::Cosine).unwrap()).unwrap();
        db.put(1, &[1.0; 4], b"").unwrap();
        db.put(LONG, &[2.0; 4], b"").unwrap();
        db.set_attribute(&[LONG, b"!"].concat(), b"value").unwrap();
        if more {
            db.delete(1).unwrap();
        }
        drop(db);
        storage.close().unwrap();
        volume.bytes(FILE).unwrap()
    };
    for more in [false, true] {
        let sound = clean(more);
        let (_, storage) = open(&flip(&sound, &[LONG, b"!"].concat()));
        let db = storage.database("d").unwrap();
        assert!(matches!(db.attributes(), Err(Error::Corrupt { .. })));
        assert!(matches!(db.attribute(&[LONG, b"!"].concat()), Err(Error::Corrupt { .. })));
        // The same bytes as the key of the vector, which comes first.
        let mut image = sound.clone();
        let at = image.windows(LONG.len()).position(|bytes| bytes == LONG).unwrap();
        image[at + 3] ^= 1;
        let (volume, storage) = open(&image);
        let db = storage.database("d").unwrap();
        assert!(matches!(db.get(LONG), Err(Error::Corrupt { .. })));
        assert!(matches!(db.contains(LONG), Err(Error::Corrupt { .. })));
        assert!(matches!(db.put(LONG, &[3.0; 4], b""), Err(Error::Corrupt { .. })));
        assert!(db.scan(Position::START).any(|found| matches!(found, Err(Error::Corrupt { .. }))));
        assert!(db.keys(Position::START).any(|found| matches!(found, Err(Error::Corrupt { .. }))));
        // A compaction that took it for dead would lose it.
        assert!(matches!(db.compact(), Err(Error::Corrupt { .. })));
        assert_eq!(without_token(volume.bytes(FILE).unwrap()), without_token(image));
    }
}

/// The token of whoever writes changes with each opening that tries to.
fn without_token(mut image: Vec<u8>) -> Vec<u8> {
    image[512..520].fill(0);
    image
}

#[test]
fn a_damaged_long_key_is_not_replayed() {
    let sound = image(4, |db| {
        db.put(LONG, &[1.0; 4], b"").unwrap();
        db.flush().unwrap();
        db.put(LONG, &[2.0; 4], b"").unwrap();
        // Flushed, but not yet known to be in the index: an opening reads it again.
        db.flush().unwrap();
    });
    let mut image = sound.clone();
    let at = image.windows(LONG.len()).rposition(|bytes| bytes == LONG).unwrap();
    image[at] ^= 1;
    let error = open(&image).1.database("d").expect_err("a damaged key");
    assert!(matches!(error, Error::Corrupt { offset, .. } if (at - 128..at).contains(&(offset as usize))), "{error}");
}

/// Keys whose hashes are the same in the index of a file made with these options.
const TWINS: [u64; 2] = [5_187_918, 5_428_814];

/// Where two names of one hash lie in one bucket, an offset that mixes theirs leads into a record that says it is one of
/// them.
#[test]
fn names_of_one_hash_are_told_apart() {
    let volume = Arc::new(MemoryVolume::default());
    let storage = Storage::on(Arc::clone(&volume) as _, options()).unwrap();
    let db = storage.create("d", Schema::new(16, Metric::Cosine).unwrap()).unwrap();
    let seed = u64_at(&volume.bytes(FILE).unwrap(), 8);
    let hash = |key: u64| xxh3_64_with_seed(&key.to_le_bytes(), seed) >> 17;
    assert_eq!(hash(TWINS[0]), hash(TWINS[1]));
    let fill_to = |key: u64, offset: usize| {
        let end = volume.bytes(FILE).unwrap().len();
        db.put(key, &[0.0; 16], &vec![0; offset - end - 128]).unwrap();
        assert_eq!(volume.bytes(FILE).unwrap().len(), offset);
    };
    fill_to(1, 0x10000);
    db.put(TWINS[0], &[1.0; 16], b"").unwrap();
    fill_to(2, 0x20000);
    db.put(TWINS[1], &[2.0; 16], b"").unwrap();
    fill_to(3, 0x2F000);
    // At 0x30000, in the metadata of another: what looks like a record of the first twin.
    let mut header = [0_u8; 64];
    header[40..44].copy_from_slice(&[1, 2, 8, 0]);
    header[44..52].copy_from_slice(&TWINS[0].to_le_bytes());
    let sum = xxh3_64(&header[8..]);
    header[..8].copy_from_slice(&sum.to_le_bytes());
    let mut metadata = vec![0; 0x2000];
    let at = 0x30000 - 0x2F000 - 128;
    metadata[at..at + 64].copy_from_slice(&header);
    metadata[at + 64..at + 128].fill(0x66);
    db.put(4, &[3.0; 16], &metadata).unwrap();
    db.flush().unwrap();
    for (twin, value) in TWINS.into_iter().zip([1.0, 2.0]) {
        assert_eq!(db.get(twin).unwrap().unwrap().vector(), [value; 16]);
        assert_eq!(db.read(twin, |vector, _| vector[0]).unwrap(), Some(value));
    }
}
