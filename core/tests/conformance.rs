//! One suite for all media: the same operations give the same answers and, with the same seed, the same bytes.

use jvdb_core::medium::{FolderVolume, MemoryVolume, NativeVolume, Volume};
use jvdb_core::{Access, Advice, Error, Key, Layout, Metric, Operation, Options, Position, Schema, Storage, Written};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::time::Duration;

/// The directory under test, and how to get at its bytes.
struct Bench {
    name: &'static str,
    volume: Arc<dyn Volume>,
    memory: Option<Arc<MemoryVolume>>,
    /// Kept for as long as it is used.
    _dir: Option<tempfile::TempDir>,
}

fn benches() -> Vec<Bench> {
    let native = |name, access| {
        let dir = tempfile::tempdir().unwrap();
        let volume = Arc::new(NativeVolume::open(dir.path(), access, false).unwrap());
        Bench { name, volume, memory: None, _dir: Some(dir) }
    };
    let dir = tempfile::tempdir().unwrap();
    let volume = Arc::new(FolderVolume::new(NativeVolume::open(dir.path(), Access::Mmap, false).unwrap()));
    let folders = Bench { name: "folders", volume, memory: None, _dir: Some(dir) };
    let memory = Arc::new(MemoryVolume::default());
    vec![
        native("mmap", Access::Mmap),
        native("file", Access::File),
        folders,
        Bench { name: "memory", volume: Arc::clone(&memory) as Arc<dyn Volume>, memory: Some(memory), _dir: None },
    ]
}

impl Bench {
    fn open(&self, options: Options) -> Storage {
        let options = options.seed(42).flush_interval(Duration::ZERO);
        Storage::on(Arc::clone(&self.volume), options).unwrap()
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        match &self.memory {
            Some(memory) => memory.bytes(file).unwrap(),
            None => std::fs::read(self.volume.path_of(file)).unwrap(),
        }
    }
}

fn on_all_media(test: impl Fn(&Bench)) {
    for bench in benches() {
        println!("medium {}", bench.name);
        test(&bench);
    }
}

fn schema(dimension: usize) -> Schema {
    Schema::new(dimension, Metric::Euclidean).unwrap()
}

fn vector(seed: u64, dimension: usize) -> Vec<f32> {
    (0..dimension).map(|i| (seed * 31 + i as u64) as f32 * 0.25 - 7.0).collect()
}

#[test]
fn every_operation_answers_the_same_on_every_medium() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(5)).unwrap();
        assert!(matches!(storage.create("d", schema(5)), Err(Error::AlreadyExists { .. })));
        assert_eq!(db.schema(), schema(5));

        assert!(db.put(1, &vector(1, 5), b"one").unwrap());
        assert!(!db.put(1, &vector(11, 5), b"uno").unwrap());
        db.insert("two", &vector(2, 5), b"").unwrap();
        assert!(matches!(db.insert("two", &vector(2, 5), b""), Err(Error::KeyExists { .. })));
        db.replace("two", &vector(22, 5), b"zwei").unwrap();
        assert!(matches!(db.replace(3, &vector(2, 5), b""), Err(Error::KeyNotFound { .. })));
        let long = [7; 512];
        db.put(&long[..], &vector(4, 5), &[0; 1000]).unwrap();

        for flushed in [false, true] {
            if flushed {
                db.flush().unwrap();
            }
            let one = db.get(1).unwrap().unwrap();
            assert_eq!((one.vector(), one.metadata(), one.key()), (&vector(11, 5)[..], &b"uno"[..], Key::Int(1)));
            assert_eq!(one.vector().as_ptr() as usize % 64, 0, "vectors are aligned");
            let mut buffer = vec![0.0; 5];
            let mut metadata = b"old".to_vec();
            assert!(db.get_into("two", &mut buffer, &mut metadata).unwrap());
            assert_eq!((buffer.clone(), &metadata[..]), (vector(22, 5), &b"zwei"[..]));
            assert!(!db.get_into(9, &mut buffer, &mut metadata).unwrap());
            assert_eq!(metadata, b"zwei", "a miss touches nothing");
            assert!(db.contains(&long[..]).unwrap() && !db.contains(2).unwrap() && !db.contains("1").unwrap());
            assert_eq!(db.get(&long[..]).unwrap().unwrap().key(), Key::Bytes(&long));
            assert_eq!(db.count(), 3);
        }

        assert!(db.delete(1).unwrap());
        assert!(!db.delete(1).unwrap());
        assert_eq!((db.count(), db.get(1).unwrap().is_none()), (2, true));

        db.set_attribute(b"index", b"hnsw").unwrap();
        db.set_attribute(b"b", &[]).unwrap();
        db.flush().unwrap();
        db.set_attribute(b"index", b"flat").unwrap();
        assert_eq!(db.attribute(b"index").unwrap().unwrap(), b"flat");
        assert_eq!(db.attributes().unwrap(), [b"b".to_vec(), b"index".to_vec()]);
        assert!(db.remove_attribute(b"b").unwrap() && !db.remove_attribute(b"b").unwrap());
        assert_eq!(db.attributes().unwrap(), [b"index".to_vec()]);
        assert!(db.get("index").unwrap().is_none(), "an attribute is no vector");
        assert_eq!(db.verify().unwrap().damage, []);

        storage.drop_database("d").unwrap();
        assert!(matches!(db.put(1, &vector(1, 5), b""), Err(Error::Dropped { .. })));
        assert!(matches!(db.get(1), Err(Error::Dropped { .. })));
        assert!(matches!(storage.database("d"), Err(Error::NotFound { .. })));
        assert_eq!(storage.list().unwrap(), Vec::<String>::new());
    });
}

