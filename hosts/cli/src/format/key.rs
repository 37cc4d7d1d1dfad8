//! Keys: an integer key is a number, a byte key a string, or `{"hex":"..."}` where the bytes are not UTF-8.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use jvdb_core::{Key, MAX_KEY_LEN};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

/// Writes a key.
pub fn write(out: &mut impl Write, key: Key) -> io::Result<()> {
    match key {
        Key::Int(id) => write!(out, "{id}"),
        Key::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(serde_json::to_writer(out, text)?),
            Err(_) => write!(out, "{{\"hex\":\"{}\"}}", HEXLOWER.encode(bytes)),
        },
    }
}

/// Bytes from hexadecimal digits of either case.
pub fn from_hex(digits: &str) -> Result<Arc<[u8]>, String> {
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
    bytes.map(Arc::from).map_err(|error| format!("not hexadecimal: {error}"))
}

/// What a key was read as. A byte key is in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int(u64),
    Bytes,
}

/// Reads a key; the bytes of a byte key are appended to the buffer.
pub struct ReadKey<'a>(pub &'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for ReadKey<'_> {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadKey<'_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an id: an integer of 0..=18446744073709551615, a string, or {\"hex\": string}")
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<Kind, E> {
        Ok(Kind::Int(id))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Kind, E> {
        self.bytes(text.as_bytes())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let Some((field, digits)) = map.next_entry::<String, String>()? else {
            return Err(A::Error::custom("the id is an empty object, it must be {\"hex\": string}"));
        };
        if field != "hex" || map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("an id that is an object has the one member \"hex\""));
        }
        let bytes = from_hex(&digits).map_err(|error| A::Error::custom(format_args!("the id is {error}")))?;
        self.bytes(&bytes)
    }
}

impl ReadKey<'_> {
    /// The store would refuse a key of a wrong length too, but only with the rest of its batch, when nobody can say any
    /// more where in the file it was.
    pub fn bytes<E: Error>(self, bytes: &[u8]) -> Result<Kind, E> {
        if !(1..=MAX_KEY_LEN).contains(&bytes.len()) {
            return Err(E::custom(format_args!("the id has {} bytes, it must have 1..={MAX_KEY_LEN}", bytes.len())));
        }
        self.0.extend_from_slice(bytes);
        Ok(Kind::Bytes)
    }
}
