//! A forked child and what its parent has open: the child is refused, and neither it nor its end changes anything.
#![cfg(unix)]

use jvdb_core::{Access, Error, Metric, Options, Position, Result, Schema, Storage};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A forked child, to be waited for.
struct Child(libc::pid_t);

/// Stops the other threads, however a test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// A child has all that its parent has open, so one test's child must not come between another's openings.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Child {
    /// Forks a child that does `body` and ends. One that hangs is killed by SIGALRM.
    fn start(body: impl FnOnce()) -> Self {
        #[expect(unsafe_code, reason = "there is no safe fork")]
        // SAFETY: the child calls what an ordinary caller would call, which is what these tests are about, and leaves
        // by `_exit`, so that nothing of the parent's is run down twice. glibc keeps its allocator usable in children.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: sets a timer and touches no memory.
                unsafe { libc::alarm(20) };
                let done = catch_unwind(AssertUnwindSafe(body)).is_ok();
                // SAFETY: ends the process.
                unsafe { libc::_exit(i32::from(!done)) }
            }
            id => Self(id),
        }
    }

    fn wait(self) {
        let mut status = 0;
        #[expect(unsafe_code, reason = "there is no safe waitpid in the standard library")]
        // SAFETY: waits for a child of ours, and writes its status to a variable of ours.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!((waited, status), (self.0, 0), "the child failed");
    }
}

fn options(access: Access) -> Options {
    Options::default().access(access).flush_interval(Duration::ZERO)
}

fn schema() -> Schema {
    Schema::new(4, Metric::Cosine).unwrap()
}

fn refused<T>(result: Result<T>) {
    match result {
        Err(Error::Forked { .. }) => {}
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("the child was let in"),
    }
}

fn all_bytes(directory: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<_> = entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn a_child_is_refused_and_changes_nothing() {
    let _alone = alone();
    for access in [Access::Mmap, Access::File] {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), options(access)).unwrap();
        let db = storage.create("d", schema()).unwrap();
        db.put(1, &[1.0; 4], b"one").unwrap();
        let held = db.get(1).unwrap().unwrap();
        let before = all_bytes(dir.path());
        // The child takes its copy; what is here stays.
        let mut handles = Some((storage, db));
        let child = Child::start(|| {
            let (storage, db) = handles.take().unwrap();
            refused(db.put(2, &[2.0; 4], b""));
            refused(db.delete(1));
            refused(db.set_attribute(b"a", b"b"));
            refused(db.flush());
            refused(db.compact());
            refused(db.get(1));
            refused(db.contains(1));
            refused(db.read(1, |_, _| ()));
            refused(db.attribute(b"a"));
            refused(db.attributes());
            refused(db.verify());
            refused(db.scan(Position::START).next().unwrap());
            refused(db.keys(Position::START).next().unwrap());
            refused(storage.create("e", schema()));
            refused(storage.database("d"));
            refused(storage.exists("d"));
            refused(storage.drop_database("d"));
            refused(storage.list());
            refused(storage.flush());
            refused(storage.stats());
            assert_eq!(held.vector(), [1.0; 4]);
            drop(db);
            refused(storage.close());
        });
        child.wait();
        let (storage, db) = handles.take().unwrap();
        assert_eq!(before, all_bytes(dir.path()));
        let Err(Error::Locked { holder, .. }) = Storage::open(dir.path(), options(access)) else {
            panic!("the child let go of its parent's lock")
        };
        assert_eq!(holder, format!("process {}", std::process::id()));
        db.put(3, &[3.0; 4], b"three").unwrap();
        db.flush().unwrap();
        assert_eq!(storage.list().unwrap(), ["d"]);
        assert_eq!(db.verify().unwrap().damage, []);
    }
}

#[test]
fn a_child_forked_amid_writes_and_flushes_is_refused_and_does_not_hang() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let due = options(Access::Mmap).max_unflushed_operations(50);
    let storage = Storage::open(dir.path(), due).unwrap();
    let db = storage.create("d", schema()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3u64 {
            let (db, storage, done) = (&db, &storage, &done);
            scope.spawn(move || {
                for id in 0.. {
                    if done.load(Relaxed) {
                        break;
                    }
                    db.put((thread << 32) | (id % 1000), &[id as f32; 4], b"").unwrap();
                    if id % 100 == 0 {
                        storage.flush().unwrap();
                        storage.list().unwrap();
                    }
                }
            });
        }
        let _stop = Stop(&done);
        for _ in 0..50 {
            Child::start(|| {
                refused(db.put(2, &[2.0; 4], b""));
                refused(db.get(1));
                refused(db.flush());
                refused(storage.list());
                refused(storage.database("d"));
                db.stats();
            })
            .wait();
        }
    });
    assert_eq!(db.verify().unwrap().damage, []);
}

