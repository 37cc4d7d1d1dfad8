//! Names of vectors: 64-bit integers and byte strings, told apart by a tag, and how they are hashed for the index.

use crate::types::error::{Error, Result};
use crate::types::schema::MAX_KEY_LEN;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A borrowed key. Integer 7 and bytes `"7"` are two keys; both kinds may live in one database.
///
/// ```
/// use jvdb_core::Key;
/// assert_eq!(Key::from(7), Key::Int(7));
/// assert_ne!(Key::from("7"), Key::from(7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key<'a> {
    /// A 64-bit integer.
    Int(u64),
    /// 1..=[`MAX_KEY_LEN`] bytes, of any value.
    Bytes(&'a [u8]),
}

/// A key that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyBuf {
    /// A 64-bit integer.
    Int(u64),
    /// The bytes.
    Bytes(Box<[u8]>),
}

impl KeyBuf {
    /// The same key, borrowed.
    pub fn as_key(&self) -> Key<'_> {
        match self {
            Self::Int(id) => Key::Int(*id),
            Self::Bytes(bytes) => Key::Bytes(bytes),
        }
    }
}

impl Key<'_> {
    /// The same key, owned.
    pub fn to_owned(self) -> KeyBuf {
        match self {
            Self::Int(id) => KeyBuf::Int(id),
            Self::Bytes(bytes) => KeyBuf::Bytes(bytes.into()),
        }
    }

    pub(crate) fn check(self) -> Result<()> {
        match self {
            Key::Bytes(bytes) if bytes.is_empty() || bytes.len() > MAX_KEY_LEN => {
                Err(Error::invalid("key", format!("{} bytes, a key has 1..={MAX_KEY_LEN}", bytes.len())))
            }
            _ => Ok(()),
        }
    }
}

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Int(id) => write!(f, "{id}"),
            Key::Bytes(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
        }
    }
}

impl std::fmt::Display for KeyBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_key().fmt(f)
    }
}

impl From<u64> for Key<'_> {
    fn from(id: u64) -> Self {
        Key::Int(id)
    }
}

impl<'a> From<&'a [u8]> for Key<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Key::Bytes(bytes)
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Key::Bytes(text.as_bytes())
    }
}

impl<'a> From<&'a KeyBuf> for Key<'a> {
    fn from(key: &'a KeyBuf) -> Self {
        key.as_key()
    }
}

/// What the index finds: a vector's key, or an attribute's name. The three share one index and never meet in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    Vector(Key<'a>),
    Attribute(&'a [u8]),
}

/// A name that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum NameBuf {
    Vector(KeyBuf),
    Attribute(Box<[u8]>),
}

impl NameBuf {
    pub(crate) fn as_name(&self) -> Name<'_> {
        match self {
            Self::Vector(key) => Name::Vector(key.as_key()),
            Self::Attribute(name) => Name::Attribute(name),
        }
    }
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Name::Vector(key) => key.fmt(f),
            Name::Attribute(name) => Key::Bytes(name).fmt(f),
        }
    }
}

impl Name<'_> {
    pub(crate) fn to_owned(self) -> NameBuf {
        match self {
            Name::Vector(key) => NameBuf::Vector(key.to_owned()),
            Name::Attribute(name) => NameBuf::Attribute(name.into()),
        }
    }

    /// 48 bits: 47 of hash, and the lowest set for attributes, so that listing them reads the index alone.
    #[inline]
    pub(crate) fn hash(self, seed: u64) -> u64 {
        let (hash, attribute) = match self {
            Name::Vector(Key::Int(id)) => (xxh3_64_with_seed(&id.to_le_bytes(), seed), 0),
            Name::Vector(Key::Bytes(bytes)) => (xxh3_64_with_seed(bytes, !seed), 0),
            Name::Attribute(name) => (xxh3_64_with_seed(name, seed.rotate_left(32)), 1),
        };
        (hash >> 16) & !1 | attribute
    }
}