#[test]
fn batches_are_all_or_nothing() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(300)).unwrap();
        let vectors: Vec<_> = (0..1000).map(|i| vector(i, 300)).collect();
        let put = |i: usize| Operation::Put { key: Key::Int(i as u64), vector: &vectors[i], metadata: b"m" };
        let written = db.write((0..1000).map(put)).unwrap();
        assert_eq!(written, Written { inserted: 1000, ..Written::default() });

        // One wrong element in the middle of a batch that is written in several pieces.
        let wrong = (0..999).map(|i| match i {
            700 => Operation::Put { key: Key::Int(5000), vector: &vectors[0][1..], metadata: b"" },
            _ => Operation::Delete { key: Key::Int(i) },
        });
        assert!(matches!(db.write(wrong), Err(Error::DimensionMismatch { .. })));
        let replacing = (0..1000).map(|i| match i {
            999 => Operation::Put { key: Key::Int(5000), vector: &vectors[0][1..], metadata: b"" },
            _ => Operation::Put { key: Key::Int(i), vector: &vectors[0], metadata: b"" },
        });
        assert!(db.write(replacing).is_err());
        assert_eq!(db.count(), 1000);
        for (id, vector) in (0..).zip(&vectors) {
            assert_eq!(db.get(id).unwrap().unwrap().vector(), vector);
        }

        // Several operations on one name within a batch take effect in order.
        let operations = [
            put(7),
            Operation::Delete { key: Key::Int(7) },
            Operation::Delete { key: Key::Int(7) },
            Operation::Put { key: Key::Bytes(b"x"), vector: &vectors[1], metadata: b"a" },
            Operation::Put { key: Key::Bytes(b"x"), vector: &vectors[2], metadata: b"b" },
            Operation::Delete { key: Key::Int(8) },
            Operation::Put { key: Key::Int(8), vector: &vectors[3], metadata: b"" },
            Operation::Delete { key: Key::Int(123_456) },
        ];
        assert_eq!(db.write(operations).unwrap(), Written { inserted: 2, replaced: 2, deleted: 2 });
        assert_eq!(db.count(), 1000);
        assert_eq!(db.write([]).unwrap(), Written::default());
        storage.close().unwrap();
        drop(db);

        let storage = bench.open(Options::default());
        let db = storage.database("d").unwrap();
        assert_eq!(db.count(), 1000);
        assert!(db.get(7).unwrap().is_none());
        assert_eq!(db.get("x").unwrap().unwrap().vector(), vectors[2]);
        assert_eq!(db.get(8).unwrap().unwrap().vector(), vectors[3]);
        assert_eq!(db.verify().unwrap().damage, []);
    });
}

#[test]
fn pinned_vectors_stay_what_they_are() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default().max_open_files(5));
        let db = storage.create("d", schema(16)).unwrap();
        db.put(1, &vector(1, 16), b"first").unwrap();
        let held = db.get(1).unwrap().unwrap();
        db.put(1, &vector(2, 16), b"second").unwrap();
        for i in 2..20_000_u64 {
            db.put(i, &vector(i, 16), b"").unwrap();
        }
        db.delete(1).unwrap();
        db.flush().unwrap();
        drop(db);
        for i in 0..10 {
            storage.create(&format!("other{i}"), schema(1)).unwrap();
        }
        storage.drop_database("d").unwrap();
        drop(storage);
        assert_eq!((held.vector(), held.metadata()), (&vector(1, 16)[..], &b"first"[..]));
    });
}

