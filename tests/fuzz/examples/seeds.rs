//! Writes what fuzzing begins with, into the directory given: `cargo run -p jvdb-fuzz --example seeds -- tests/fuzz/corpus`.
//! To be run again when the format of files changes.

use jvdb_core::medium::MemoryVolume;
use jvdb_core::{Database, Metric, Options, Result, Schema, Storage};
use std::path::Path;
use std::sync::Arc;
use std::{env, fs, io};

/// Where the superblocks and the log are.
const PARTS: [(usize, usize); 2] = [(0, 512), (4096, 4608)];
const LOG: usize = 8192;

type Work = fn(&Database) -> Result<()>;

/// What is done to a database before its file becomes a seed.
const WORKS: [(&str, usize, Work); 6] = [
    ("empty", 3, |_| Ok(())),
    ("unflushed", 3, |database| fill(database, 4)),
    ("flushed", 4, |database| {
        fill(database, 3)?;
        database.flush().map(drop)
    }),
    ("replayed", 2, |database| {
        fill(database, 3)?;
        database.flush()?;
        database.delete(1)?;
        database.remove_attribute(b"name")?;
        database.put(0, &[5.0; 2], b"again").map(drop)
    }),
    ("grown", 1, |database| {
        fill(database, 20)?;
        database.flush()?;
        fill(database, 30)?;
        database.flush().map(drop)
    }),
    ("compacted", 1, |database| {
        fill(database, 8)?;
        database.delete(1)?;
        database.compact()?;
        fill(database, 2)
    }),
];

fn fill(database: &Database, count: u64) -> Result<()> {
    let vector = vec![0.5; database.schema().dimension()];
    for id in 0..count {
        database.put(id, &vector, b"metadata")?;
        database.put(&*format!("a key too long for a header {id}"), &vector, b"")?;
    }
    database.set_attribute(b"name", b"value")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let corpus = env::args().nth(1).ok_or("name the directory to write to")?;
    let write = |target: &str, name: &str, bytes: &[u8]| -> io::Result<()> {
        let directory = Path::new(&corpus).join(target);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(format!("seed-{name}")), bytes)
    };
    for (name, dimension, work) in WORKS {
        let volume = Arc::new(MemoryVolume::default());
        let storage = Storage::on(Arc::clone(&volume) as _, Options::default().seed(1))?;
        let database = storage.create("d", Schema::new(dimension, Metric::Cosine)?)?;
        work(&database)?;
        let image = volume.bytes("d.jvdb").ok_or("the file is gone")?;
        write("file", name, &image)?;
        let parts: Vec<&[u8]> = PARTS.iter().map(|(start, end)| &image[*start..*end]).collect();
        // Nothing is spared of sealing.
        write("sealed_file", name, &[&[0], &parts.concat()[..], &image[LOG..]].concat())?;
    }
    let mut random = 1_u64;
    for number in 0..8 {
        let mut bytes = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as u8
        };
        let noise: Vec<u8> = (0..400).map(|_| bytes()).collect();
        write("operations", &number.to_string(), &noise)?;
        write("c_calls", &number.to_string(), &noise)?;
    }
    for (number, document) in DOCUMENTS.iter().enumerate() {
        write("json", &number.to_string(), document.as_bytes())?;
    }
    Ok(())
}

const DOCUMENTS: [&str; 6] = [
    r#"{"databases":[{"name":"d","schema":{"dimension":2,"distance_metric":"cosine"},"vectors":[{"id":1,"data":[0.5,-1e-3],"metadata":{"a":[1,null,true]}},{"id":"text","data":[1,2]}]}]}"#,
    r#"[{"id":"x","values":[1.5,2],"metadata":"text"},{"id":{"hex":"00ff"},"values":[0,-0.0]}]"#,
    r#"{"databases":[{"name":"d","schema":{"dimension":1,"distance_metric":"dot_product"},"attributes":[{"name":"a","value":{"hex":"0102"}},{"name":{"hex":"00"},"value":"\ud83d\ude00"}],"vectors":[]}],"other":[{}]}"#,
    r#"{"databases":[{"name":"d","schema":{"dimension":3,"distance_metric":"euclidean"},"vectors":[{"id":18446744073709551615,"data":["NaN","Infinity",{"bits":"7fc00001"}],"metadata":{"base64":"AAEC"}}]}]}"#,
    "[]",
    r#"{"databases":[{"name":"a","schema":{"dimension":1},"vectors":[{"id":1,"data":[1]},{"id":1,"data":[2]}]},{"name":"a","schema":{"dimension":1},"vectors":[{"id":1,"data":[3,4]}]}]}"#,
];
