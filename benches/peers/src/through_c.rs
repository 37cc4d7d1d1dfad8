//! The engine through its C face, called as a program in C would: by pointers that the compiler cannot see through, with
//! arrays of pointers for a batch, with an error object where a call failed. Automatic flushes are off, as for the others
//! of the engine's contestants.

use jvdb::batch::{Batch, jvdb_put_batch};
use jvdb::database::{Database, jvdb_database_release, jvdb_delete, jvdb_flush, jvdb_get_into, jvdb_put};
use jvdb::error::{Error, jvdb_error_free, jvdb_error_message};
use jvdb::get_batch::{GetBatch, jvdb_get_batch};
use jvdb::key::Key;
use jvdb::options::{JVDB_OFF, Options};
use jvdb::status::{JVDB_ABSENT, JVDB_ERROR_BUFFER_TOO_SMALL, JVDB_OK, Status};
use jvdb::storage::{Storage, jvdb_close, jvdb_create, jvdb_database_open, jvdb_open};
use jvdb::upkeep::jvdb_compact;
use jvdb::vector::{Vector, jvdb_get, jvdb_vector_release};
use jvdb::visit::{VisitCallback, jvdb_visit};
use jvdb_benches::Result;
use jvdb_benches::dataset::Record;
use jvdb_benches::store::{Share, Store};
use std::ffi::{CStr, CString, c_void};
use std::hint::black_box;
use std::mem::{MaybeUninit, zeroed};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{from_mut, null, null_mut};
use std::sync::Arc;

const NAME: &CStr = c"bench";
/// Room for metadata that a caller has before it knows how much there is.
const ROOM: usize = 4 << 10;

type Put = unsafe extern "C" fn(*mut Database, Key, *const f32, usize, *const c_void, usize, *mut *mut Error) -> Status;
type Get = unsafe extern "C" fn(
    *const Database,
    Key,
    *mut f32,
    usize,
    *mut c_void,
    usize,
    *mut usize,
    *mut *mut Error,
) -> Status;
type Pin = unsafe extern "C" fn(*const Database, Key, *mut Vector, *mut *mut Error) -> Status;
type Release = unsafe extern "C" fn(*mut Vector);
type Delete = unsafe extern "C" fn(*mut Database, Key, *mut *mut Error) -> Status;
type Visit =
    unsafe extern "C" fn(*const Database, u64, VisitCallback, *mut c_void, *mut u64, *mut *mut Error) -> Status;

/// What is called once per vector or for all of them, as a program finds it in a library.
#[derive(Clone, Copy)]
struct Calls {
    put: Put,
    get: Get,
    pin: Pin,
    release: Release,
    delete: Delete,
    visit: Visit,
}

impl Calls {
    fn find() -> Self {
        black_box(Self {
            put: jvdb_put,
            get: jvdb_get_into,
            pin: jvdb_get,
            release: jvdb_vector_release,
            delete: jvdb_delete,
            visit: jvdb_visit,
        })
    }
}

/// A directory, closed with the last handle on it.
struct Directory(*mut Storage);

/// One handle on its database.
pub(crate) struct ThroughC {
    database: *mut Database,
    calls: Calls,
    dimension: usize,
    pointers: Pointers,
    // Closed after the database was released.
    directory: Arc<Directory>,
}

/// The arrays of a batch, whose memory is used again for the next one.
#[derive(Default)]
struct Pointers {
    ids: Vec<u64>,
    rows: Vec<*const f32>,
    metadata: Vec<*const c_void>,
    lengths: Vec<usize>,
}

/// The error of a call that failed; whether it said "present" otherwise.
#[expect(unsafe_code, reason = "the C face is called")]
fn checked(status: Status, error: *mut Error) -> Result<bool> {
    match status {
        JVDB_OK => Ok(true),
        JVDB_ABSENT => Ok(false),
        _ => {
            // SAFETY: the error object that the failed call has made, or NULL; freed once, here, after its text was copied.
            let message = unsafe {
                let message = CStr::from_ptr(jvdb_error_message(error)).to_string_lossy().into_owned();
                jvdb_error_free(error);
                message
            };
            Err(message.into())
        }
    }
}

/// Makes a call that may give an error object.
fn call(call: impl FnOnce(*mut *mut Error) -> Status) -> Result<bool> {
    let mut error = null_mut();
    let status = call(&mut error);
    checked(status, error)
}

