//! Calls of the C face as a hostile or careless program makes them: NULL, misaligned arrays, lengths that no array has,
//! text that is no UTF-8, sizes of structs that were never set. Whatever the header lets a caller pass must come back as a
//! status, never as a panic, and must not write beyond the room it was given.
//!
//! A pointer that is not NULL and not misaligned points to what its call may read or write: nothing else can be known about
//! a pointer, and the header says so.
#![expect(unsafe_code, reason = "a C face is called with raw pointers")]

mod batches;
mod told;
mod walks;

use arbitrary::{Arbitrary, Unstructured};
use batches::{hostile_batch, sound_batch};
use jvdb::advice::{JVDB_ADVICE_DONT_NEED, JVDB_ADVICE_RANDOM, jvdb_advise};
use jvdb::attribute::{Attribute, jvdb_attribute_get, jvdb_attribute_remove, jvdb_attribute_set};
use jvdb::batch::jvdb_put_batch;
use jvdb::cursor::{jvdb_cursor_close, jvdb_cursor_next_key, jvdb_cursor_open, jvdb_cursor_position};
use jvdb::database::{
    Database, jvdb_contains, jvdb_count, jvdb_database_release, jvdb_database_schema, jvdb_database_stats, jvdb_delete,
    jvdb_flush, jvdb_get_into, jvdb_insert, jvdb_put, jvdb_replace,
};
use jvdb::error::{Error, jvdb_error_code, jvdb_error_free, jvdb_error_message};
use jvdb::key::Key;
use jvdb::log::jvdb_log;
use jvdb::names::{Names, jvdb_names_at, jvdb_names_count, jvdb_names_free};
use jvdb::options::{JVDB_NO_CREATE, JVDB_OFF, Options};
use jvdb::stats::{DatabaseStats, StorageStats};
use jvdb::status::{JVDB_ABSENT, JVDB_ERROR_INTERNAL, JVDB_ERROR_PANIC, JVDB_ERROR_REMOVED, JVDB_OK, Status};
use jvdb::storage::{
    Storage, jvdb_close, jvdb_create, jvdb_create_with, jvdb_database_open, jvdb_drop, jvdb_exists, jvdb_list,
    jvdb_open, jvdb_open_memory, jvdb_storage_flush, jvdb_storage_stats,
};
use jvdb::vector::{Vector, jvdb_get, jvdb_vector_release};
use jvdb::visit::jvdb_visit;
use std::ffi::{CStr, CString, c_void};
use std::mem::{MaybeUninit, zeroed};
use std::ptr::{null, null_mut};
use told::{AnyKey, Array, Length, Name, Size, Told, pointer_of, sized};
use walks::{visit, visit_in_pieces, walk};

const DIMENSION: usize = 4;
/// Calls of one input.
const MOST: usize = 100;
/// One more byte than metadata may have.
static TOO_LONG: [u8; (16 << 20) + 1] = [0; (16 << 20) + 1];

#[derive(Debug, Arbitrary)]
enum Call {
    Store { how: u8, key: AnyKey, vector: Array, metadata: Array, wants_error: bool },
    TooLong { key: AnyKey },
    Get { key: AnyKey, vector: Array, room: u8, with_metadata: bool, with_length: bool },
    Pin { key: AnyKey, with_vector: bool, twice: bool },
    Contains(AnyKey),
    Delete(AnyKey),
    Batch { size: Size, count: Length, dimension: Length, columns: [bool; 6], misaligned: u8, tail: u8 },
    SoundBatch { count: u8, keys: bool, rows: bool, metadata: bool, null_row: bool },
    Cursor { position: u64, steps: u8 },
    Visit { position: u64, at_once: u8, with_callback: bool, with_reached: bool },
    Advise { advice: i32, known: bool, null_handle: bool },
    SetAttribute(Name, Array),
    GetAttribute(Name, u8, bool),
    RemoveAttribute(Name),
    Create(Name, u32, i32),
    Open(Name),
    Drop(Name),
    Exists(Name),
    List(u8),
    Stats(Size, bool),
    Figures { null_handle: bool },
    Flush { null_handle: bool },
    OpenStorage { size: Size, fields: [i64; 6], memory: bool, path: Name },
    Nulls,
}

/// The target.
pub fn c_calls(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let mut program = Program::start();
    for _ in 0..MOST {
        match Call::arbitrary(&mut input) {
            Ok(call) if !input.is_empty() => program.perform(&call),
            _ => break,
        }
    }
}

