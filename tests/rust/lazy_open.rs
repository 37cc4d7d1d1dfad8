//! Opening is lazy: a directory opens no file, and a database that was closed cleanly takes the same few pages whatever
//! it holds. Counted at the seam between the engine and the files, and as the kernel counts mapped pages.

use jvdb_core::medium::{Medium, NativeVolume, Permit, Pinned, View, Volume};
use jvdb_core::{Access, Advice, Key, Metric, Operation, Options, Schema, Storage};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What went through the seam.
#[derive(Default)]
struct Count {
    opened: AtomicU64,
    reads: AtomicU64,
    bytes: AtomicU64,
}

/// A native directory that counts.
struct CountingVolume {
    inner: NativeVolume,
    count: Arc<Count>,
}

struct CountingMedium {
    inner: Box<dyn Medium>,
    count: Arc<Count>,
}

impl CountingVolume {
    fn over(directory: &Path, access: Access) -> Self {
        let inner = NativeVolume::open(directory, access, true).unwrap();
        Self { inner, count: Arc::default() }
    }
}

impl Volume for CountingVolume {
    fn path(&self) -> &str {
        self.inner.path()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.count.opened.fetch_add(1, Relaxed);
        Ok(Box::new(CountingMedium { inner: self.inner.open(file)?, count: Arc::clone(&self.count) }))
    }
    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.inner.create(file)
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

impl CountingMedium {
    fn note(&self, len: usize) {
        self.count.reads.fetch_add(1, Relaxed);
        self.count.bytes.fetch_add(len as u64, Relaxed);
    }
}

impl Medium for CountingMedium {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.note(into.len());
        self.inner.read_into(offset, into)
    }
    fn read(&self, offset: u64, len: usize) -> io::Result<View<'_>> {
        self.note(len);
        self.inner.read(offset, len)
    }
    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        self.note(len);
        self.inner.pin(offset, len)
    }
    fn write(&self, offset: u64, bytes: &[u8], permit: Permit) -> io::Result<()> {
        self.inner.write(offset, bytes, permit)
    }
    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
    fn truncate(&self, len: u64, permit: Permit) -> io::Result<()> {
        self.inner.truncate(len, permit)
    }
    fn will_read(&self, offset: u64, len: usize) {
        self.note(len);
        self.inner.will_read(offset, len);
    }
}

#[test]
fn a_directory_of_a_thousand_databases_opens_without_opening_a_file() {
    let dir = tempfile::tempdir().unwrap();
    {
        let storage = Storage::open(dir.path(), Options::default()).unwrap();
        storage.create("db_0000", Schema::new(4, Metric::Cosine).unwrap()).unwrap().put(1, &[1.0; 4], b"").unwrap();
        storage.close().unwrap();
    }
    for number in 1..1000 {
        fs::copy(dir.path().join("db_0000.jvdb"), dir.path().join(format!("db_{number:04}.jvdb"))).unwrap();
    }
    let volume = CountingVolume::over(dir.path(), Access::Mmap);
    let count = Arc::clone(&volume.count);
    let storage = Storage::on(Arc::new(volume), Options::default()).unwrap();
    assert_eq!(storage.list().unwrap().len(), 1000);
    assert!(storage.exists("db_0999").unwrap());
    assert_eq!((count.opened.load(Relaxed), count.reads.load(Relaxed)), (0, 0));
    assert_eq!(storage.database("db_0500").unwrap().get(1).unwrap().unwrap().vector(), [1.0; 4]);
    assert_eq!(count.opened.load(Relaxed), 1);
}

/// A directory with one database, `d`, of that many vectors, closed cleanly.
fn filled(vectors: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::default().flush_interval(Duration::ZERO);
    let storage = Storage::open(dir.path(), options).unwrap();
    let database = storage.create("d", Schema::new(4, Metric::Cosine).unwrap()).unwrap();
    for first in (0..vectors).step_by(10_000) {
        let ids: Vec<u64> = (first..vectors.min(first + 10_000)).collect();
        let rows: Vec<_> = ids.iter().map(|id| row(*id)).collect();
        let puts = ids.iter().zip(&rows);
        database.write(puts.map(|(id, vector)| Operation::Put { key: Key::Int(*id), vector, metadata: b"" })).unwrap();
    }
    drop(database);
    storage.close().unwrap();
    dir
}

fn row(id: u64) -> [f32; 4] {
    [id as f32, -0.0, 0.5, (id % 977) as f32]
}

/// What opening the database takes: reads, and bytes read.
fn cost(directory: &Path, access: Access, vectors: u64) -> (u64, u64) {
    let volume = CountingVolume::over(directory, access);
    let count = Arc::clone(&volume.count);
    let storage = Storage::on(Arc::new(volume), Options::default()).unwrap();
    let database = storage.database("d").unwrap();
    assert_eq!(database.count(), vectors);
    let cost = (count.reads.load(Relaxed), count.bytes.load(Relaxed));
    // It is the whole database that was opened.
    assert_eq!(database.get(vectors - 1).unwrap().unwrap().vector(), row(vectors - 1));
    cost
}

/// KiB of a file that are mapped and present in this process, as the kernel says; 0 if it is not mapped.
fn mapped_kib(file: &Path) -> u64 {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut ours = false;
    let mut kib = 0;
    for line in maps.lines() {
        if let Some(rss) = line.strip_prefix("Rss:") {
            if ours {
                kib += rss.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
            }
        } else if line.contains('-') && !line.contains(" kB") {
            ours = line.ends_with(file.to_str().unwrap());
        }
    }
    kib
}

