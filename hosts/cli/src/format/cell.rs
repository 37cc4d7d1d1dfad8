//! Keys and elements in cells of a table, where they stand without quotes: digits are an integer key, any other text is a byte
//! key, and what could be taken for something else is spelt as JSON.

use super::key::{self, Kind, ReadKey};
use jvdb_core::Key;
use serde::de::DeserializeSeed;

/// Appends a key.
pub fn write_key(out: &mut Vec<u8>, key: Key) -> std::io::Result<()> {
    match key {
        Key::Bytes(bytes) if std::str::from_utf8(bytes).is_ok_and(stands_for_itself) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        key => key::write(out, key),
    }
}

fn stands_for_itself(text: &str) -> bool {
    integer(text).is_none() && !text.starts_with(['"', '{'])
}

/// The integer that is written so, and not otherwise.
fn integer(text: &str) -> Option<u64> {
    text.parse().ok().filter(|id: &u64| id.to_string() == text)
}

/// Reads a key; the bytes of a byte key are appended.
///
/// # Errors
/// Says why it is no key.
pub fn read_key(text: &str, into: &mut Vec<u8>) -> Result<Kind, String> {
    if let Some(id) = integer(text) {
        return Ok(Kind::Int(id));
    }
    let told = |error: serde_json::Error| error.to_string();
    if text.starts_with(['"', '{']) {
        let mut json = serde_json::Deserializer::from_str(text);
        let kind = ReadKey(into).deserialize(&mut json).map_err(told)?;
        return json.end().map_err(told).map(|()| kind);
    }
    ReadKey(into).bytes::<serde_json::Error>(text.as_bytes()).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_comes_back_and_plain_text_stays_plain() {
        for (key, cell) in [
            (Key::Int(7), "7"),
            (Key::Int(u64::MAX), "18446744073709551615"),
            (Key::from("7"), "\"7\""),
            (Key::from("007"), "007"),
            (Key::from("a, \"b\""), "a, \"b\""),
            (Key::from("\"q"), "\"\\\"q\""),
            (Key::from("{}"), "\"{}\""),
            (Key::from("18446744073709551616"), "18446744073709551616"),
            (Key::Bytes(b"\xff"), "{\"hex\":\"ff\"}"),
        ] {
            let mut text = Vec::new();
            write_key(&mut text, key).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text, cell);
            let mut bytes = Vec::new();
            match read_key(&text, &mut bytes).unwrap() {
                Kind::Int(id) => assert_eq!(Key::Int(id), key),
                Kind::Bytes => assert_eq!(Key::Bytes(&bytes), key),
            }
        }
        assert!(read_key("", &mut Vec::new()).is_err());
    }
}
