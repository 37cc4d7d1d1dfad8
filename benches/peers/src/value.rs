//! A vector and its metadata as one value, for stores that have keys and values only: the vector's bytes, then the
//! metadata.

use jvdb_benches::Result;
use jvdb_benches::dataset::Record;

/// Puts a record's value where the last one was.
pub(crate) fn encode(record: Record<'_>, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(bytemuck::cast_slice(record.vector));
    into.extend_from_slice(record.metadata);
}

/// The vector's bytes and the metadata of a value.
pub(crate) fn split(value: &[u8], vector_len: usize) -> Result<(&[u8], &[u8])> {
    Ok(value.split_at_checked(vector_len).ok_or("a value is too short for a vector")?)
}

/// Copies both into a caller's buffers.
pub(crate) fn copy((from, beside): (&[u8], &[u8]), vector: &mut [f32], metadata: &mut Vec<u8>) {
    bytemuck::cast_slice_mut(vector).copy_from_slice(from);
    metadata.clear();
    metadata.extend_from_slice(beside);
}