#[test]
fn a_child_opens_for_itself_what_its_parent_has_closed() {
    let _alone = alone();
    let (parents, childs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = Storage::open(parents.path(), options(Access::Mmap)).unwrap();
    let own = Storage::open(childs.path(), options(Access::Mmap)).unwrap();
    own.create("d", schema()).unwrap().put(1, &[1.0; 4], b"").unwrap();
    own.close().unwrap();
    Child::start(|| {
        let own = Storage::open(childs.path(), options(Access::Mmap)).unwrap();
        let db = own.database("d").unwrap();
        db.put(2, &[2.0; 4], b"").unwrap();
        // One generation more.
        Child::start(|| refused(db.get(2))).wait();
        assert_eq!(db.count(), 2);
        refused(storage.list());
        drop(db);
        own.close().unwrap();
    })
    .wait();
    let own = Storage::open(childs.path(), options(Access::Mmap)).unwrap();
    assert_eq!(own.database("d").unwrap().count(), 2);
    assert!(storage.list().unwrap().is_empty());
}

#[test]
fn a_directory_in_memory_is_the_childs_own_copy() {
    let _alone = alone();
    let due = options(Access::Mmap).max_unflushed_operations(50);
    let storage = Storage::in_memory(due).unwrap();
    let db = storage.create("d", schema()).unwrap();
    db.put(1, &[1.0; 4], b"").unwrap();
    let mut handles = Some((storage, db));
    let child = Child::start(|| {
        let (storage, db) = handles.take().unwrap();
        assert_eq!(db.get(1).unwrap().unwrap().vector(), [1.0; 4]);
        for id in 0..1000 {
            db.put(id, &[2.0; 4], b"").unwrap();
        }
        // There is no flush thread here: it was done within a write.
        assert!(db.stats().flushes > 0);
        drop(db);
        storage.close().unwrap();
    });
    child.wait();
    let (_databases, db) = handles.take().unwrap();
    assert_eq!(db.count(), 1);
}

#[test]
fn a_directory_is_free_when_it_is_closed_though_a_child_has_its_descriptors() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), options(Access::Mmap)).unwrap();
    let (mut ours, mut childs) = UnixStream::pair().unwrap();
    let child = Child::start(|| {
        // Like one between fork and exec, but for as long as it is told to.
        childs.read_exact(&mut [0]).unwrap();
    });
    drop(storage);
    let storage = Storage::open(dir.path(), options(Access::Mmap)).unwrap();
    storage.create("d", schema()).unwrap();
    ours.write_all(&[0]).unwrap();
    child.wait();
    let Err(Error::Locked { holder, .. }) = Storage::open(dir.path(), options(Access::Mmap)) else {
        panic!("the end of a child let go of its parent's lock")
    };
    assert_eq!(holder, format!("process {}", std::process::id()));
}

#[test]
fn a_lock_that_only_a_child_holds_on_to_says_so() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (mut ours, mut childs) = UnixStream::pair().unwrap();
    let path = dir.path();
    // A process that opens the directory, forks, and ends without a word to the directory.
    let child = Child::start(|| {
        let storage = Storage::open(path, options(Access::Mmap)).unwrap();
        // Nobody waits for this one.
        Child::start(|| {
            childs.write_all(&[0]).unwrap();
            childs.read_exact(&mut [0]).unwrap();
        });
        std::mem::forget(storage);
    });
    let parent = child.0;
    child.wait();
    ours.read_exact(&mut [0]).unwrap();
    let Err(Error::Locked { holder, .. }) = Storage::open(path, options(Access::Mmap)) else {
        panic!("a lock that is held was taken")
    };
    assert!(holder.starts_with(&format!("process {parent}, which has ended")), "{holder}");
    ours.write_all(&[0]).unwrap();
    // The child's end comes at any moment now, and an opening waits for it.
    let freed = (0..100).any(|_| Storage::open(path, options(Access::Mmap)).is_ok());
    assert!(freed);
}