#[test]
fn advice_changes_nothing_that_is_read() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(4)).unwrap();
        for i in 0..500_u64 {
            db.put(i, &vector(i, 4), b"m").unwrap();
        }
        let held = db.get(7).unwrap().unwrap();
        for advice in [Advice::Sequential, Advice::DontNeed, Advice::WillNeed, Advice::Random, Advice::DontNeed] {
            db.advise(advice).unwrap();
            for i in 0..500 {
                assert_eq!(db.get(i).unwrap().unwrap().vector(), vector(i, 4));
            }
            assert_eq!(db.scan(Position::START).count(), 500);
            db.flush().unwrap();
        }
        assert_eq!(held.vector(), vector(7, 4));
        storage.drop_database("d").unwrap();
        assert!(matches!(db.advise(Advice::WillNeed), Err(Error::Dropped { .. })));
    });
}

#[test]
fn a_visit_shows_what_a_scan_gives() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(4)).unwrap();
        for i in 0..3000_u64 {
            db.put(i, &vector(i, 4), &i.to_le_bytes()[..(i % 9) as usize]).unwrap();
        }
        db.put("a key that no header has room for", &vector(1, 4), b"long").unwrap();
        (0..3000_u64).step_by(5).for_each(|i| assert!(db.delete(i).unwrap()));
        let scanned = db.scan(Position::START).map(|found| {
            let found = found.unwrap();
            (found.key().to_owned(), found.vector().to_vec(), found.metadata().to_vec())
        });
        let scanned: Vec<_> = scanned.collect();
        assert_eq!(scanned.len(), 2401);
        let mut visited = Vec::new();
        // In pieces, each from where the one before broke off.
        let mut position = Position::START;
        while visited.len() < scanned.len() {
            let mut left = 700;
            let visit = db.visit(position, |key, vector, metadata| {
                visited.push((key.to_owned(), vector.to_vec(), metadata.to_vec()));
                left -= 1;
                if left == 0 { Break(()) } else { Continue(()) }
            });
            position = visit.unwrap();
        }
        assert_eq!(visited, scanned);
        assert_eq!(db.visit(position, |_, _, _| panic!("there is no more")).unwrap(), position);
        let between = db.visit(Position::from_u64(129), |_, _, _| Continue(()));
        assert!(matches!(between, Err(Error::InvalidArgument { .. })), "no position points between records");
    });
}

#[test]
fn cursors_survive_writes() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(4)).unwrap();
        for i in 0..100_u64 {
            db.put(i, &vector(i, 4), b"").unwrap();
        }
        let mut scan = db.scan(Position::START);
        let first: Vec<_> = scan.by_ref().take(40).map(|v| v.unwrap().key().to_owned()).collect();
        let position = Position::from_u64(scan.position().to_u64());
        db.delete(50).unwrap();
        db.put(100, &vector(100, 4), b"").unwrap();
        db.flush().unwrap();
        let rest: Vec<_> = db.scan(position).map(|v| v.unwrap().key().to_owned()).collect();
        let expected: Vec<_> = (0..=100).filter(|i| *i != 50).map(|i| Key::Int(i).to_owned()).collect();
        assert_eq!([first, rest].concat(), expected);
        assert_eq!(db.keys(position).count(), 60);
        let between = db.scan(Position::from_u64(129)).next().unwrap();
        assert!(matches!(between, Err(Error::InvalidArgument { .. })), "no position points between records");
    });
}

