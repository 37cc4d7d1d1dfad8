//! How names of databases are spelled in names of files, and files that people have named otherwise. Which names a database may
//! have is not decided here.
//!
//! Letters, digits, `-`, `_` and `.` stand for themselves; every other byte becomes `%XX`, and so does a leading dot. A person
//! who copies a file calls it `my copy.jvdb`: that is the database of this name, too.

#[cfg(unix)]
use std::borrow::Cow;

/// What the names of databases' files end with.
const SUFFIX: &str = ".jvdb";

/// A name as names of files spell it.
pub(crate) fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len() + 2 * SUFFIX.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && at > 0);
        if plain {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// The name that is spelled so; `None` for what no name is spelled.
pub(crate) fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            bytes.push((digit(rest.next())? * 16 + digit(rest.next())?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    // Only the spelling that we would choose counts, so that no two files have one name.
    (escape(&name) == escaped).then_some(name)
}

/// The file of a database, or its folder, under the name that a person would give it, if that is another one.
#[cfg(unix)]
pub(super) fn by_hand(file: &str) -> Option<String> {
    if !file.contains('%') {
        return None;
    }
    let (stem, ending) = split(file);
    let name = unescape(stem).filter(|name| name != stem && !name.contains(['/', '\0']))?;
    // These are no names of files.
    (!matches!(name.as_str(), "." | "..") || !ending.is_empty()).then(|| name + ending)
}

/// The file or folder that a person has named, as we would spell it.
#[cfg(unix)]
pub(super) fn of_hand(file: &str) -> Cow<'_, str> {
    let (stem, ending) = split(file);
    if stem.is_empty() || unescape(stem).is_some() { file.into() } else { (escape(stem) + ending).into() }
}

#[cfg(unix)]
fn split(file: &str) -> (&str, &str) {
    file.split_at(file.strip_suffix(SUFFIX).map_or(file.len(), str::len))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn what_people_name_has_one_spelling_and_is_found_by_it() {
        for (hand, spelled) in [
            ("my copy.jvdb", "my%20copy.jvdb"),
            ("100%.jvdb", "100%25.jvdb"),
            ("%61.jvdb", "%2561.jvdb"),
            ("%ff.jvdb", "%25ff.jvdb"),
            ("é (1).jvdb", "%C3%A9%20%281%29.jvdb"),
            (".hidden.jvdb", "%2Ehidden.jvdb"),
            ("a folder", "a%20folder"),
        ] {
            assert_eq!(of_hand(hand), spelled);
            assert_eq!(by_hand(spelled).as_deref(), Some(hand));
        }
        for file in ["a.jvdb", "a-b_c.d.jvdb", "a%20b.jvdb", ".jvdb", ""] {
            assert_eq!(of_hand(file), file);
        }
        for file in ["a.jvdb", "a%2Fb.jvdb", "%2E%2E", "%2E", "%00.jvdb", "a%2", "a.jvdb.tmp"] {
            assert_eq!(by_hand(file), None, "{file}");
        }
    }
}
