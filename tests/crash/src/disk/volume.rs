//! The disk as the engine sees it: a volume of files, each call with the fate that the disk's owner decides.

use super::call::{Call, Fate};
use super::inode::Inode;
use super::{Disk, Step, apply, lock};
use jvdb_core::medium::{FileId, Medium, Permit, Volume};
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An open file of a disk.
struct Opened {
    disk: Arc<Disk>,
    inode: Arc<Mutex<Inode>>,
    seed: u64,
}

fn id_of(inode: &Arc<Mutex<Inode>>) -> FileId {
    FileId { device: 0, number: Arc::as_ptr(inode) as u64 }
}

impl Medium for Opened {
    fn len(&self) -> u64 {
        lock(&self.inode).cached.len() as u64
    }

    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.disk.allow(Call::Read)?;
        let inode = lock(&self.inode);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let found = start.checked_add(into.len()).and_then(|end| inode.cached.get(start..end));
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn id(&self) -> Option<FileId> {
        Some(id_of(&self.inode))
    }

    fn write(&self, offset: u64, bytes: &[u8], _: Permit) -> io::Result<()> {
        let fate = self.disk.fate(Call::Write);
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut inode = lock(&self.inode);
        match fate {
            Fate::Short(_, share) => {
                let part = inode.part(offset, bytes.len(), share);
                if part > 0 {
                    inode.write(offset, &bytes[..part]);
                }
            }
            fate if fate.does() => inode.write(offset, bytes),
            _ => {}
        }
        drop(inode);
        self.disk.changed();
        fate.outcome()
    }

    fn sync(&self) -> io::Result<()> {
        let fate = self.disk.fate(Call::Sync);
        let mut inode = lock(&self.inode);
        match fate {
            Fate::Done | Fate::Late(_) => inode.sync(),
            Fate::Fails(_) | Fate::Short(..) => {
                let mut random = fastrand::Rng::with_seed(self.seed);
                inode.drop_pages(|n| random.usize(..n));
            }
            Fate::Drops(_) => inode.drop_pages(|_| 0),
            Fate::Reverts(_) => {
                inode.drop_pages(|_| 0);
                inode.revert();
            }
        }
        drop(inode);
        if fate != Fate::Done {
            self.disk.note_failed_sync(&self.inode);
        }
        self.disk.changed();
        fate.outcome()
    }

    fn truncate(&self, len: u64, _: Permit) -> io::Result<()> {
        let fate = self.disk.fate(Call::Truncate);
        if fate.does() {
            lock(&self.inode).truncate(usize::try_from(len).map_err(io::Error::other)?);
            self.disk.changed();
        }
        fate.outcome()
    }
}

/// The disk as the engine sees it.
pub struct SimVolume(pub Arc<Disk>);

impl SimVolume {
    fn opened(&self, inode: Arc<Mutex<Inode>>) -> Box<dyn Medium> {
        Box::new(Opened { disk: Arc::clone(&self.0), inode, seed: self.0.identities.fetch_add(1, Relaxed) })
    }

    fn find(&self, file: &str) -> io::Result<Arc<Mutex<Inode>>> {
        lock(&self.0.state).names.get(file).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn step(&self, call: Call, step: Step) -> io::Result<()> {
        let fate = self.0.fate(call);
        if fate.does() {
            self.take(step);
        }
        fate.outcome()
    }

    fn take(&self, step: Step) {
        let mut state = lock(&self.0.state);
        apply(&step, &mut state.names);
        state.steps.push(step);
        drop(state);
        self.0.changed();
    }
}

impl Volume for SimVolume {
    fn path(&self) -> &str {
        "sim"
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.allow(Call::Look)?;
        Ok(lock(&self.0.state).names.keys().cloned().collect())
    }

    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.0.allow(Call::Open)?;
        Ok(self.opened(self.find(file)?))
    }

    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        let inode = Arc::new(Mutex::new(Inode::default()));
        self.step(Call::Create, Step::Link(file.into(), Arc::clone(&inode)))?;
        Ok(self.opened(inode))
    }

    fn size(&self, file: &str) -> io::Result<u64> {
        self.0.allow(Call::Look)?;
        Ok(lock(&*self.find(file)?).cached.len() as u64)
    }

    fn id_of(&self, file: &str) -> io::Result<Option<FileId>> {
        self.0.allow(Call::Look)?;
        Ok(Some(id_of(&self.find(file)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.find(from)?;
        self.step(Call::Rename, Step::Rename(from.into(), to.into()))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.find(file)?;
        self.step(Call::Remove, Step::Remove(file.into()))
    }

    fn sync(&self) -> io::Result<()> {
        let fate = self.0.fate(Call::SyncDirectory);
        if fate.does() {
            let mut state = lock(&self.0.state);
            state.durable_names = state.names.clone();
            state.steps.clear();
            drop(state);
            self.0.changed();
        }
        fate.outcome()
    }

    fn entropy(&self) -> [u8; 16] {
        let number = self.0.identities.fetch_add(1, Relaxed);
        xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes()).to_le_bytes()
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.0.clock.fetch_add(1, Relaxed))
    }

    fn has_threads(&self) -> bool {
        false
    }
}