/// Hands what a visit shows to a closure.
#[expect(unsafe_code, reason = "it is called with raw pointers")]
unsafe extern "C" fn shown<F: FnMut(&[u8], &[u8])>(
    look: *mut c_void,
    _: Key,
    elements: *const f32,
    dimension: usize,
    metadata: *const c_void,
    metadata_length: usize,
) -> i32 {
    // SAFETY: `look` is the closure that the visit was given; elements and metadata lie there until this returns, and are
    // never NULL.
    unsafe {
        let elements = std::slice::from_raw_parts(elements, dimension);
        let metadata = std::slice::from_raw_parts(metadata.cast::<u8>(), metadata_length);
        (*look.cast::<F>())(bytemuck::cast_slice(elements), metadata);
    }
    0
}

fn key(number: u64) -> Key {
    Key { bytes: null(), number }
}

impl Directory {
    #[expect(unsafe_code, reason = "the C face is called")]
    fn open(path: &Path) -> Result<Self> {
        // SAFETY: integers, of which zero is a value.
        let mut options: Options = unsafe { zeroed() };
        options.struct_size = size_of::<Options>();
        options.flush_interval_ms = JVDB_OFF;
        (options.max_unflushed_bytes, options.max_unflushed_operations) = (1 << 40, 1 << 40);
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut storage = null_mut();
        // SAFETY: the path ends with NUL, the rest are references to values of ours.
        call(|error| unsafe { jvdb_open(path.as_ptr(), &options, &mut storage, error) })?;
        Ok(Self(storage))
    }
}

impl Drop for Directory {
    #[expect(unsafe_code, reason = "the C face is called")]
    fn drop(&mut self) {
        // SAFETY: opened by `open` and closed once, here.
        let _ = call(|error| unsafe { jvdb_close(self.0, error) });
    }
}

// SAFETY: the header says that storages may be used by several threads at the same time; the pointer is not changed.
#[expect(unsafe_code, reason = "the C face is thread-safe")]
unsafe impl Send for Directory {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "the C face is thread-safe")]
unsafe impl Sync for Directory {}

impl ThroughC {
    /// Makes an empty database in that directory.
    #[expect(unsafe_code, reason = "the C face is called")]
    pub(crate) fn create(dir: &Path, dimension: usize) -> Result<Self> {
        let wide = u32::try_from(dimension)?;
        Self::with(Arc::new(Directory::open(dir)?), dimension, |storage, database, error| {
            // SAFETY: an open storage, a name that ends with NUL, and places of ours.
            unsafe { jvdb_create(storage, NAME.as_ptr(), wide, 0, database, error) }
        })
    }