#[test]
fn the_same_operations_write_the_same_bytes() {
    let mut images: Vec<(&str, Vec<u8>)> = Vec::new();
    for bench in benches() {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(24)).unwrap();
        for i in 0..3000_u64 {
            db.put(i % 1700, &vector(i, 24), &i.to_le_bytes()).unwrap();
            if i % 5 == 0 {
                db.delete(i / 2).unwrap();
            }
            if i % 700 == 699 {
                db.flush().unwrap();
            }
        }
        assert!(db.write([Operation::Put { key: Key::Int(1), vector: &[], metadata: b"" }]).is_err());
        db.set_attribute(b"a", b"value").unwrap();
        drop(db);
        storage.close().unwrap();
        let storage = bench.open(Options::default());
        storage.database("d").unwrap().put("again", &vector(0, 24), b"").unwrap();
        storage.close().unwrap();
        images.push((bench.name, bench.bytes("d.jvdb")));
    }
    for (name, image) in &images[1..] {
        assert!(*image == images[0].1, "{name} differs from {}", images[0].0);
    }
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        for name in ["", ".", "..", "a/b", "nul\0", &"x".repeat(300)] {
            assert!(matches!(storage.create(name, schema(2)), Err(Error::InvalidName { .. })), "{name:?}");
            assert!(matches!(storage.database(name), Err(Error::InvalidName { .. })), "{name:?}");
        }
        assert!(Schema::new(0, Metric::Cosine).is_err() && Schema::new(65_537, Metric::Cosine).is_err());
        let db = storage.create("d", Schema::new(65_536, Metric::DotProduct).unwrap()).unwrap();
        db.put(1, &vec![1.5; 65_536], b"").unwrap();
        for wrong in [0, 1, 65_535, 65_537] {
            assert!(matches!(db.put(2, &vec![0.0; wrong], b""), Err(Error::DimensionMismatch { .. })));
        }
        let fine = vec![f32::NAN; 65_536];
        assert!(matches!(db.put("", &fine, b""), Err(Error::InvalidArgument { .. })));
        assert!(matches!(db.put(&[0; 513][..], &fine, b""), Err(Error::InvalidArgument { .. })));
        assert!(matches!(db.put(2, &fine, &vec![0; (16 << 20) + 1]), Err(Error::InvalidArgument { .. })));
        assert!(matches!(db.set_attribute(b"", b""), Err(Error::InvalidArgument { .. })));
        assert!(matches!(db.get_into(1, &mut [0.0; 3], &mut Vec::new()), Err(Error::DimensionMismatch { .. })));
        assert_eq!(db.count(), 1);
        db.put(2, &fine, &vec![7; 16 << 20]).unwrap();
        let back = db.get(2).unwrap().unwrap();
        assert!(back.vector().iter().all(|x| x.to_bits() == f32::NAN.to_bits()), "NaN is stored as given");
        assert_eq!(back.metadata().len(), 16 << 20);
        assert_eq!(db.verify().unwrap().damage, []);
    });
}

#[test]
fn compaction_keeps_what_lives_and_gives_back_the_rest() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(16)).unwrap();
        for round in 0..5_u64 {
            for id in 0..2000_u64 {
                db.put(id, &vector(id + round, 16), &round.to_le_bytes()).unwrap();
            }
        }
        for id in (0..2000_u64).step_by(2) {
            db.delete(id).unwrap();
        }
        db.set_attribute(b"index", b"hnsw").unwrap();
        let held = db.get(1).unwrap().unwrap();
        let mut scan = db.scan(Position::START);
        let first: Vec<_> = scan.by_ref().take(300).map(|v| v.unwrap().key().to_owned()).collect();
        let before = db.stats().file_bytes;

        let gained = db.compact().unwrap();
        let after = db.stats();
        assert!(gained > before / 2 && after.file_bytes < before / 5, "{before} {gained} {after:?}");
        assert_eq!((after.dead_bytes, db.count()), (0, 1000));
        assert_eq!(db.verify().unwrap().damage, []);
        assert_eq!(held.vector(), vector(5, 16));

        // The scan under way misses nothing, and neither does one from its position.
        let position = Position::from_u64(scan.position().to_u64());
        for rest in [scan, db.scan(position)] {
            let mut seen: Vec<_> = rest.map(|v| v.unwrap().key().to_owned()).collect();
            seen.extend(first.iter().cloned());
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 1000);
        }
        db.put(0, &vector(7, 16), b"new").unwrap();
        db.delete(1).unwrap();
        db.compact().unwrap();
        for reopened in [false, true] {
            if reopened {
                storage.flush().unwrap();
            }
            assert_eq!(db.get(3).unwrap().unwrap().vector(), vector(7, 16));
            assert!(db.get(1).unwrap().is_none() && db.get(2).unwrap().is_none());
            assert_eq!(db.get(0).unwrap().unwrap().metadata(), b"new");
            assert_eq!(db.attribute(b"index").unwrap().unwrap(), b"hnsw");
            assert_eq!(db.verify().unwrap().damage, []);
        }
        drop(db);
        storage.close().unwrap();
        let storage = bench.open(Options::default());
        let db = storage.database("d").unwrap();
        assert_eq!((db.count(), db.verify().unwrap().damage), (1000, vec![]));
    });
}

