//! Any content of a database file, under right checksums: what a fuzzer would never get past otherwise.
//!
//! The input is the file without the zeros behind its superblocks. Every superblock, record and bucket of the table gets
//! the checksum, link and number that fit, so that what is wrong is wrong in its meaning.

use crate::file::file;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const SUPERBLOCK: usize = 512;
const PLACES: [usize; 2] = [0, 4096];
const LOG: usize = 8192;
const LINE: usize = 64;
/// Kind of a record that reserves a table, whose buckets have checksums of their own.
const TABLE: u8 = 5;

/// The target.
pub fn sealed_file(input: &[u8]) {
    // The first byte says what is left as it is, so that wrong checksums in the right places come up as well.
    let Some((&spared, content)) = input.split_first() else { return };
    file(&seal(content, spared));
}

/// The file of an input.
fn seal(content: &[u8], spared: u8) -> Vec<u8> {
    let blocks = content.len().min(2 * SUPERBLOCK);
    let mut image = vec![0; LOG];
    for (part, place) in content[..blocks].chunks(SUPERBLOCK).zip(PLACES) {
        image[place..place + part.len()].copy_from_slice(part);
    }
    image.extend_from_slice(&content[blocks..]);
    let newest = if number(&image, 40) >= number(&image, 4096 + 40) { 0 } else { 4096 };
    if spared & 1 == 0 {
        seal_log(&mut image, newest);
    }
    if spared & 2 == 0 {
        seal_table(&mut image, newest);
    }
    if spared & 4 == 0 {
        for place in PLACES {
            let block = &mut image[place..place + SUPERBLOCK];
            block[..8].copy_from_slice(&[0x42, 0x44, 0x56, 0x4a, 2, 0, 0, 0]);
            let sum = xxh3_64(&block[..SUPERBLOCK - 8]);
            block[SUPERBLOCK - 8..].copy_from_slice(&sum.to_le_bytes());
        }
    }
    image
}

fn number(image: &[u8], at: usize) -> u64 {
    image.get(at..at + 8).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
}

/// Chains the records from the start of the log, for as long as they look like records.
fn seal_log(image: &mut [u8], superblock: usize) {
    let vector_bytes = u32::from_le_bytes(image[superblock + 24..superblock + 28].try_into().expect("four bytes"));
    let (mut at, mut link, mut sequence) = (LOG, number(image, superblock + 16), 1_u64);
    while at + LINE <= image.len() {
        let header = &image[at..at + LINE];
        let (kind, metadata) = (header[40], u32::from_le_bytes(header[36..40].try_into().expect("four bytes")));
        let key = usize::from(u16::from_le_bytes([header[42], header[43]]));
        let body = if kind == TABLE {
            let (homes, window) =
                (number(image, at + 44), u32::from_le_bytes([header[52], header[53], header[54], header[55]]));
            homes.saturating_add(u64::from(window)).saturating_sub(1).saturating_mul(LINE as u64)
        } else {
            let vector = if kind == 1 { u64::from(vector_bytes) * 4 } else { 0 };
            vector + if key > 20 { key as u64 } else { 0 } + u64::from(metadata)
        };
        let Some(end) = usize::try_from(body).ok().and_then(|body| (at + LINE).checked_add(body)) else { return };
        let Some(end) = end.checked_next_multiple_of(LINE).filter(|end| *end <= image.len()) else { return };
        if kind != TABLE {
            let sum = xxh3_64(&image[at + LINE..end]);
            image[at + 8..at + 16].copy_from_slice(&sum.to_le_bytes());
        }
        image[at + 16..at + 24].copy_from_slice(&link.to_le_bytes());
        image[at + 24..at + 32].copy_from_slice(&sequence.to_le_bytes());
        link = xxh3_64(&image[at + 8..at + LINE]);
        image[at..at + 8].copy_from_slice(&link.to_le_bytes());
        for place in PLACES {
            // A superblock that ends here ends with this record.
            if number(image, place + 48) == end as u64 {
                image[place + 64..place + 72].copy_from_slice(&(sequence + 1).to_le_bytes());
                image[place + 72..place + 80].copy_from_slice(&link.to_le_bytes());
            }
        }
        (at, sequence) = (end, sequence + 1);
    }
}

/// Seals the buckets of the table that the superblock names, as far as the file reaches.
fn seal_table(image: &mut [u8], superblock: usize) {
    let Ok(first) = usize::try_from(number(image, superblock + 80)) else { return };
    if first < LOG || !first.is_multiple_of(LINE) {
        return;
    }
    let mut at = first;
    // Not into the records behind it.
    let buckets = number(image, superblock + 88).saturating_add(number(image, superblock + 32) & 0xffff_ffff);
    let end = first.saturating_add(usize::try_from(buckets.saturating_mul(LINE as u64)).unwrap_or(usize::MAX));
    while at + LINE <= image.len().min(end) {
        let sum = xxh3_64_with_seed(&image[at..at + 60], at as u64) as u32;
        image[at + 60..at + LINE].copy_from_slice(&sum.to_le_bytes());
        at += LINE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jvdb_core::medium::MemoryVolume;
    use jvdb_core::{Metric, Options, Schema, Storage};
    use std::sync::Arc;

    #[test]
    fn a_sound_file_stays_what_it_is() {
        let volume = Arc::new(MemoryVolume::default());
        let storage = Storage::on(Arc::clone(&volume) as _, Options::default()).unwrap();
        let database = storage.create("d", Schema::new(3, Metric::Cosine).unwrap()).unwrap();
        for id in 0..60 {
            database.put(id, &[id as f32; 3], &[7; 100]).unwrap();
            database.put(&*format!("a key that is too long for a header, {id}"), &[0.5; 3], b"").unwrap();
            if id % 20 == 0 {
                database.delete(id / 2).unwrap();
                database.set_attribute(b"name", b"value").unwrap();
                database.flush().unwrap();
            }
        }
        drop(database);
        storage.close().unwrap();
        let mut sound = volume.bytes("d.jvdb").unwrap();
        // The token of whoever wrote last is no part of what a file says.
        sound[512..520].fill(0);
        let mut wrong = sound.clone();
        // Everything that sealing sets.
        wrong[LOG..LOG + 32].fill(9);
        wrong[LOG + LINE * 8..LOG + LINE * 8 + 8].fill(9);
        let content = [&wrong[..SUPERBLOCK], &wrong[4096..4096 + SUPERBLOCK], &wrong[LOG..]].concat();
        assert!(seal(&content, 0) == sound);
    }
}