    /// Opens the database in that directory.
    pub(crate) fn open(dir: &Path, dimension: usize) -> Result<Self> {
        Self::opened(Arc::new(Directory::open(dir)?), dimension)
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn opened(directory: Arc<Directory>, dimension: usize) -> Result<Self> {
        Self::with(directory, dimension, |storage, database, error| {
            // SAFETY: an open storage, a name that ends with NUL, and places of ours.
            unsafe { jvdb_database_open(storage, NAME.as_ptr(), database, error) }
        })
    }

    fn with(
        directory: Arc<Directory>,
        dimension: usize,
        get: impl FnOnce(*mut Storage, *mut *mut Database, *mut *mut Error) -> Status,
    ) -> Result<Self> {
        let mut database = null_mut();
        call(|error| get(directory.0, &mut database, error))?;
        Ok(Self { database, calls: Calls::find(), dimension, pointers: Pointers::default(), directory })
    }

    /// Shows a pinned vector, and releases it.
    #[expect(unsafe_code, reason = "the C face is called")]
    fn show<R>(&self, vector: &mut Vector, look: impl FnOnce(&[u8], &[u8]) -> R) -> R {
        // SAFETY: pinned by a call that said so; both lie there until it is released, below. The pointer to metadata is
        // never NULL in a pinned vector.
        let result = unsafe {
            let elements = std::slice::from_raw_parts(vector.elements, vector.dimension);
            let metadata = std::slice::from_raw_parts(vector.metadata.cast::<u8>(), vector.metadata_length);
            look(bytemuck::cast_slice(elements), metadata)
        };
        // SAFETY: released once.
        unsafe { (self.calls.release)(vector) };
        result
    }
}

impl Drop for ThroughC {
    #[expect(unsafe_code, reason = "the C face is called")]
    fn drop(&mut self) {
        // SAFETY: a handle of ours, released once.
        unsafe { jvdb_database_release(self.database) };
    }
}

impl Store for ThroughC {
    #[expect(unsafe_code, reason = "the C face is called")]
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        let Record { key: number, vector, metadata } = record;
        let (elements, bytes) = (vector.as_ptr(), metadata.as_ptr().cast());
        // SAFETY: an open database, and slices with their lengths.
        call(|error| unsafe {
            (self.calls.put)(self.database, key(number), elements, vector.len(), bytes, metadata.len(), error)
        })?;
        Ok(())
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        let Pointers { ids, rows, metadata, lengths } = &mut self.pointers;
        ids.clear();
        rows.clear();
        metadata.clear();
        lengths.clear();
        for record in records {
            ids.push(record.key);
            rows.push(record.vector.as_ptr());
            metadata.push(record.metadata.as_ptr().cast());
            lengths.push(record.metadata.len());
        }
        let batch = Batch {
            struct_size: size_of::<Batch>(),
            count: ids.len(),
            dimension: self.dimension,
            ids: ids.as_ptr(),
            keys: null(),
            matrix: null(),
            rows: rows.as_ptr(),
            metadata: metadata.as_ptr(),
            metadata_lengths: lengths.as_ptr(),
            row_stride: 0,
            deletes: null(),
        };
        // SAFETY: an open database, and arrays of `count` elements whose pointers are those of records that live in the
        // data set; each vector has as many elements as the data set's dimension, which the database was made for.
        call(|error| unsafe { jvdb_put_batch(self.database, &batch, error) })?;
        Ok(())
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn delete(&mut self, number: u64) -> Result<bool> {
        // SAFETY: an open database.
        call(|error| unsafe { (self.calls.delete)(self.database, key(number), error) })
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn copy(&self, number: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        metadata.clear();
        metadata.reserve(ROOM);
        loop {
            let (mut error, mut length) = (null_mut(), 0);
            let (elements, bytes, room) = (vector.as_mut_ptr(), metadata.as_mut_ptr().cast(), metadata.capacity());
            // SAFETY: an open database, and room of the stated sizes.
            let status = unsafe {
                (self.calls.get)(
                    self.database,
                    key(number),
                    elements,
                    vector.len(),
                    bytes,
                    room,
                    &mut length,
                    &mut error,
                )
            };
            if status != JVDB_ERROR_BUFFER_TOO_SMALL {
                let found = checked(status, error)?;
                // SAFETY: the call has written that many bytes if it found something.
                unsafe { metadata.set_len(if found { length } else { 0 }) };
                return Ok(found);
            }
            let _ = checked(status, error);
            metadata.reserve(length);
        }
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn view(&self, number: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        let mut vector = MaybeUninit::<Vector>::uninit();
        // SAFETY: an open database, and a place for a vector, which the call writes whatever comes of it.
        let found = call(|error| unsafe { (self.calls.pin)(self.database, key(number), vector.as_mut_ptr(), error) })?;
        // SAFETY: written by the call.
        let vector = unsafe { vector.assume_init_mut() };
        Ok(found.then(|| self.show(vector, look)))
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn copy_many(&self, keys: &[u64], matrix: &mut [f32]) -> Result<()> {
        let batch = GetBatch {
            struct_size: size_of::<GetBatch>(),
            count: keys.len(),
            dimension: self.dimension,
            ids: keys.as_ptr(),
            keys: null(),
            matrix: matrix.as_mut_ptr(),
            row_stride: 0,
            found: null_mut(),
            metadata: null_mut(),
            metadata_capacity: 0,
            metadata_lengths: null_mut(),
        };
        if matrix.len() != keys.len() * self.dimension {
            return Err("the matrix has another size than the vectors".into());
        }
        let mut found = 0;
        // SAFETY: an open database, `count` keys, and room for as many rows, as was just checked.
        call(|error| unsafe { jvdb_get_batch(self.database, &batch, &mut found, null_mut(), error) })?;
        if found == keys.len() { Ok(()) } else { Err("a key was stored and is not there".into()) }
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn scan(&self, look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        fn visit<F: FnMut(&[u8], &[u8])>(store: &ThroughC, mut look: F) -> Result<bool> {
            let user = from_mut(&mut look).cast();
            // SAFETY: an open database, and a callback for closures of this type, with one that nobody else uses meanwhile.
            call(|error| unsafe { (store.calls.visit)(store.database, 0, Some(shown::<F>), user, null_mut(), error) })
        }
        visit(self, look)?;
        Ok(())
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn flush(&mut self) -> Result<()> {
        // SAFETY: an open database.
        call(|error| unsafe { jvdb_flush(self.database, null_mut(), error) })?;
        Ok(())
    }

    #[expect(unsafe_code, reason = "the C face is called")]
    fn compact(&mut self) -> Result<bool> {
        // SAFETY: an open database.
        call(|error| unsafe { jvdb_compact(self.database, null_mut(), error) })
    }

    fn share(&self) -> Option<Share<Self>> {
        let (directory, dimension) = (self.directory.clone(), self.dimension);
        Some(Box::new(move || Self::opened(directory, dimension)))
    }
}