#[test]
fn writers_go_on_while_a_database_is_compacted() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(8)).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for i in 0..6000_u64 {
                    db.put(i % 500, &vector(i, 8), b"m").unwrap();
                    if i % 7 == 0 {
                        db.delete((i + 3) % 500).unwrap();
                    }
                }
            });
            while !writer.is_finished() {
                db.compact().unwrap();
            }
        });
        let mut expected = std::collections::BTreeMap::new();
        for i in 0..6000_u64 {
            expected.insert(i % 500, i);
            if i % 7 == 0 {
                expected.remove(&((i + 3) % 500));
            }
        }
        assert_eq!(db.count(), expected.len() as u64);
        for (id, i) in &expected {
            assert_eq!(db.get(*id).unwrap().unwrap().vector(), vector(*i, 8));
        }
        db.compact().unwrap();
        assert_eq!(db.verify().unwrap().damage, []);
    });
}

#[test]
fn folders_come_and_go_with_their_databases_and_keep_what_is_not_the_engines() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::default().layout(Layout::Folders);
    let storage = Storage::open(dir.path(), options.clone()).unwrap();
    for name in ["plain", "with space", "kept"] {
        storage.create(name, schema(2)).unwrap().put(1, &[1.0, 2.0], b"m").unwrap();
    }
    let (plain, space, kept) = (dir.path().join("plain"), dir.path().join("with%20space"), dir.path().join("kept"));
    assert!(plain.join("vectors.jvdb").is_file() && space.join("vectors.jvdb").is_file());
    std::fs::write(kept.join("mine"), b"x").unwrap();
    std::fs::write(dir.path().join("beside"), b"x").unwrap();
    storage.flush().unwrap();
    storage.close().unwrap();

    std::fs::write(plain.join("vectors.jvdb.tmp"), b"left by a crash").unwrap();
    let storage = Storage::open(dir.path(), options).unwrap();
    assert!(!plain.join("vectors.jvdb.tmp").exists());
    assert_eq!(storage.list().unwrap(), ["kept", "plain", "with space"]);
    assert_eq!(storage.database("with space").unwrap().get(1).unwrap().unwrap().vector(), [1.0, 2.0]);
    for name in ["kept", "plain"] {
        storage.drop_database(name).unwrap();
    }
    assert!(!plain.exists());
    assert!(kept.join("mine").exists() && !kept.join("vectors.jvdb").exists());
    assert_eq!(storage.list().unwrap(), ["with space"]);
    std::fs::write(space.join("vectors.jvdb"), b"foreign").unwrap();
    storage.close().unwrap();
    let storage = Storage::open(dir.path(), Options::default().layout(Layout::Folders)).unwrap();
    let error = storage.database("with space").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("with%20space/vectors.jvdb"), "{error}");
}

#[test]
fn a_change_from_within_a_read_is_an_error() {
    on_all_media(|bench| {
        let storage = bench.open(Options::default());
        let db = storage.create("d", schema(4)).unwrap();
        db.put(1, &vector(1, 4), b"").unwrap();
        let refused = |result: Result<(), Error>| {
            assert!(matches!(result, Err(Error::InvalidArgument { what: "call", .. })), "{result:?}");
        };
        let attempt = || {
            assert_eq!(db.get(1).unwrap().unwrap().vector(), vector(1, 4));
            refused(db.put(2, &vector(2, 4), b"").map(drop));
            refused(db.write([Operation::Delete { key: Key::Int(1) }]).map(drop));
            refused(db.set_attribute(b"a", b"b"));
            refused(db.flush().map(drop));
            refused(db.compact().map(drop));
            refused(storage.drop_database("d"));
            refused(storage.flush().map(drop));
            refused(db.backup_to(&MemoryVolume::default(), "copy.jvdb").map(drop));
        };
        db.read(1, |_, _| attempt()).unwrap().unwrap();
        db.read_many([1, 1], |_, _| attempt()).unwrap();
        db.visit(Position::START, |_, _, _| {
            attempt();
            Continue(())
        })
        .unwrap();
        // Nothing was left behind, and nothing holds it up.
        assert!(db.put(2, &vector(2, 4), b"").unwrap());
        db.flush().unwrap();
        drop(db);
        storage.close().unwrap();
        // Closing, too, although there is nothing to write.
        let storage = bench.open(Options::default());
        let db = storage.database("d").unwrap();
        db.read(1, |_, _| refused(storage.close())).unwrap().unwrap();
        assert!(db.put(3, &vector(3, 4), b"").unwrap());
    });
}
