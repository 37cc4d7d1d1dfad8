//! The importer of the command line, `jvdb_cli`, over the component: how its calls are those of the interface.

use jvdb_cli::{Imported, Sink, SinkDatabase, SinkError, import_json};
use jvdb_wasmtime as host;
use std::io::Read;

/// Stores every vector of an export, or those of one database. A failure leaves the batches before it stored.
pub fn import(storage: &host::Storage, from: impl Read, only: Option<&str>) -> Result<Imported, SinkError> {
    import_json(from, &Component(storage), only)
}

struct Component<'a>(&'a host::Storage);

impl Sink for Component<'_> {
    fn open(&self, name: &str) -> Result<Option<Box<dyn SinkDatabase + '_>>, SinkError> {
        if !self.0.exists(name)? {
            return Ok(None);
        }
        Ok(Some(Box::new(Open(self.0.database(name)?))))
    }

    fn create(&self, name: &str, schema: jvdb_core::Schema) -> Result<Box<dyn SinkDatabase + '_>, SinkError> {
        let metric = match schema.metric() {
            jvdb_core::Metric::Cosine => host::Metric::Cosine,
            jvdb_core::Metric::Euclidean => host::Metric::Euclidean,
            jvdb_core::Metric::DotProduct => host::Metric::DotProduct,
        };
        let schema = host::Schema { dimension: schema.dimension() as u32, metric };
        Ok(Box::new(Open(self.0.create(name, schema)?)))
    }
}

struct Open(host::Database);

impl SinkDatabase for Open {
    fn schema(&self) -> Result<jvdb_core::Schema, SinkError> {
        let schema = self.0.schema()?;
        let metric = match schema.metric {
            host::Metric::Cosine => jvdb_core::Metric::Cosine,
            host::Metric::Euclidean => jvdb_core::Metric::Euclidean,
            host::Metric::DotProduct => jvdb_core::Metric::DotProduct,
        };
        Ok(jvdb_core::Schema::new(schema.dimension as usize, metric)?)
    }

    fn write(&self, operations: &mut dyn Iterator<Item = jvdb_core::Operation<'_>>) -> Result<(), SinkError> {
        let key = |key: jvdb_core::Key<'_>| match key {
            jvdb_core::Key::Int(id) => host::Key::Integer(id),
            jvdb_core::Key::Bytes(bytes) => host::Key::Bytes(bytes.into()),
        };
        let operations = operations.map(|operation| match operation {
            jvdb_core::Operation::Put { key: of, vector, metadata } => {
                Ok(host::Operation::Put(host::Entry { key: key(of), vector: vector.into(), metadata: metadata.into() }))
            }
            jvdb_core::Operation::Delete { key: of } => Ok(host::Operation::Delete(key(of))),
            other => Err(format!("the component does not know {other:?}")),
        });
        let operations = operations.collect::<Result<Vec<_>, String>>()?;
        Ok(self.0.write(&operations).map(drop)?)
    }

    fn set_attribute(&self, _: &[u8], _: &[u8]) -> Result<(), SinkError> {
        Err("the component's interface has no attributes; import with `jvdb import`, which keeps them".into())
    }
}
