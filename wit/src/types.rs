//! The engine's types as the interface has them, and back. Every conversion is total and says nothing of its own.

use crate::bindings::exports::jvdb::storage::engine as wit;
use jvdb_core::{DatabaseStats, Error, Key, KeyBuf, Metric, Operation, Options, Schema, StorageStats, Written};
use std::time::Duration;

/// What one call of the interface gives.
pub type Result<T> = std::result::Result<T, wit::Error>;

/// Length of time in the interface's unit; 584 years and more become the most it can say.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Sizes of this target fit the interface's, but for those a caller has made up.
fn count(elements: usize) -> u32 {
    u32::try_from(elements).unwrap_or(u32::MAX)
}

impl<'a> From<&'a wit::Key> for Key<'a> {
    fn from(key: &'a wit::Key) -> Self {
        match key {
            wit::Key::Integer(id) => Key::Int(*id),
            wit::Key::Bytes(bytes) => Key::Bytes(bytes),
        }
    }
}

impl From<KeyBuf> for wit::Key {
    fn from(key: KeyBuf) -> Self {
        match key {
            KeyBuf::Int(id) => Self::Integer(id),
            KeyBuf::Bytes(bytes) => Self::Bytes(bytes.into_vec()),
        }
    }
}

impl From<wit::Metric> for Metric {
    fn from(metric: wit::Metric) -> Self {
        match metric {
            wit::Metric::Cosine => Self::Cosine,
            wit::Metric::Euclidean => Self::Euclidean,
            wit::Metric::DotProduct => Self::DotProduct,
        }
    }
}

impl From<Schema> for wit::Schema {
    fn from(schema: Schema) -> Self {
        let metric = match schema.metric() {
            Metric::Cosine => wit::Metric::Cosine,
            Metric::Euclidean => wit::Metric::Euclidean,
            Metric::DotProduct => wit::Metric::DotProduct,
        };
        Self { dimension: count(schema.dimension()), metric }
    }
}

impl<'a> From<&'a wit::Entry> for Operation<'a> {
    fn from(entry: &'a wit::Entry) -> Self {
        Operation::Put { key: (&entry.key).into(), vector: &entry.vector, metadata: &entry.metadata }
    }
}

impl<'a> From<&'a wit::Operation> for Operation<'a> {
    fn from(operation: &'a wit::Operation) -> Self {
        match operation {
            wit::Operation::Put(entry) => entry.into(),
            wit::Operation::Delete(key) => Operation::Delete { key: key.into() },
        }
    }
}

impl From<Written> for wit::Written {
    fn from(Written { inserted, replaced, deleted }: Written) -> Self {
        Self { inserted, replaced, deleted }
    }
}

impl From<&wit::Options> for Options {
    fn from(given: &wit::Options) -> Self {
        let default = Options::default();
        Options::default()
            .max_open_files(given.max_open_files.map_or(default.max_open_files, |files| files as usize))
            .flush_interval(
                given
                    .flush_interval_seconds
                    .map_or(default.flush_interval, |seconds| Duration::from_secs(seconds.into())),
            )
            .max_unflushed_bytes(given.max_unflushed_bytes.unwrap_or(default.max_unflushed_bytes))
            .max_unflushed_operations(given.max_unflushed_operations.unwrap_or(default.max_unflushed_operations))
            .read_only(given.read_only)
            .verify_checksums(given.verify_checksums)
            // One call runs at a time, so nobody could give a database back while another waits for it.
            .pin_timeout(Duration::ZERO)
            .seed(given.seed)
    }
}

impl From<StorageStats> for wit::StorageStats {
    fn from(stats: StorageStats) -> Self {
        Self {
            databases: stats.databases,
            vectors: stats.vectors,
            bytes_on_disk: stats.bytes_on_disk,
            open_files: stats.open_files,
            max_open_files: stats.max_open_files,
            evictions: stats.evictions,
            evictions_per_minute: stats.evictions_per_minute,
            flushes: stats.flushes,
            last_flush: nanoseconds(stats.last_flush),
            longest_flush: nanoseconds(stats.longest_flush),
            unflushed_bytes: stats.unflushed_bytes,
            unreadable: stats.unreadable,
        }
    }
}

impl From<DatabaseStats> for wit::DatabaseStats {
    fn from(stats: DatabaseStats) -> Self {
        Self {
            vectors: stats.vectors,
            file_bytes: stats.file_bytes,
            dead_bytes: stats.dead_bytes,
            unflushed_bytes: stats.unflushed_bytes,
            unflushed_operations: stats.unflushed_operations,
            index_buckets: stats.index_buckets,
            flushes: stats.flushes,
            last_flush: nanoseconds(stats.last_flush),
            longest_flush: nanoseconds(stats.longest_flush),
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        Self { kind: kind(error), message }
    }
}

fn kind(error: Error) -> wit::ErrorKind {
    use wit::ErrorKind as Kind;
    match error {
        Error::NotFound { database } => Kind::NotFound(database),
        Error::AlreadyExists { database } => Kind::AlreadyExists(database),
        Error::InvalidName { name, reason } => Kind::InvalidName(wit::InvalidName { name, reason: reason.into() }),
        Error::InvalidArgument { what, reason } => {
            Kind::InvalidArgument(wit::InvalidArgument { what: what.into(), reason })
        }
        Error::DimensionMismatch { database, expected, actual } => Kind::DimensionMismatch(wit::DimensionMismatch {
            database,
            expected: count(expected),
            actual: count(actual),
        }),
        Error::KeyExists { database, key } => Kind::KeyExists(wit::KeyError { database, key }),
        Error::KeyNotFound { database, key } => Kind::KeyNotFound(wit::KeyError { database, key }),
        Error::Io { action, path, offset, source } => {
            Kind::Io(wit::IoError { action: action.into(), path, offset, cause: source.to_string() })
        }
        Error::Corrupt { path, offset, what } => Kind::Corrupt(wit::Corruption { path, offset, what }),
        Error::UnsupportedVersion { path, version } => {
            Kind::UnsupportedVersion(wit::UnsupportedVersion { path, version })
        }
        Error::Locked { path, holder } => Kind::Locked(wit::LockError { path, holder }),
        Error::ReadOnly { path } => Kind::ReadOnly(path),
        Error::Fenced { path } => Kind::Fenced(path),
        Error::Removed { path } => Kind::Removed(path),
        Error::Poisoned { database, cause } => Kind::Poisoned(wit::Poison { database, cause }),
        Error::AllPinned { limit, .. } => Kind::AllPinned(count(limit)),
        Error::Dropped { database } => Kind::Dropped(database),
        _ => Kind::Other,
    }
}
