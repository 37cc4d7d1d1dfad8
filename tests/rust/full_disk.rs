//! A disk that is full: the error says so, nothing acknowledged is lost, and the store goes on when there is room again.

use jvdb_core::medium::{Medium, NativeVolume, Permit, Pinned, View, Volume};
use jvdb_core::{Access, Database, Error, Key, Metric, Operation, Schema, Storage};
use jvdb_tests::child;
use jvdb_tests::{DIMENSION, Order, bits, metadata, never_flushing, vector};

use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const CHILD: &str = env!("CARGO_BIN_EXE_jvdb-child");

/// A native directory whose files may not grow past a length. A write that would is done in part, as disks do.
struct SmallDisk {
    inner: NativeVolume,
    limit: Arc<AtomicU64>,
}

struct SmallFile {
    inner: Box<dyn Medium>,
    limit: Arc<AtomicU64>,
}

impl SmallDisk {
    fn file(&self, inner: Box<dyn Medium>) -> Box<dyn Medium> {
        Box::new(SmallFile { inner, limit: Arc::clone(&self.limit) })
    }
}

impl Volume for SmallDisk {
    fn path(&self) -> &str {
        self.inner.path()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        Ok(self.file(self.inner.open(file)?))
    }
    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        Ok(self.file(self.inner.create(file)?))
    }
    fn size(&self, file: &str) -> io::Result<u64> {
        self.inner.size(file)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, file: &str) -> io::Result<()> {
        self.inner.remove(file)
    }
    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
    fn entropy(&self) -> [u8; 16] {
        self.inner.entropy()
    }
    fn now(&self) -> Duration {
        self.inner.now()
    }
}

impl Medium for SmallFile {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.inner.read_into(offset, into)
    }
    fn read(&self, offset: u64, len: usize) -> io::Result<View<'_>> {
        self.inner.read(offset, len)
    }
    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        self.inner.pin(offset, len)
    }
    fn write(&self, offset: u64, bytes: &[u8], permit: Permit) -> io::Result<()> {
        let room = self.limit.load(Relaxed).saturating_sub(offset);
        if bytes.len() as u64 <= room {
            return self.inner.write(offset, bytes, permit);
        }
        if room > 0 {
            self.inner.write(offset, &bytes[..room as usize], permit)?;
        }
        Err(io::ErrorKind::StorageFull.into())
    }
    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
    fn truncate(&self, len: u64, permit: Permit) -> io::Result<()> {
        self.inner.truncate(len, permit)
    }
}

fn is_full(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
}

fn check(database: &Database, stored: u64) {
    assert_eq!(database.count(), stored);
    for id in 0..stored {
        let found = database.get(id).unwrap().unwrap_or_else(|| panic!("vector {id} is lost"));
        assert_eq!(bits(found.vector()), bits(&vector(id)), "vector {id}");
        assert_eq!(found.metadata(), metadata(id), "vector {id}");
    }
}

#[test]
fn a_full_disk_is_told_and_the_store_stays_usable() {
    for access in [Access::Mmap, Access::File] {
        let dir = tempfile::tempdir().unwrap();
        let inner = NativeVolume::open(dir.path(), access, true).unwrap();
        let limit = Arc::new(AtomicU64::new(u64::MAX));
        let disk = Arc::new(SmallDisk { inner, limit: Arc::clone(&limit) });
        let storage = Storage::on(Arc::clone(&disk) as _, never_flushing(access)).unwrap();
        let database = storage.create("d", Schema::new(DIMENSION, Metric::Cosine).unwrap()).unwrap();

        // Odd, so that what fits ends in the middle of a record.
        limit.store(100_001, Relaxed);
        let put = |id: u64| database.put(id, &vector(id), &metadata(id));
        let stored = (0..).find(|id| put(*id).is_err()).unwrap();
        assert!(stored > 100, "{stored} fitted");
        let error = put(stored).unwrap_err();
        assert!(is_full(&error), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("d.jvdb") && text.contains("no storage space"), "{text}");
        check(&database, stored);

        // A batch that does not fit leaves nothing of itself.
        let rows: Vec<_> = (stored..stored + 50).map(|id| (id, vector(id))).collect();
        let puts = rows.iter().map(|(id, vector)| Operation::Put { key: Key::Int(*id), vector, metadata: b"" });
        assert!(is_full(&database.write(puts).unwrap_err()));
        check(&database, stored);

        // Room again: writing and flushing go on, and everything is there after reopening.
        limit.store(u64::MAX, Relaxed);
        for id in stored..stored + 100 {
            assert!(put(id).unwrap());
        }
        database.flush().unwrap();
        check(&database, stored + 100);
        drop(database);
        storage.close().unwrap();
        let storage = Storage::on(disk, never_flushing(access)).unwrap();
        let database = storage.database("d").unwrap();
        check(&database, stored + 100);
        assert_eq!(database.verify().unwrap().damage, []);
    }
}

#[test]
fn what_was_stored_before_the_disk_filled_survives_a_restart_on_the_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let limit = Arc::new(AtomicU64::new(u64::MAX));
    let open = || {
        let inner = NativeVolume::open(dir.path(), Access::Mmap, true).unwrap();
        let disk = SmallDisk { inner, limit: Arc::clone(&limit) };
        Storage::on(Arc::new(disk), never_flushing(Access::Mmap)).unwrap()
    };
    let storage = open();
    let database = storage.create("d", Schema::new(DIMENSION, Metric::Cosine).unwrap()).unwrap();
    limit.store(100_001, Relaxed);
    let stored = (0..).find(|id| database.put(*id, &vector(*id), &metadata(*id)).is_err()).unwrap();
    drop(database);
    drop(storage);
    let storage = open();
    check(&storage.database("d").unwrap(), stored);
}

/// The kernel's own refusal: a limit on the length of files, of 128 KiB. The signal that goes with it would end the child,
/// which checks what it has and lifts the limit.
#[test]
fn a_file_that_may_not_grow_is_an_error_and_no_signal() {
    let dir = tempfile::tempdir().unwrap();
    let child = child::command(CHILD, Order::Fill, dir.path());
    let output = Command::new("sh")
        .args(["-c", "ulimit -S -f 256 && exec \"$@\"", "sh"])
        .arg(child.get_program())
        .args(child.get_args())
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {said}{complained}", output.status);
    let [error, recovered] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}{complained}") };
    assert!(error.contains("vectors.jvdb") && error.contains("File too large"), "{error}");
    let stored: u64 = recovered.strip_prefix("recovered ").unwrap().parse().unwrap();
    assert!(stored > 200, "{stored}");

    let storage = Storage::open(dir.path(), never_flushing(Access::Mmap)).unwrap();
    check(&storage.database(jvdb_tests::DATABASE).unwrap(), stored);
}
