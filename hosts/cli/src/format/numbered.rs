//! Compact records: what the C++ adapter keeps beside a vector, as `include/README.md` says byte by byte. Here they become the
//! JSON that the adapter reads as the same vector; nothing here writes them.

use serde_json::{Map, Number, Value};

/// Where in the JSON a member is, by its number: the object that it is in, or none, and its name.
const MEMBERS: [(&str, &str); 23] = [
    ("", "id"),
    ("", "databaseId"),
    ("metadata", "source"),
    ("metadata", "created_at"),
    ("metadata", "updated_at"),
    ("metadata", "tags"),
    ("metadata", "owner"),
    ("metadata", "permissions"),
    ("metadata", "category"),
    ("metadata", SCORE),
    ("metadata", "status"),
    ("metadata", "custom"),
    ("index", "type"),
    ("index", "version"),
    ("index", "parameters"),
    ("embedding_model", "name"),
    ("embedding_model", "version"),
    ("embedding_model", "provider"),
    ("embedding_model", "input_type"),
    ("", "shard"),
    ("", "replicas"),
    ("", "version"),
    ("", "deleted"),
];
const SCORE: &str = "score";
/// Objects and arrays within each other that are followed; what reads JSON follows no more either.
const LEVELS: usize = 100;

/// The JSON text of a numbered record. `None` for bytes that are none, and for one that JSON text cannot be: with text that is
/// not UTF-8, bytes, a number that is none, or a member that is not known here.
pub fn to_json(record: &[u8]) -> Option<String> {
    let mut items = Items(record.strip_prefix(&[1])?);
    let Head { major: Major::Map, argument: mut left, .. } = items.head()? else { return None };
    let mut json = Map::new();
    let mut next = 0;
    while left > 0 {
        let Head { major: Major::Unsigned, argument, .. } = items.head()? else { return None };
        let number = usize::try_from(argument).ok().filter(|number| *number >= next)?;
        let &(object, name) = MEMBERS.get(number)?;
        let value = items.value(LEVELS, name == SCORE)?;
        let members = if object.is_empty() {
            &mut json
        } else {
            json.entry(object).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?
        };
        // A databaseId that is null is that of the database in which the vector is.
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
        (next, left) = (number + 1, left - 1);
    }
    items.0.is_empty().then(|| Value::Object(json).to_string())
}

/// Kinds of items in CBOR.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Major {
    Unsigned,
    Negative,
    Bytes,
    Text,
    Array,
    Map,
    Tag,
    Simple,
}

struct Head {
    major: Major,
    info: u8,
    argument: u64,
}

