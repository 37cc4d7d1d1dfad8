//! Reads a JSON export, `{"databases":[{"name","schema":{"dimension","distance_metric"},"vectors":[{"id","data",
//! "metadata"}]}]}`, as a stream: what is held in memory is one batch, whatever the size of the file.

use crate::{Result, metric};
use jvdb_wasmtime::{Database, Entry, Error, ErrorKind, Key, Metric, Schema, Storage};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::io::Read;

/// Vectors of a batch, at most.
const BATCH: usize = 1_000;
/// Bytes of a batch at which it is stored early.
const BATCH_BYTES: usize = 8 << 20;

/// What was stored.
#[derive(Default)]
pub struct Imported {
    pub databases: u64,
    pub vectors: u64,
}

/// Stores every vector of the export, or those of one database. A failure leaves the batches before it stored.
pub fn import(storage: &Storage, from: impl Read, only: Option<&str>) -> Result<Imported> {
    let mut import = Import { storage, only, imported: Imported::default() };
    let mut json = serde_json::Deserializer::from_reader(from);
    json.deserialize_map(Export(&mut import))?;
    json.end()?;
    match only {
        Some(name) if import.imported.databases == 0 => Err(format!("no database {name:?} in it").into()),
        _ => Ok(import.imported),
    }
}

struct Import<'a> {
    storage: &'a Storage,
    only: Option<&'a str>,
    imported: Imported,
}

impl Import<'_> {
    /// The database of that name and shape, created if it is missing.
    fn database(&self, name: &str, schema: Schema) -> Result<Database> {
        match self.storage.create_database(name, schema) {
            Err(Error::Engine(error)) if matches!(error.kind, ErrorKind::AlreadyExists(_)) => {
                let database = self.storage.open_database(name)?;
                let dimension = database.schema()?.dimension;
                if dimension == schema.dimension {
                    return Ok(database);
                }
                Err(format!("database {name:?} has dimension {dimension}, the export {}", schema.dimension).into())
            }
            other => Ok(other?),
        }
    }
}

/// The whole file.
struct Export<'a, 'b>(&'a mut Import<'b>);

impl<'de> Visitor<'de> for Export<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of databases")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "databases" {
                found = true;
                map.next_value_seed(Databases(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::missing_field("databases")) }
    }
}

/// The list of databases.
struct Databases<'a, 'b>(&'a mut Import<'b>);

impl<'de> DeserializeSeed<'de> for Databases<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Databases<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of databases")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        while list.next_element_seed(OneDatabase(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// One database: its name and schema, then its vectors.
struct OneDatabase<'a, 'b>(&'a mut Import<'b>);

impl<'de> DeserializeSeed<'de> for OneDatabase<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneDatabase<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a database with name, schema and vectors, in this order")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let (mut name, mut schema) = (None::<String>, None::<Shape>);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => name = Some(map.next_value()?),
                "schema" => schema = Some(map.next_value()?),
                "vectors" => {
                    let (Some(name), Some(shape)) = (&name, &schema) else {
                        return Err(A::Error::custom("vectors stand before the name or the schema of their database"));
                    };
                    if self.0.only.is_some_and(|only| only != name) {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let schema = Schema { dimension: shape.dimension, metric: shape.distance_metric };
                    let database = self.0.database(name, schema).map_err(A::Error::custom)?;
                    self.0.imported.databases += 1;
                    self.0.imported.vectors += map.next_value_seed(Vectors(&database))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Shape {
    dimension: u32,
    #[serde(default = "cosine", deserialize_with = "metric_name")]
    distance_metric: Metric,
}

fn cosine() -> Metric {
    Metric::Cosine
}

fn metric_name<'de, D: Deserializer<'de>>(json: D) -> std::result::Result<Metric, D::Error> {
    metric(&String::deserialize(json)?).map_err(D::Error::custom)
}

/// The vectors of one database, stored in batches; gives how many there were.
struct Vectors<'a>(&'a Database);

impl<'de> DeserializeSeed<'de> for Vectors<'_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<u64, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Vectors<'_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of vectors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<u64, A::Error> {
        let mut batch = Vec::new();
        let (mut bytes, mut stored) = (0, 0);
        while let Some(row) = list.next_element::<Row>()? {
            let metadata =
                row.metadata.map_or_else(Vec::new, |raw| Box::<str>::from(raw).into_boxed_bytes().into_vec());
            bytes += size_of_val(&*row.data) + metadata.len();
            batch.push(Entry { key: row.id.0, vector: row.data, metadata });
            if batch.len() == BATCH || bytes >= BATCH_BYTES {
                self.0.put_batch(&batch).map_err(A::Error::custom)?;
                stored += batch.len() as u64;
                batch.clear();
                bytes = 0;
            }
        }
        if !batch.is_empty() {
            self.0.put_batch(&batch).map_err(A::Error::custom)?;
        }
        Ok(stored + batch.len() as u64)
    }
}

#[derive(Deserialize)]
struct Row {
    id: Id,
    data: Vec<f32>,
    metadata: Option<Box<RawValue>>,
}

/// A key: an integer, or a text that becomes bytes.
struct Id(Key);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        json.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id: a number of 0..=18446744073709551615, or a text")
    }

    fn visit_u64<E>(self, id: u64) -> std::result::Result<Id, E> {
        Ok(Id(id.into()))
    }

    fn visit_str<E>(self, id: &str) -> std::result::Result<Id, E> {
        Ok(Id(id.into()))
    }
}
