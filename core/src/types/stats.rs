//! Figures an operator watches. Plain values, copied out; nothing here measures anything.

use std::time::Duration;

/// State of a storage directory, from [`Storage::stats`](crate::Storage::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct StorageStats {
    /// Databases in the directory.
    pub databases: u64,
    /// Live vectors in all of them that can be read.
    pub vectors: u64,
    /// Databases whose files cannot be read, or are damaged: they count in `databases` and in nothing else. The log names each, and
    /// opening it tells why.
    pub unreadable: u64,
    /// Bytes of all `.jvdb` files.
    pub bytes_on_disk: u64,
    /// Databases whose file is open now, at most `max_open_files`.
    pub open_files: u64,
    /// The configured `max_open_files`.
    pub max_open_files: u64,
    /// Databases closed to make room for others since the directory was opened.
    pub evictions: u64,
    /// Evictions within the last 60 seconds.
    pub evictions_per_minute: f64,
    /// Completed flushes since the directory was opened.
    pub flushes: u64,
    /// Duration of the last completed flush; where it was one of all databases, of all of it.
    pub last_flush: Duration,
    /// Longest completed flush, of one database or of all.
    pub longest_flush: Duration,
    /// Bytes of records that no completed flush covers yet.
    pub unflushed_bytes: u64,
}

/// State of one database, from [`Database::stats`](crate::Database::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// Live vectors.
    pub vectors: u64,
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// Bytes in the file that hold nothing alive: replaced and deleted records, outgrown index tables.
    pub dead_bytes: u64,
    /// Bytes of records that no completed flush covers yet.
    pub unflushed_bytes: u64,
    /// Operations that no completed flush covers yet.
    pub unflushed_operations: u64,
    /// Buckets of the index table, 64 bytes each.
    pub index_buckets: u64,
    /// Completed flushes of this database since it was opened.
    pub flushes: u64,
    /// Duration of the last completed flush.
    pub last_flush: Duration,
    /// Longest completed flush.
    pub longest_flush: Duration,
}
