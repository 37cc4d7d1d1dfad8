//! `jvdb_storage_stats_t` and `jvdb_database_stats_t`: figures an operator watches, copied out.

use crate::sized::Versioned;
use jvdb_core as core;
use std::time::Duration;

/// State of a storage directory. Set struct_size, the rest is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct StorageStats {
    /// sizeof(jvdb_storage_stats_t), as the program was compiled.
    pub struct_size: usize,
    /// Databases in the directory.
    pub databases: u64,
    /// Live vectors in all of them that can be read.
    pub vectors: u64,
    /// Bytes of all `.jvdb` files.
    pub bytes_on_disk: u64,
    /// Databases whose file is open now, at most max_open_files.
    pub open_files: u64,
    /// The limit the directory was opened with.
    pub max_open_files: u64,
    /// Databases closed to make room for others since the directory was opened.
    pub evictions: u64,
    /// Evictions within the last 60 seconds.
    pub evictions_per_minute: f64,
    /// Completed flushes since the directory was opened.
    pub flushes: u64,
    /// Microseconds the last completed flush took; where it was one of all databases, all of it.
    pub last_flush_us: u64,
    /// Microseconds the longest completed flush took.
    pub longest_flush_us: u64,
    /// Bytes of records that no completed flush covers yet.
    pub unflushed_bytes: u64,
    /// Databases whose files cannot be read, or are damaged: they count in `databases` and in nothing else. The log names
    /// each, and opening it tells why.
    pub unreadable: u64,
}

// SAFETY: thirteen 8-byte numbers, the first a usize.
unsafe impl Versioned for StorageStats {
    const FIRST: usize = size_of::<Self>();
}

impl From<core::StorageStats> for StorageStats {
    fn from(stats: core::StorageStats) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            databases: stats.databases,
            vectors: stats.vectors,
            bytes_on_disk: stats.bytes_on_disk,
            open_files: stats.open_files,
            max_open_files: stats.max_open_files,
            evictions: stats.evictions,
            evictions_per_minute: stats.evictions_per_minute,
            flushes: stats.flushes,
            last_flush_us: microseconds(stats.last_flush),
            longest_flush_us: microseconds(stats.longest_flush),
            unflushed_bytes: stats.unflushed_bytes,
            unreadable: stats.unreadable,
        }
    }
}

/// State of one database. Set struct_size, the rest is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct DatabaseStats {
    /// sizeof(jvdb_database_stats_t), as the program was compiled.
    pub struct_size: usize,
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
    /// Microseconds the last completed flush took.
    pub last_flush_us: u64,
    /// Microseconds the longest completed flush took.
    pub longest_flush_us: u64,
}

// SAFETY: ten 8-byte integers, the first a usize.
unsafe impl Versioned for DatabaseStats {
    const FIRST: usize = size_of::<Self>();
}

impl From<core::DatabaseStats> for DatabaseStats {
    fn from(stats: core::DatabaseStats) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            vectors: stats.vectors,
            file_bytes: stats.file_bytes,
            dead_bytes: stats.dead_bytes,
            unflushed_bytes: stats.unflushed_bytes,
            unflushed_operations: stats.unflushed_operations,
            index_buckets: stats.index_buckets,
            flushes: stats.flushes,
            last_flush_us: microseconds(stats.last_flush),
            longest_flush_us: microseconds(stats.longest_flush),
        }
    }
}

/// Whole microseconds, rounded up, so that what took time never reads as zero.
pub(crate) fn microseconds(duration: Duration) -> u64 {
    duration.as_nanos().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}
