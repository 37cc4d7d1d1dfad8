//! What to say of a key that a database does not have.

use crate::failure::Failure;
use jvdb_core::{Database, Key};

/// The failure for it, or the one that looking further met.
pub fn of_key(database: &Database, key: Key) -> Failure {
    match hint(database, key) {
        Ok(hint) => Failure::NoKey { key: key.to_string(), database: database.name().to_owned(), hint },
        Err(failure) => failure,
    }
}

/// Where the same digits are a key of the other kind, which was meant perhaps.
fn hint(database: &Database, key: Key) -> Result<String, Failure> {
    let (option, text, found) = match key {
        Key::Int(id) => {
            let text = id.to_string();
            let found = database.get(text.as_str())?;
            ("--key", text, found)
        }
        Key::Bytes(bytes) => {
            let Some(id) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<u64>().ok()) else {
                return Ok(String::new());
            };
            ("--id", id.to_string(), database.get(id)?)
        }
    };
    Ok(if found.is_some() { format!("; {option} {text} does") } else { String::new() })
}