/// Items of CBOR, taken off the front.
struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn head(&mut self) -> Option<Head> {
        use Major::{Array, Bytes, Map, Negative, Simple, Tag, Text, Unsigned};
        let first = self.take(1)?[0];
        let major = [Unsigned, Negative, Bytes, Text, Array, Map, Tag, Simple][usize::from(first >> 5)];
        let info = first & 31;
        let argument = match info {
            0..24 => u64::from(info),
            24..28 => self.take(1 << (info - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            _ => return None,
        };
        Some(Head { major, info, argument })
    }

    fn text(&mut self, length: u64) -> Option<String> {
        std::str::from_utf8(self.take(length)?).ok().map(str::to_owned)
    }

    /// `odd` is a score, which has its bits where it is no number.
    fn value(&mut self, levels: usize, odd: bool) -> Option<Value> {
        let Head { major, info, argument } = self.head()?;
        Some(match (major, info) {
            (Major::Unsigned, _) => argument.into(),
            (Major::Negative, _) => (-1 - i64::try_from(argument).ok()?).into(),
            (Major::Text, _) => self.text(argument)?.into(),
            (Major::Array, _) => {
                let levels = levels.checked_sub(1)?;
                let mut list = Vec::new();
                for _ in 0..argument {
                    list.push(self.value(levels, false)?);
                }
                list.into()
            }
            (Major::Map, _) => {
                let levels = levels.checked_sub(1)?;
                let mut object = Map::new();
                for _ in 0..argument {
                    let Head { major: Major::Text, argument, .. } = self.head()? else { return None };
                    let name = self.text(argument)?;
                    if object.insert(name, self.value(levels, false)?).is_some() {
                        return None;
                    }
                }
                object.into()
            }
            (Major::Simple, 20) => false.into(),
            (Major::Simple, 21) => true.into(),
            (Major::Simple, 22) => Value::Null,
            (Major::Simple, 26) => {
                let bits = u32::try_from(argument).ok()?;
                match Number::from_f64(f64::from(f32::from_bits(bits))) {
                    Some(number) => number.into(),
                    None if odd => serde_json::json!({ "bits": bits }),
                    None => return None,
                }
            }
            (Major::Simple, 27) => Number::from_f64(f64::from_bits(argument))?.into(),
            (Major::Bytes | Major::Tag | Major::Simple, _) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with this many members.
    fn record(count: u8, members: &[u8]) -> Vec<u8> {
        [&[1, 0xb8, count], members].concat()
    }

    fn json(count: u8, members: &[u8]) -> Option<String> {
        to_json(&record(count, members))
    }

    #[test]
    fn a_record_becomes_the_json_that_the_adapter_reads() {
        let members = b"\x05\x82\x61a\x60\x09\xfa\x3f\x00\x00\x00\
            \x0b\xa2\x61f\xfb\xc0\x04\x00\x00\x00\x00\x00\x00\x61n\x01\x0c\x64HNSW\x15\x21\x16\xf5";
        let expected = r#"{"deleted":true,"index":{"type":"HNSW"},"metadata":{"custom":{"f":-2.5,"n":1},"score":0.5,"tags":["a",""]},"version":-2}"#;
        assert_eq!(json(6, members).unwrap(), expected);
        assert_eq!(json(1, b"\x01\xf6").unwrap(), "{}");
        assert_eq!(json(1, b"\x09\xfa\x7f\xc1\x23\x45").unwrap(), r#"{"metadata":{"score":{"bits":2143363909}}}"#);
        let most = json(1, b"\x0b\xa1\x61x\x1b\xff\xff\xff\xff\xff\xff\xff\xff").unwrap();
        assert_eq!(most, r#"{"metadata":{"custom":{"x":18446744073709551615}}}"#);
    }

    #[test]
    fn what_json_cannot_be_and_what_is_no_record_is_left_as_it_is() {
        let deep = [&b"\x0b\xa1\x61x"[..], &[0x81; 5000], &[0]].concat();
        let cases: [(u8, &[u8]); 14] = [
            (1, b"\x13\x61\xff"),                          // no UTF-8
            (1, b"\x0b\xa1\x61x\x41x"),                    // bytes
            (1, b"\x0b\xa1\x61x\xc1\x41x"),                // with a subtype
            (1, b"\x0b\xa1\x61x\xf7"),                     // undefined
            (1, b"\x0b\xa1\x61x\xfb\x7f\xf0\0\0\0\0\0\0"), // endless
            (1, b"\x0b\xa2\x61x\x01\x61x\x02"),            // a name twice
            (1, b"\x17\x01"),                              // of a later version
            (1, b"\x13\x61ss"),                            // something behind the end
            (2, b"\x13\x61s"),                             // cut
            (2, b"\x13\x61s\x13\x61s"),                    // out of order
            (1, b"\x61s\x61s"),                            // no number
            (1, b"\x13\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
            (1, b"\x05\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
            (1, &deep),
        ];
        for (count, members) in cases {
            assert_eq!(json(count, members), None, "{members:?}");
        }
        for bytes in [&b""[..], b"\x01", b"\x01\xf5", b"\x01\xbf\xff", b"\x02\xb8\x00", b"text"] {
            assert_eq!(to_json(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_record_is_left_as_it_is_at_every_byte() {
        let whole = record(3, b"\x05\x82\x61a\x60\x09\xfa\x3f\x00\x00\x00\x0b\xa1\x61n\x19\x01\x00");
        assert!(to_json(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(to_json(&whole[..length]), None, "{length}");
        }
    }
}
