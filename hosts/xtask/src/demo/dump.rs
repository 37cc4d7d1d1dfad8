//! The dump every face writes, read: which vectors there are, and where two dumps differ. Elements are compared as the
//! bytes they are, so that a NaN equals itself and 0.0 is not -0.0.

use crate::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// A dump in memory.
pub struct Dump {
    /// Databases by name.
    pub databases: BTreeMap<String, Database>,
    /// Checksum of the whole (XXH3).
    pub checksum: u64,
}

/// One database of it.
#[derive(PartialEq, Eq)]
pub struct Database {
    dimension: u32,
    /// Vectors by id.
    pub vectors: BTreeMap<u64, Vector>,
}

/// One vector.
#[derive(PartialEq, Eq)]
pub struct Vector {
    elements: Vec<u8>,
    metadata: Vec<u8>,
}

/// Bytes not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or("the dump ends too early")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes(4)?.try_into()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes(8)?.try_into()?))
    }

    fn text(&mut self) -> Result<&'a [u8]> {
        let len = self.u32()?;
        self.bytes(len as usize)
    }
}

impl Dump {
    /// Reads a dump from a file.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let mut rest = Rest(bytes);
        let mut databases = BTreeMap::new();
        while !rest.0.is_empty() {
            let name = String::from_utf8(rest.text()?.to_vec())?;
            let (dimension, count) = (rest.u32()?, rest.u64()?);
            let mut vectors = BTreeMap::new();
            for _ in 0..count {
                let id = rest.u64()?;
                let elements = rest.bytes(dimension as usize * 4)?.to_vec();
                vectors.insert(id, Vector { elements, metadata: rest.text()?.to_vec() });
            }
            databases.insert(name, Database { dimension, vectors });
        }
        Ok(Self { databases, checksum: xxhash_rust::xxh3::xxh3_64(bytes) })
    }

    /// Vectors in all databases.
    pub fn vectors(&self) -> usize {
        self.databases.values().map(|database| database.vectors.len()).sum()
    }

    /// The first place where another dump has not the same, in words; `None` if there is none.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let names = self.databases.keys().chain(other.databases.keys());
        for name in names {
            let (Some(ours), Some(theirs)) = (self.databases.get(name), other.databases.get(name)) else {
                return Some(format!("database {name:?} is in one only"));
            };
            if ours.dimension != theirs.dimension {
                return Some(format!("database {name:?}: dimension {} and {}", ours.dimension, theirs.dimension));
            }
            for id in ours.vectors.keys().chain(theirs.vectors.keys()) {
                if let Some(what) = differ(ours.vectors.get(id), theirs.vectors.get(id)) {
                    return Some(format!("database {name:?}, vector {id}: {what}"));
                }
            }
        }
        (self.checksum != other.checksum).then(|| "the order of databases or vectors".to_owned())
    }

    /// What is there of both, differs nowhere, and everything of this is in the other.
    pub fn is_part_of(&self, whole: &Self) -> Result<()> {
        for (name, database) in &self.databases {
            let whole = whole.databases.get(name).ok_or_else(|| format!("database {name:?} is in no import"))?;
            for (id, vector) in &database.vectors {
                if let Some(what) = differ(Some(vector), whole.vectors.get(id)) {
                    return Err(format!("database {name:?}, vector {id}: {what}").into());
                }
            }
        }
        Ok(())
    }
}

fn differ(ours: Option<&Vector>, theirs: Option<&Vector>) -> Option<String> {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Some("is in one only".into()) };
    if ours.elements != theirs.elements {
        let at = ours.elements.iter().zip(&theirs.elements).position(|(a, b)| a != b)?;
        return Some(format!("element {} has other bits", at / 4));
    }
    (ours.metadata != theirs.metadata).then(|| "other metadata".into())
}

#[cfg(test)]
mod tests {
    use super::Dump;

    fn dump(elements: [f32; 2], metadata: &[u8]) -> Vec<u8> {
        let mut bytes = [&1_u32.to_le_bytes()[..], b"d", &2_u32.to_le_bytes(), &1_u64.to_le_bytes()].concat();
        bytes.extend(7_u64.to_le_bytes());
        elements.iter().for_each(|element| bytes.extend(element.to_le_bytes()));
        bytes.extend((metadata.len() as u32).to_le_bytes());
        bytes.extend(metadata);
        bytes
    }

    #[test]
    fn a_difference_in_one_bit_is_found_and_named() {
        let parse = |elements, metadata| Dump::parse(&dump(elements, metadata)).unwrap();
        let whole = parse([1.0, 0.0], b"{}");
        assert_eq!(whole.vectors(), 1);
        assert_eq!(whole.difference(&parse([1.0, 0.0], b"{}")), None);
        let difference = whole.difference(&parse([1.0, -0.0], b"{}")).unwrap();
        assert_eq!(difference, "database \"d\", vector 7: element 1 has other bits");
        assert_eq!(whole.difference(&parse([1.0, 0.0], b"[]")).unwrap(), "database \"d\", vector 7: other metadata");
        let nothing = Dump::parse(b"").unwrap();
        assert_eq!(whole.difference(&nothing).unwrap(), "database \"d\" is in one only");
        assert_eq!(nothing.difference(&whole).unwrap(), "database \"d\" is in one only");
        assert!(nothing.is_part_of(&whole).is_ok() && whole.is_part_of(&nothing).is_err());
        assert!(parse([f32::NAN, 0.0], b"").is_part_of(&parse([f32::NAN, 0.0], b"")).is_ok());
    }

    #[test]
    fn a_dump_that_is_cut_off_is_no_dump() {
        let whole = dump([1.0, 2.0], b"{}");
        for len in 1..whole.len() {
            assert!(Dump::parse(&whole[..len]).is_err(), "{len}");
        }
    }
}
