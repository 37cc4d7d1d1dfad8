//! The attributes of a database: `[{"name", "value"}]`, each stored as it goes by.

use super::target::Target;
use crate::format::{key, metadata};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Reads attributes into the database that was begun.
pub struct Attributes<'a, 't>(pub &'a mut Target<'t>);

#[derive(Deserialize)]
struct Attribute {
    name: Name,
    value: Box<RawValue>,
}

/// Spelt as a byte key is.
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut name = Vec::new();
        match key::ReadKey(&mut name).deserialize(deserializer)? {
            key::Kind::Bytes => Ok(Self(name)),
            key::Kind::Int(_) => Err(D::Error::custom("the name of an attribute is a string or {\"hex\": string}")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Attributes<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Attributes<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of attributes: {\"name\", \"value\"}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut attributes: A) -> Result<(), A::Error> {
        while let Some(Attribute { name: Name(name), value }) = attributes.next_element()? {
            let mut bytes = Vec::new();
            metadata::read(value.get(), &mut bytes).map_err(A::Error::custom)?;
            let set = self.0.set_attribute(&name, &bytes);
            self.0.told(set)?;
            self.0.next_value();
        }
        Ok(())
    }
}
