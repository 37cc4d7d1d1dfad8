//! A run of cases in a process of its own, so that a crash ends this run and not the campaign.
//!
//! The number of the case at hand is in a file while it runs: it tells the parent which one killed the process, and
//! whether anything goes on at all.

use super::anatomy::Anatomy;
use super::fault::Kind;
use super::oracle::{Case, Verdict};
use super::shapes::{self, FILE, NAME, options};
use jvdb_core::medium::MemoryVolume;
use jvdb_core::{Access, Storage};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One case in so many is also read without sums of bodies, and one in so many goes on with writes.
const BLIND: u64 = 8;
const WRITES: u64 = 64;
/// Failures that one process tells in full.
const TOLD: u64 = 10;

/// What goes wrong here is the campaign's own fault.
type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Where the damaged files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Memory,
    Mmap,
    File,
}

/// What one process is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batch {
    pub shape: usize,
    /// Which of [`Kind::ALL`].
    pub kind: usize,
    pub place: Place,
    pub from: u64,
    pub to: u64,
    pub step: u64,
    pub seed: u64,
    /// Its own directory: `progress`, and for files `data`.
    pub directory: PathBuf,
}

/// What came of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    pub cases: u64,
    pub lost: u64,
    pub torn: u64,
    pub signals: u64,
    pub undetected: u64,
}

impl Counts {
    fn failures(&self) -> u64 {
        self.lost + self.torn + self.signals + self.undetected
    }

    fn take(&mut self, verdict: &Verdict, case: &str) {
        let parts = [("lost", &verdict.lost), ("torn", &verdict.torn), ("undetected", &verdict.undetected)];
        for (kind, found) in parts {
            for what in found.iter().filter(|_| self.failures() < TOLD) {
                eprintln!("damage: {case}: {kind}: {what}");
            }
        }
        self.lost += u64::from(!verdict.lost.is_empty());
        self.torn += u64::from(!verdict.torn.is_empty());
        self.undetected += u64::from(!verdict.undetected.is_empty());
    }
}

/// The number of the case at hand, as a process left it.
pub fn progress(directory: &Path) -> Option<u64> {
    let bytes = fs::read(directory.join("progress")).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

impl Batch {
    /// Runs all cases of the batch.
    pub fn run(&self) -> Fallible<Counts> {
        let shapes = shapes::all()?;
        let (shape, sound) = &shapes[self.shape];
        let kind = Kind::ALL[self.kind];
        let progress = File::create(self.directory.join("progress"))?;
        let mut counts = Counts::default();
        for case in (self.from..self.to).step_by(self.step as usize) {
            progress.write_all_at(&case.to_le_bytes(), 0)?;
            let image = kind.apply(&sound.image, case, self.seed);
            let told = format!("{shape}, {kind}, {:?}, case {case}, seed {}", self.place, self.seed);
            counts.cases += 1;
            match catch_unwind(AssertUnwindSafe(|| self.try_case(sound, &image, case))) {
                Ok(verdict) => counts.take(&verdict?, &told),
                Err(_) => {
                    eprintln!("damage: {told}: panic");
                    counts.signals += 1;
                }
            }
        }
        Ok(counts)
    }

    fn try_case(&self, sound: &Anatomy, image: &[u8], number: u64) -> Fallible<Verdict> {
        let mut case = Case::new(sound, image);
        if number.is_multiple_of(BLIND) {
            let (storage, _) = self.open(image, false)?;
            case.read(&storage, false);
        }
        let (storage, volume) = self.open(image, true)?;
        case.read(&storage, true);
        case.repair(&storage, |file| match &volume {
            Some(volume) => volume.bytes(file),
            None => fs::read(self.directory.join("data").join(file)).ok(),
        });
        if number.is_multiple_of(WRITES)
            && let Ok(db) = storage.database(NAME)
        {
            case.write(&db);
        }
        Ok(case.verdict())
    }

    /// A directory that holds the damaged file, and nothing else.
    fn open(&self, image: &[u8], verify_checksums: bool) -> Fallible<(Storage, Option<Arc<MemoryVolume>>)> {
        let access = if self.place == Place::File { Access::File } else { Access::Mmap };
        let options = options().verify_checksums(verify_checksums).access(access);
        if self.place == Place::Memory {
            let volume = Arc::new(MemoryVolume::with_files([(FILE, image)]));
            return Ok((Storage::on(Arc::clone(&volume) as _, options)?, Some(volume)));
        }
        let data = self.directory.join("data");
        let _ = fs::remove_dir_all(&data);
        fs::create_dir(&data)?;
        fs::write(data.join(FILE), image)?;
        Ok((Storage::open(&data, options)?, None))
    }
}
