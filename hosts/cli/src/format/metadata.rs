//! Metadata: bytes that are JSON text by convention, and are written as they are where they are that. A numbered record of the
//! C++ adapter is written as JSON that the adapter reads as the same. For all else `{"$base64":"..."}` stands.

use super::numbered;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{self, Write};

/// The object that stands for bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked<'a> {
    #[serde(rename = "$base64", borrow)]
    bytes: Cow<'a, str>,
}

/// The base64 text, if the JSON text is an object that stands for bytes. Both directions ask this one question, so
/// metadata that happens to look like such an object survives too: it is written as one.
fn marked(json: &str) -> Option<Marked<'_>> {
    let candidate = json.starts_with('{') && json.contains("$base64");
    candidate.then(|| serde_json::from_str(json).ok()).flatten()
}

/// Writes metadata as a JSON value.
pub fn write(out: &mut impl Write, metadata: &[u8]) -> io::Result<()> {
    match serde_json::from_slice::<&RawValue>(metadata) {
        // Space around the value would not survive being read back.
        Ok(json) if json.get().len() == metadata.len() && marked(json.get()).is_none() => out.write_all(metadata),
        Err(_) if let Some(json) = numbered::to_json(metadata) => out.write_all(json.as_bytes()),
        _ => write_marked(out, metadata),
    }
}

/// As [`write`](fn@write), on one line: JSON that has lines of its own is marked as well.
pub fn write_on_line(out: &mut impl Write, metadata: &[u8]) -> io::Result<()> {
    let has_lines = metadata.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    // The bytes of a numbered record are no text, and its JSON is one line.
    if has_lines && numbered::to_json(metadata).is_none() { write_marked(out, metadata) } else { write(out, metadata) }
}

fn write_marked(out: &mut impl Write, metadata: &[u8]) -> io::Result<()> {
    write!(out, "{{\"$base64\":\"{}\"}}", BASE64.encode(metadata))
}

/// Appends the metadata a JSON value stands for: its text, verbatim, or the bytes.
///
/// # Errors
/// Says where the base64 text is wrong.
pub fn read(json: &str, into: &mut Vec<u8>) -> Result<(), String> {
    let Some(marked) = marked(json) else {
        into.try_reserve(json.len()).map_err(|full| full.to_string())?;
        into.extend_from_slice(json.as_bytes());
        return Ok(());
    };
    let bytes =
        BASE64.decode(marked.bytes.as_bytes()).map_err(|error| format!("the metadata is not base64: {error}"))?;
    into.try_reserve(bytes.len()).map_err(|full| full.to_string())?;
    into.extend_from_slice(&bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metadata: &[u8]) -> String {
        let mut out = Vec::new();
        write(&mut out, metadata).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn bytes(json: &str) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        read(json, &mut out).map(|()| out)
    }

    #[test]
    fn json_is_written_verbatim() {
        for json in [r#"{"a" : 1.0,  "a":2}"#, "null", "1e999", "\"x\"", "{\n}", r#"{"$base64":1}"#, r#"["$base64"]"#] {
            assert_eq!(text(json.as_bytes()), json);
            assert_eq!(bytes(json), Ok(json.as_bytes().to_vec()));
        }
    }

    #[test]
    fn numbered_records_are_written_as_json() {
        assert_eq!(text(b"\x01\xb8\x01\x06\x65owner"), r#"{"metadata":{"owner":"owner"}}"#);
        let mut line = Vec::new();
        write_on_line(&mut line, b"\x01\xb8\x01\x0a\x62\n.").unwrap();
        assert_eq!(line, br#"{"metadata":{"status":"\n."}}"#);
    }

    #[test]
    fn everything_else_is_marked_and_restored() {
        let cases: [&[u8]; 8] = [
            b"plain text",
            b"\xff\x00",
            b"\x01\xb8\x01\x06\x61\xff",
            b" {}",
            b"{} ",
            b"{}{}",
            br#"{"$base64":"AAAA"}"#,
            br#"{"$base64":"not base64"}"#,
        ];
        for metadata in cases {
            let json = text(metadata);
            assert!(json.starts_with("{\"$base64\":\""), "{json}");
            assert_eq!(bytes(&json), Ok(metadata.to_vec()));
        }
    }

    #[test]
    fn damaged_base64_is_refused() {
        assert!(bytes(r#"{"$base64":"A"}"#).unwrap_err().contains("not base64"));
    }
}
