//! Export and import are inverse: whatever a directory holds, a directory made from its export holds the same bits.

use crate::shell::{Content, Shell, content};
use jvdb_core::{KeyBuf, Metric, Operation, Options, Schema, Storage};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn the_sample_databases_survive_export_and_import_bit_by_bit() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/databases.json");
    let (first, second) = (Shell::new(), Shell::new());
    first.ok("import", &["--input", sample]);
    let exported = first.text("out.json");
    first.ok("export", &["--output", &exported]);
    second.ok("import", &["--input", &exported]);

    let found = first.content();
    assert_eq!(second.content(), found);
    assert_eq!(std::fs::read_to_string(exported).expect("the export"), second.export());
    // The sample itself, read by other means.
    let text = std::fs::read(sample).expect("the sample");
    let sample: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let databases = sample["databases"].as_array().expect("an array");
    assert_eq!(found.len(), databases.len());
    for database in databases {
        let content = &found[database["name"].as_str().expect("a name")];
        let vectors = database["vectors"].as_array().expect("an array");
        assert_eq!(content.vectors.len(), vectors.len());
        for ((key, bits, metadata), vector) in content.vectors.iter().zip(vectors) {
            assert_eq!(*key, KeyBuf::Int(vector["id"].as_u64().expect("an id")));
            let data = vector["data"].as_array().expect("an array").iter();
            let expected: Vec<_> = data.map(|it| (it.as_f64().expect("a number") as f32).to_bits()).collect();
            assert_eq!(*bits, expected);
            let metadata: serde_json::Value = serde_json::from_slice(metadata).expect("JSON");
            assert_eq!(metadata, vector["metadata"]);
        }
    }
}

pub fn bits() -> impl Strategy<Value = u32> {
    let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN, f32::MIN_POSITIVE, f32::MAX];
    prop_oneof![
        8 => any::<u32>(),
        2 => proptest::sample::select(special.map(f32::to_bits).to_vec()),
        1 => 0..0x0080_0000_u32,
    ]
}

pub fn key() -> impl Strategy<Value = KeyBuf> {
    prop_oneof![
        any::<u64>().prop_map(KeyBuf::Int),
        ".{1,20}".prop_map(|text| KeyBuf::Bytes(text.into_bytes().into())),
        vec(any::<u8>(), 1..=512).prop_map(|bytes| KeyBuf::Bytes(bytes.into())),
    ]
}

pub fn metadata() -> impl Strategy<Value = Vec<u8>> {
    let json = r#"(\{"a" ?: ?(1\.0|"x\\n"|null|\[ ?\])\}|-0|"ä"| \{\}|\{"\$base64":"AA=="\})"#;
    prop_oneof![vec(any::<u8>(), 0..100), json.prop_map(String::into_bytes), ".{0,20}".prop_map(String::into_bytes)]
}

fn database() -> impl Strategy<Value = Content> {
    let metric = proptest::sample::select(vec![Metric::Cosine, Metric::Euclidean, Metric::DotProduct]);
    (1..9_usize, metric).prop_flat_map(|(dimension, metric)| {
        let schema = Schema::new(dimension, metric).expect("a schema");
        let attributes = btree_map(vec(any::<u8>(), 1..20), metadata(), 0..3);
        let vectors = btree_map(key(), (vec(bits(), dimension), metadata()), 0..20);
        (attributes, vectors).prop_map(move |(attributes, vectors)| {
            let vectors = vectors.into_iter().map(|(key, (bits, metadata))| (key, bits, metadata)).collect();
            Content { schema, attributes, vectors }
        })
    })
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_. \"äß€-]{1,20}".prop_filter("it stands for a directory", |name| name != "." && name != "..")
}

pub fn store(storage: &Path, databases: &BTreeMap<String, Content>) -> jvdb_core::Result<()> {
    let directory = Storage::open(storage, Options::default())?;
    for (name, content) in databases {
        let database = directory.create(name, content.schema)?;
        for (name, value) in &content.attributes {
            database.set_attribute(name, value)?;
        }
        for (key, bits, metadata) in &content.vectors {
            let vector: Vec<_> = bits.iter().copied().map(f32::from_bits).collect();
            database.write([Operation::Put { key: key.as_key(), vector: &vector, metadata }])?;
        }
    }
    directory.close()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_databases_survive_export_and_import_bit_by_bit(
        databases in btree_map(name(), database(), 0..4),
    ) {
        let (first, second) = (Shell::new(), Shell::new());
        store(&first.path("store"), &databases).expect("stored");
        let exported = first.export();
        second.import(&exported, &["--batch", "7"]).success();
        prop_assert_eq!(content(&second.path("store")), databases);
        prop_assert_eq!(second.export(), exported);
    }
}
