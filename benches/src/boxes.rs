//! A hash map of boxed slices: what an in-memory backend is usually made of. No lock, no files.

use crate::dataset::Record;
use crate::outcome::Result;
use crate::store::Store;
use hashbrown::HashMap;

type Boxed = (Box<[f32]>, Box<[u8]>);

#[derive(Default)]
pub(crate) struct Boxes {
    map: HashMap<u64, Boxed>,
}

impl Store for Boxes {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        self.map.insert(record.key, (record.vector.into(), record.metadata.into()));
        Ok(())
    }

    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        self.map.extend(records.map(|record| (record.key, (record.vector.into(), record.metadata.into()))));
        Ok(())
    }

    fn delete(&mut self, key: u64) -> Result<bool> {
        Ok(self.map.remove(&key).is_some())
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        let Some((from, beside)) = self.map.get(&key) else { return Ok(false) };
        vector.copy_from_slice(from);
        metadata.clear();
        metadata.extend_from_slice(beside);
        Ok(true)
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        Ok(self.map.get(&key).map(|(vector, metadata)| look(bytemuck::cast_slice(vector), metadata)))
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        self.map.values().for_each(|(vector, metadata)| look(bytemuck::cast_slice(vector), metadata));
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
