//! What a call costs through C, beside the same call in Rust: `cargo bench -p jvdb-ffi`. Both take turns, many times over;
//! of each the median of the rounds counts. The calls go through pointers that the compiler cannot see through, as those
//! of a C program do. The last line is the verdict; the exit code is that of the measuring alone.

use jvdb::database::{Database, jvdb_contains, jvdb_database_release, jvdb_get_into, jvdb_put};
use jvdb::key::Key;
use jvdb::options::Options;
use jvdb::storage::{Storage, jvdb_close, jvdb_create, jvdb_open, jvdb_open_memory};
use jvdb::vector::{Vector, jvdb_get, jvdb_vector_release};
use jvdb_core::{self as core, Metric, Schema};
use std::ffi::{CString, c_void};
use std::hint::black_box;
use std::ptr::{null, null_mut};
use std::time::Instant;

const DIMENSION: usize = 384;
const VECTORS: u64 = 1000;
const ROUNDS: usize = 201;
/// Nanoseconds that a call may cost more.
const GOAL: f64 = 10.0;

type Error = *mut *mut jvdb::error::Error;
type Put = unsafe extern "C" fn(*mut Database, Key, *const f32, usize, *const c_void, usize, Error) -> i32;
type Get = unsafe extern "C" fn(*const Database, Key, *mut f32, usize, *mut c_void, usize, *mut usize, Error) -> i32;

/// Nanoseconds of one call, of the median round of each of two ways.
fn compare(calls: u64, mut rust: impl FnMut(u64), mut c: impl FnMut(u64)) -> (f64, f64) {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // Whoever comes second finds the caches warm, so each does half of the time.
        for way in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let begun = Instant::now();
            match way {
                0 => (0..calls).for_each(&mut rust),
                _ => (0..calls).for_each(&mut c),
            }
            times[way].push(begun.elapsed().as_nanos() as f64 / calls as f64);
        }
    }
    let [rust, c] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    (rust, c)
}

/// Mixes ids up, so that neither way reads in order.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % VECTORS
}

fn main() {
    let scratch = tempfile::tempdir().expect("a directory");
    let [for_rust, for_c] = ["rust", "c"].map(|name| scratch.path().join(name));
    let vector: Vec<f32> = (0..DIMENSION).map(|number| number as f32).collect();
    let options = jvdb_core::Options::default().flush_interval(std::time::Duration::ZERO);
    let directory = core::Storage::open(for_rust, options).expect("a directory");
    let rust = directory.create("a", Schema::new(DIMENSION, Metric::Cosine).expect("a schema")).expect("a database");
    let (mut storage, mut c): (*mut Storage, *mut Database) = (null_mut(), null_mut());
    // SAFETY: integers, of which zero is a value.
    let mut options: Options = unsafe { std::mem::zeroed() };
    (options.struct_size, options.flush_interval_ms) = (size_of::<Options>(), -1);
    let path = CString::new(for_c.to_str().expect("a path in UTF-8")).expect("no NUL");
    // SAFETY: pointers are NULL or valid.
    unsafe {
        assert_eq!(jvdb_open(path.as_ptr(), &options, &mut storage, null_mut()), 0);
        assert_eq!(jvdb_create(storage, c"a".as_ptr(), DIMENSION as u32, 0, &mut c, null_mut()), 0);
    }
    let key = |number| Key { bytes: null(), number };
    let held = c.cast_const();
    let put = black_box(jvdb_put as Put);
    let get = black_box(jvdb_get_into as Get);
    let contains = black_box(jvdb_contains as unsafe extern "C" fn(_, _, _) -> _);
    let pinned = black_box(jvdb_get as unsafe extern "C" fn(_, _, _, _) -> _);
    let release = black_box(jvdb_vector_release as unsafe extern "C" fn(_));
    for id in 0..VECTORS {
        rust.put(id, &vector, b"").expect("put");
        // SAFETY: pointers are NULL or valid; so in every call below.
        assert_eq!(unsafe { put(c, key(id), vector.as_ptr(), DIMENSION, null(), 0, null_mut()) }, 0);
    }
    rust.flush().expect("flush");
    // SAFETY: as above.
    assert_eq!(unsafe { jvdb::database::jvdb_flush(c, null_mut(), null_mut()) }, 0);

    let (mut to_rust, mut to_c) = (vec![0.0_f32; DIMENSION], vec![0.0_f32; DIMENSION]);
    let mut rows = Vec::new();
    rows.push((
        "get, copied",
        compare(
            1000,
            |number| {
                let copied = rust.read(scattered(number), |from, _| to_rust.copy_from_slice(from));
                assert!(copied.is_ok_and(|found| found.is_some()));
            },
            |number| {
                // SAFETY: as above.
                let status = unsafe {
                    get(
                        held,
                        key(scattered(number)),
                        to_c.as_mut_ptr(),
                        DIMENSION,
                        null_mut(),
                        0,
                        null_mut(),
                        null_mut(),
                    )
                };
                assert_eq!(status, 0);
            },
        ),
    ));
    rows.push((
        "get, pinned",
        compare(
            1000,
            |number| {
                let found = rust.get(scattered(number)).expect("get").expect("there");
                black_box(found.vector().as_ptr());
            },
            |number| {
                let mut vector = std::mem::MaybeUninit::<Vector>::uninit();
                // SAFETY: as above; the vector is written before it is released.
                let status = unsafe { pinned(held, key(scattered(number)), vector.as_mut_ptr(), null_mut()) };
                assert_eq!(status, 0);
                // SAFETY: as above.
                unsafe { release(vector.as_mut_ptr()) };
            },
        ),
    ));
    rows.push((
        "contains",
        compare(
            1000,
            |number| assert!(rust.contains(scattered(number)).is_ok_and(|there| there)),
            // SAFETY: as above.
            |number| assert_eq!(unsafe { contains(held, key(scattered(number)), null_mut()) }, 0),
        ),
    ));
    // In memory: a system call takes longer than what is to be measured.
    let memory = core::Storage::in_memory(directory.options().clone()).expect("memory");
    let to_rust = memory.create("a", rust.schema()).expect("a database");
    let (mut memory, mut to_c): (*mut Storage, *mut Database) = (null_mut(), null_mut());
    // SAFETY: as above.
    unsafe {
        assert_eq!(jvdb_open_memory(&options, &mut memory, null_mut()), 0);
        assert_eq!(jvdb_create(memory, c"a".as_ptr(), DIMENSION as u32, 0, &mut to_c, null_mut()), 0);
    }
    rows.push((
        "put",
        compare(
            100,
            |number| assert!(to_rust.put(scattered(number), &vector, b"").is_ok()),
            |number| {
                // SAFETY: as above.
                let status =
                    unsafe { put(to_c, key(scattered(number)), vector.as_ptr(), DIMENSION, null(), 0, null_mut()) };
                assert_eq!(status, 0);
            },
        ),
    ));
    // SAFETY: each is given back once.
    unsafe {
        jvdb_database_release(to_c);
        assert_eq!(jvdb_close(memory, null_mut()), 0);
        jvdb_database_release(c);
        assert_eq!(jvdb_close(storage, null_mut()), 0);
    }

    println!("{DIMENSION} floats   Rust, ns    C, ns   more, ns");
    for (name, (rust, c)) in &rows {
        println!("{name:<12} {rust:>9.1} {c:>8.1} {:>10.1}", c - rust);
    }
    let met = rows.iter().all(|(_, (rust, c))| c - rust <= GOAL);
    println!("goal, at most {GOAL} ns more: {}", if met { "met" } else { "missed" });
}