#[test]
fn a_million_vectors_open_with_a_bounded_number_of_pages_after_a_clean_close() {
    let (small, large) = (filled(1_000), filled(1_000_000));
    let file = large.path().canonicalize().unwrap().join("d.jvdb");
    assert!(fs::metadata(&file).unwrap().len() > 100 << 20, "large enough to tell");

    for access in [Access::Mmap, Access::File] {
        let (few, many) = (cost(small.path(), access, 1_000), cost(large.path(), access, 1_000_000));
        println!("{access:?}: {few:?} (reads, bytes) for 1,000 vectors, {many:?} for 1,000,000");
        assert!(few.1 > 0, "the count counts");
        assert!(many.0 <= few.0 + 8, "{access:?}: {many:?} against {few:?}");
        assert!(many.1 <= few.1 + (64 << 10), "{access:?}: {many:?} against {few:?}");
    }

    // The kernel maps up to 16 pages around each that is touched, so this is an upper bound on those touched.
    let storage = Storage::open(large.path(), Options::default()).unwrap();
    let database = storage.database("d").unwrap();
    let opened = mapped_kib(&file);
    println!("{opened} KiB mapped after opening");
    assert!(opened <= 512, "{opened} KiB of the file were touched");
    // And it is this file that is counted: reading from it shows.
    for id in (0..1_000_000).step_by(1000) {
        assert_eq!(database.get(id).unwrap().unwrap().vector(), row(id));
    }
    assert!(mapped_kib(&file) > 4 * 1000, "each of 1,000 records lies on a page of its own");
}

/// Bytes of a file that are in this process's memory, through all its mappings.
#[cfg(target_os = "linux")]
fn resident(file: &Path) -> u64 {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = maps.lines();
    let mut sum = 0;
    while lines.any(|line| line.ends_with(file.to_str().unwrap())) {
        let rss = lines.find_map(|line| line.strip_prefix("Rss:")).expect("each mapping has one");
        sum += rss.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10;
    }
    sum
}

/// Whether all of a file is in the page cache; `None` where there is no `fincore`, which tells. A read that must not wait
/// would tell, too, and ask for what it did not find.
#[cfg(target_os = "linux")]
fn is_cached(path: &Path) -> Option<bool> {
    let asked =
        std::process::Command::new("fincore").args(["--bytes", "--noheadings", "--output", "RES"]).arg(path).output();
    match asked {
        Ok(told) if told.status.success() => {
            let bytes: u64 = String::from_utf8(told.stdout).unwrap().trim().parse().unwrap();
            Some(bytes >= fs::metadata(path).unwrap().len())
        }
        told => {
            println!("SKIPPED: what is in the page cache: fincore: {told:?}");
            None
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_database_that_is_not_needed_gives_its_memory_back() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), Options::default()).unwrap();
    let db = storage.create("d", Schema::new(1024, Metric::Cosine).unwrap()).unwrap();
    for id in 0..1000_u64 {
        assert!(db.put(id, &[1.0; 1024], b"").unwrap());
    }
    db.flush().unwrap();
    let read_all =
        || (0..1000_u64).for_each(|id| assert!(db.read(id, |vector, _| vector[1023] == 1.0).unwrap() == Some(true)));
    read_all();
    let path = dir.path().join("d.jvdb");
    assert!(resident(&path) > 3 << 20, "{}", resident(&path));
    // Larger than the first mapping, which has its pages until the file is closed.
    let metadata = vec![7; 16 << 20];
    for id in 1000..1017_u64 {
        assert!(db.put(id, &[1.0; 1024], &metadata).unwrap());
    }
    db.flush().unwrap();
    read_all();
    assert!(db.read(1016, |_, found| found == metadata).unwrap() == Some(true));
    let held = db.get(5).unwrap().unwrap();
    db.advise(Advice::DontNeed).unwrap();
    assert!(resident(&path) < 1 << 20, "{}", resident(&path));
    read_all();
    assert_eq!(held.vector(), [1.0; 1024]);
    assert!(resident(&path) > 3 << 20, "{}", resident(&path));
}

#[test]
#[cfg(target_os = "linux")]
fn what_will_be_needed_is_read_whole_and_nothing_drops_it() {
    let dir = tempfile::tempdir().unwrap();
    for access in [Access::Mmap, Access::File] {
        let name = format!("{access:?}");
        let options = Options::default().access(access);
        let storage = Storage::open(dir.path(), options.clone()).unwrap();
        let db = storage.create(&name, Schema::new(65_536, Metric::Cosine).unwrap()).unwrap();
        for id in 0..130_u64 {
            assert!(db.put(id, &vec![1.0; 65_536], b"").unwrap());
        }
        drop(db);
        storage.close().unwrap();
        let path = dir.path().join(format!("{name}.jvdb"));
        let file = fs::File::open(&path).unwrap();
        // Clean, and mapped by nobody: it goes.
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let dropped = is_cached(&path) == Some(false);
        println!("{name}: the cache {}", if dropped { "is cold" } else { "cannot be emptied here" });
        let storage = Storage::open(dir.path(), options).unwrap();
        let db = storage.database(&name).unwrap();
        db.advise(Advice::WillNeed).unwrap();
        let begun = std::time::Instant::now();
        while is_cached(&path) == Some(false) {
            assert!(begun.elapsed().as_secs() < 60, "only a part of it was asked for");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // After a failed sync the page cache may have what the disk has not.
        db.advise(Advice::DontNeed).unwrap();
        assert_ne!(is_cached(&path), Some(false));
    }
}