/// Demands that an answer is one of those the header knows, and that an error says what it is.
fn answer(call: impl FnOnce(*mut *mut Error) -> Status) -> Status {
    let mut error = null_mut();
    let status = call(&mut error);
    assert!((JVDB_ERROR_REMOVED..=JVDB_ABSENT).contains(&status), "status {status}");
    assert!(status != JVDB_ERROR_PANIC && status != JVDB_ERROR_INTERNAL, "status {status}: {}", message(error));
    assert_eq!(status < 0, !error.is_null(), "status {status}");
    if !error.is_null() {
        // SAFETY: an error object that the call made, freed once.
        unsafe {
            assert_eq!(jvdb_error_code(error), status);
            assert!(!message(error).is_empty());
            jvdb_error_free(error);
        }
    }
    status
}

fn message(error: *const Error) -> String {
    // SAFETY: NULL or an error object; its text ends with NUL and lives as long as it does.
    unsafe { CStr::from_ptr(jvdb_error_message(error)) }.to_string_lossy().into_owned()
}

struct Program {
    storage: *mut Storage,
    database: *mut Database,
    /// A handle on a database that was dropped may be held on to.
    other: *mut Database,
}

impl Program {
    fn start() -> Self {
        let mut program = Self { storage: null_mut(), database: null_mut(), other: null_mut() };
        // SAFETY: integers, of which zero is a value.
        let options = Options { struct_size: size_of::<Options>(), flush_interval_ms: JVDB_OFF, ..unsafe { zeroed() } };
        // SAFETY: every pointer points to what its call says.
        unsafe {
            assert_eq!(answer(|error| jvdb_open_memory(&options, &mut program.storage, error)), JVDB_OK);
            let (storage, database) = (program.storage, &mut program.database);
            let name = c"database 0".as_ptr();
            assert_eq!(answer(|error| jvdb_create(storage, name, DIMENSION as u32, 0, database, error)), JVDB_OK);
        }
        program
    }

