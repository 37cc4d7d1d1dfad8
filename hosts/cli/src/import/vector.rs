//! One vector of the file: `{"id", "data" or "values", "metadata"}`, in any order. Unknown members are passed over.

use super::batch::{Batch, Repeated};
use crate::format::{float, key::ReadKey, metadata};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Reads a vector into the batch, and returns its dimension.
pub struct ReadVector<'a>(pub &'a mut Batch);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Id,
    #[serde(alias = "values")]
    Data,
    Metadata,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for ReadVector<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReadVector<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a vector: {\"id\", \"data\": [numbers], \"metadata\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut draft = self.0.draft();
        while let Some(field) = map.next_key()? {
            let (name, Repeated(repeated)) = match field {
                Field::Id => ("id", draft.key(|bytes| map.next_value_seed(ReadKey(bytes)))?),
                Field::Data => ("data", draft.elements(|elements| read_elements(&mut map, elements))?),
                Field::Metadata => ("metadata", draft.metadata(|bytes| read_metadata(&mut map, bytes))?),
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if repeated {
                return Err(A::Error::custom(format_args!("the vector has two members \"{name}\"")));
            }
        }
        draft.finish().map_err(A::Error::custom)
    }
}

fn read_elements<'de, A: MapAccess<'de>>(map: &mut A, into: &mut Vec<f32>) -> Result<(), A::Error> {
    float::read(map.next_value::<Box<RawValue>>()?.get(), into).map_err(A::Error::custom)
}

fn read_metadata<'de, A: MapAccess<'de>>(map: &mut A, into: &mut Vec<u8>) -> Result<(), A::Error> {
    metadata::read(map.next_value::<Box<RawValue>>()?.get(), into).map_err(A::Error::custom)
}
