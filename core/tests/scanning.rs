//! Scans and visits beside writes and flushes: they give all there is, and hold nobody up.

use jvdb_core::{Error, Metric, Options, Position, Schema, Storage};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

fn options() -> Options {
    Options::default().flush_interval(Duration::ZERO).max_open_files(5)
}

fn schema() -> Schema {
    Schema::new(4, Metric::Cosine).unwrap()
}

#[test]
fn a_scan_beside_single_writes_gives_every_key_and_no_error() {
    const KEYS: u64 = 20;
    let storage = Storage::in_memory(options()).unwrap();
    let db = storage.create("d", schema()).unwrap();
    (0..KEYS).for_each(|id| assert!(db.put(id, &[0.0; 4], b"").unwrap()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..300_000 {
                db.put(round % KEYS, &[round as f32; 4], b"").unwrap();
                if round % 1000 == 0 {
                    // Else the log grows, and each scan with it.
                    db.compact().unwrap();
                }
            }
            stop.store(true, SeqCst);
        });
        while !stop.load(SeqCst) {
            let mut met = [false; KEYS as usize];
            let mut scan = db.scan(Position::START);
            let walked = scan.try_for_each(|found| {
                let found = found?;
                let jvdb_core::Key::Int(id) = found.key() else { panic!("{found:?}") };
                met[id as usize] = true;
                Ok(())
            });
            match walked {
                Ok(()) => assert_eq!(met, [true; KEYS as usize], "a scan has left a key out"),
                // It was passed by two compactions.
                Err(Error::InvalidArgument { what: "position", .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
}

#[test]
fn a_flush_waits_for_no_more_than_one_vector_of_a_visit() {
    let storage = Storage::in_memory(Options::default()).unwrap();
    let db = storage.create("d", Schema::new(2, Metric::Cosine).unwrap()).unwrap();
    (0..500_u64).for_each(|id| assert!(db.put(id, &[1.0, 2.0], b"").unwrap()));
    let (flushed, mut shown) = (AtomicBool::new(false), 0);
    std::thread::scope(|scope| {
        db.visit(Position::START, |_, _, _| {
            if shown == 0 {
                scope.spawn(|| {
                    db.flush().unwrap();
                    // A reader that comes while the flush waits waits for the flush.
                    assert!(db.contains(7).unwrap());
                    flushed.store(true, SeqCst);
                });
            }
            shown += 1;
            // The flush needs a few turns, each of which it gets between two vectors.
            std::thread::sleep(Duration::from_millis(5));
            if flushed.load(SeqCst) { Break(()) } else { Continue(()) }
        })
        .unwrap();
    });
    assert!(shown < 500, "the flush came to its end only with the visit");
}