    fn perform(&mut self, call: &Call) {
        let (storage, database) = (self.storage, self.database);
        // SAFETY: pointers are NULL, misaligned where the face checks it, or point to what they are said to; handles are
        // of this library and live until the program is dropped.
        unsafe {
            match call {
                Call::Store { how, key, vector, metadata, wants_error } => {
                    let store = [jvdb_put, jvdb_insert, jvdb_replace][usize::from(how % 3)];
                    let (key, vector, metadata) =
                        (key.tell(), Told::<f32>::new(*vector, DIMENSION), Told::<u8>::new(*metadata, 100));
                    let call = |error| {
                        let metadata_at = metadata.pointer.cast();
                        store(database, key.key, vector.pointer, vector.length, metadata_at, metadata.length, error)
                    };
                    if *wants_error {
                        answer(call)
                    } else {
                        call(null_mut())
                    };
                }
                Call::TooLong { key } => {
                    let (key, vector) = (key.tell(), [0.0; DIMENSION]);
                    let (metadata, length) = (TOO_LONG.as_ptr().cast(), TOO_LONG.len());
                    let status = answer(|error| {
                        jvdb_put(database, key.key, vector.as_ptr(), DIMENSION, metadata, length, error)
                    });
                    assert!(status < 0, "metadata of {length} bytes is taken");
                    let status = answer(|error| jvdb_attribute_set(database, c"a".as_ptr(), metadata, length, error));
                    assert!(status < 0, "a value of {length} bytes is taken");
                }
                Call::Get { key, vector, room, with_metadata, with_length } => {
                    // Room that is not there cannot be told from room that is.
                    let vector = if matches!(vector, Array::Impossible) { Array::Right } else { *vector };
                    let (key, vector) = (key.tell(), Told::<f32>::new(vector, DIMENSION));
                    let mut metadata = vec![0_u8; usize::from(*room)].into_boxed_slice();
                    let metadata_at = if *with_metadata { metadata.as_mut_ptr().cast() } else { null_mut() };
                    let mut length = 0;
                    let length_at = if *with_length { &raw mut length } else { null_mut() };
                    answer(|error| {
                        let (at, count, room) = (vector.pointer, vector.length, metadata.len());
                        jvdb_get_into(database, key.key, at, count, metadata_at, room, length_at, error)
                    });
                }
                Call::Pin { key, with_vector, twice } => pin(database, key, *with_vector, *twice),
                Call::Contains(key) => drop(answer(|error| jvdb_contains(database, key.tell().key, error))),
                Call::Delete(key) => drop(answer(|error| jvdb_delete(database, key.tell().key, error))),
                Call::Batch { size, count, dimension, columns, misaligned, tail } => {
                    hostile_batch(database, *size, (count.get(), dimension.get()), *columns, *misaligned, *tail);
                }
                Call::SoundBatch { count, keys, rows, metadata, null_row } => {
                    sound_batch(database, usize::from(*count), *keys, *rows, *metadata, *null_row);
                }
                Call::Cursor { position, steps } => walk(database, *position, *steps),
                Call::Visit { position, at_once, with_callback, with_reached } => {
                    visit(database, *position, *with_callback, *with_reached);
                    visit_in_pieces(database, *at_once);
                }
                Call::Advise { advice, known, null_handle } => {
                    let advice = if *known { advice.rem_euclid(4) } else { *advice };
                    let database = if *null_handle { null_mut() } else { database };
                    let status = answer(|error| jvdb_advise(database, advice, error));
                    assert!(status < 0 || (JVDB_ADVICE_RANDOM..=JVDB_ADVICE_DONT_NEED).contains(&advice));
                }
                Call::SetAttribute(name, value) => {
                    let (name, value) = (name.text(), Told::<u8>::new(*value, 64));
                    let name = name.as_ref().map_or(null(), |name| name.as_ptr());
                    answer(|error| jvdb_attribute_set(database, name, value.pointer.cast(), value.length, error));
                }
                Call::GetAttribute(name, room, wanted) => {
                    let (name, mut value, mut length) =
                        (name.text(), vec![0_u8; usize::from(*room)].into_boxed_slice(), 0);
                    let name = name.as_ref().map_or(null(), |name| name.as_ptr());
                    let at: *mut c_void = if *wanted { value.as_mut_ptr().cast() } else { null_mut() };
                    answer(|error| jvdb_attribute_get(database, name, at, value.len(), &mut length, error));
                }
                Call::RemoveAttribute(name) => {
                    let name = name.text();
                    let name = name.as_ref().map_or(null(), |name| name.as_ptr());
                    answer(|error| jvdb_attribute_remove(database, name, error));
                }
                Call::Create(name, dimension, metric) => {
                    let name = name.text();
                    let name = name.as_ref().map_or(null(), |name| name.as_ptr());
                    let attribute = Attribute { name, value: name.cast(), value_length: 0 };
                    let (attributes, count) = (&raw const attribute, (*dimension % 2) as usize);
                    answer(|error| {
                        jvdb_create_with(storage, name, *dimension, *metric, attributes, count, null_mut(), error)
                    });
                }
                Call::Open(name) => {
                    let name = name.text();
                    let name = name.as_ref().map_or(null(), |name| name.as_ptr());
                    jvdb_database_release(self.other);
                    answer(|error| jvdb_database_open(storage, name, &mut self.other, error));
                    let mut count = 0;
                    answer(|error| jvdb_count(self.other, &mut count, error));
                }
                Call::Drop(name) => {
                    let name = name.text();
                    let name = name.as_ref().map_or(null(), |name| name.as_ptr());
                    answer(|error| jvdb_drop(storage, name, error));
                }
                Call::Exists(name) => {
                    let name = name.text();
                    let name = name.as_ref().map_or(null(), |name| name.as_ptr());
                    answer(|error| jvdb_exists(storage, name, error));
                }
                Call::List(at) => {
                    let mut names: *mut Names = null_mut();
                    answer(|error| jvdb_list(storage, &mut names, error));
                    let there = usize::from(*at) < jvdb_names_count(names);
                    assert_eq!(!jvdb_names_at(names, usize::from(*at)).is_null(), there);
                    assert!(jvdb_names_at(names, usize::MAX).is_null());
                    jvdb_names_free(names);
                }
                Call::Stats(size, of_storage) => {
                    if *of_storage {
                        let mut stats = sized::<StorageStats>(zeroed(), *size);
                        answer(|error| jvdb_storage_stats(storage, pointer_of(&mut stats), error));
                    } else {
                        let mut stats = sized::<DatabaseStats>(zeroed(), *size);
                        answer(|error| jvdb_database_stats(database, pointer_of(&mut stats), error));
                    }
                }
                Call::Figures { null_handle } => {
                    let database = if *null_handle { null_mut() } else { database };
                    let (mut count, mut dimension) = (0, 0);
                    answer(|error| jvdb_count(database, &mut count, error));
                    answer(|error| jvdb_count(database, null_mut(), error));
                    answer(|error| jvdb_database_schema(database, &mut dimension, null_mut(), error));
                }
                Call::Flush { null_handle } => {
                    let (storage, database) = if *null_handle { (null_mut(), null_mut()) } else { (storage, database) };
                    let mut took = 0;
                    answer(|error| jvdb_flush(database, &mut took, error));
                    answer(|error| jvdb_storage_flush(storage, null_mut(), error));
                }
                Call::OpenStorage { size, fields, memory, path } => open_storage(*size, *fields, *memory, path),
                Call::Nulls => nulls(),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: handles of this library, released once, the storage last.
        unsafe {
            jvdb_database_release(self.other);
            jvdb_database_release(self.database);
            assert_eq!(answer(|error| jvdb_close(self.storage, error)), JVDB_OK);
        }
    }
}

unsafe fn pin(database: *mut Database, key: &AnyKey, with_vector: bool, twice: bool) {
    let key = key.tell();
    let mut vector = MaybeUninit::<Vector>::uninit();
    let at = if with_vector { vector.as_mut_ptr() } else { null_mut() };
    // SAFETY: `vector` is written by the call whatever it answers, before anything reads it.
    unsafe {
        let status = answer(|error| jvdb_get(database, key.key, at, error));
        if !with_vector {
            assert!(status < 0);
            return;
        }
        assert_eq!((*at).elements.is_null(), status != JVDB_OK);
        if status == JVDB_OK {
            assert!((*at).elements.addr().is_multiple_of(64));
            let (elements, metadata) = ((*at).elements, (*at).metadata.cast::<u8>());
            let _read: f32 = std::slice::from_raw_parts(elements, (*at).dimension).iter().sum();
            let _read = std::slice::from_raw_parts(metadata, (*at).metadata_length).iter().max();
        }
        jvdb_vector_release(at);
        if twice {
            jvdb_vector_release(at);
        }
    }
}

/// Options of any kind, on memory or on a path that leads nowhere.
unsafe fn open_storage(size: Size, fields: [i64; 6], memory: bool, path: &Name) {
    let [flags, files, flush, pin, bytes, operations] = fields;
    let options = Options {
        struct_size: 0,
        flags: flags as u64 | if memory { 0 } else { JVDB_NO_CREATE },
        max_open_files: files as u64,
        flush_interval_ms: flush,
        pin_timeout_ms: pin,
        max_unflushed_bytes: bytes as u64,
        max_unflushed_operations: operations as u64,
    };
    let mut options = sized(options, size);
    let mut storage = null_mut();
    let path = path.text().map(|text| [c"/nowhere/at/all/".to_bytes(), text.to_bytes()].concat());
    let path = path.and_then(|path| CString::new(path).ok());
    // SAFETY: the struct is as large as it says wherever a size is taken; a storage that was opened is closed.
    unsafe {
        if memory {
            answer(|error| jvdb_open_memory(pointer_of(&mut options), &mut storage, error));
        } else if options.is_some() {
            let path = path.as_ref().map_or(null(), |path| path.as_ptr());
            let status = answer(|error| jvdb_open(path, pointer_of(&mut options), &mut storage, error));
            assert!(status < 0, "a directory that is not there was opened");
        }
        answer(|error| jvdb_close(storage, error));
    }
}

/// NULL wherever a pointer is taken.
unsafe fn nulls() {
    let key = Key { bytes: null(), number: 0 };
    // SAFETY: NULL is what every call must expect.
    unsafe {
        answer(|error| jvdb_open(null(), null(), null_mut(), error));
        answer(|error| jvdb_open_memory(null(), null_mut(), error));
        answer(|error| jvdb_create(null_mut(), null(), 1, 0, null_mut(), error));
        answer(|error| jvdb_create_with(null_mut(), null(), 1, 0, null(), 1, null_mut(), error));
        answer(|error| jvdb_log(1, null(), error));
        answer(|error| jvdb_database_open(null_mut(), null(), null_mut(), error));
        answer(|error| jvdb_list(null(), null_mut(), error));
        answer(|error| jvdb_drop(null_mut(), null(), error));
        answer(|error| jvdb_exists(null(), null(), error));
        answer(|error| jvdb_put(null_mut(), key, null(), 0, null(), 0, error));
        answer(|error| jvdb_get_into(null(), key, null_mut(), 0, null_mut(), 0, null_mut(), error));
        answer(|error| jvdb_get(null(), key, null_mut(), error));
        answer(|error| jvdb_put_batch(null_mut(), null(), error));
        answer(|error| jvdb_cursor_open(null(), 0, null_mut(), error));
        answer(|error| jvdb_cursor_next_key(null_mut(), null_mut(), error));
        answer(|error| jvdb_cursor_position(null(), null_mut(), error));
        answer(|error| jvdb_visit(null(), 0, None, null_mut(), null_mut(), error));
        answer(|error| jvdb_advise(null_mut(), 0, error));
        answer(|error| jvdb_attribute_set(null_mut(), null(), null(), 0, error));
        answer(|error| jvdb_attribute_get(null(), null(), null_mut(), 0, null_mut(), error));
        answer(|error| jvdb_attribute_remove(null_mut(), null(), error));
        answer(|error| jvdb_storage_stats(null(), null_mut(), error));
        answer(|error| jvdb_database_stats(null(), null_mut(), error));
        jvdb_cursor_close(null_mut());
        jvdb_database_release(null_mut());
        jvdb_vector_release(null_mut());
        jvdb_names_free(null_mut());
        jvdb_error_free(null_mut());
    }
}
