//! Names of databases and the names of their files.
//!
//! Any accepted name is one file in the directory, and each file name stands for one name.

use crate::medium::spelling::{escape, unescape};
use crate::types::error::{Error, Result};

pub(crate) const SUFFIX: &str = ".jvdb";
/// Suffix of a file that is being made.
pub(crate) const TEMPORARY: &str = ".jvdb.tmp";
/// Longest file name that every common file system takes, less the suffix of a temporary file.
const MAX_ENCODED: usize = 255 - TEMPORARY.len();

/// The file of a database.
pub(crate) fn file_of(name: &str) -> Result<String> {
    let refuse = |reason| Err(Error::InvalidName { name: name.into(), reason });
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name == "." || name == ".." {
        return refuse("it stands for a directory");
    }
    if name.contains(['/', '\\']) {
        return refuse("it contains a path separator");
    }
    if name.chars().any(char::is_control) {
        return refuse("it contains a NUL or another control character");
    }
    let mut file = escape(name);
    if file.len() > MAX_ENCODED {
        return refuse(
            "it is too long: 246 bytes, of which all but letters, digits, '-', '_' and '.' count three times",
        );
    }
    file.push_str(SUFFIX);
    Ok(file)
}

/// The name a file has while it is made.
pub(crate) fn temporary(file: &str) -> String {
    format!("{file}.tmp")
}

/// A name for a file that is being made in a directory where others may be making one of the same name. A long name is cut, so
/// that this fits any file system.
pub(crate) fn unique_temporary(file: &str, number: u32) -> String {
    let ending = format!(".{number:08x}.tmp");
    let mut room = file.len().min(255 - ending.len());
    while !file.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}{ending}", &file[..room])
}

/// The name a damaged file keeps when a repaired one takes its place; never that of a database. A long name is cut, so
/// that this fits any file system.
pub(crate) fn kept_damaged(file: &str, number: u32) -> String {
    let ending = format!("{SUFFIX}.damaged-{number}");
    let stem = file.strip_suffix(SUFFIX).unwrap_or(file);
    let room = stem.len().min(255 - ending.len());
    format!("{}{ending}", &stem[..room])
}

/// The database of a file; `None` if the file is none of ours.
pub(crate) fn name_of(file: &str) -> Option<String> {
    let name = unescape(file.strip_suffix(SUFFIX)?)?;
    // Not every name is one that we take.
    file_of(&name).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_stand_for_each_other() {
        for name in ["a", "a.b-c_D9", "with space", "%41", "ünïcödé", ".hidden", "a..b", "..."] {
            let file = file_of(name).unwrap();
            assert!(file.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%".contains(&b)), "{file}");
            assert!(!file.starts_with('.'));
            assert_eq!(name_of(&file).as_deref(), Some(name));
        }
        for file in ["a", "%61.jvdb", "a%2.jvdb", ".jvdb", "a%zz.jvdb", "a.jvdb.tmp", "%ff.jvdb", "é.jvdb"] {
            assert_eq!(name_of(file), None, "{file}");
        }
    }

    #[test]
    fn backups_are_no_databases_and_fit() {
        assert_eq!(kept_damaged("a.jvdb", 3), "a.jvdb.damaged-3");
        assert_eq!(name_of("a.jvdb.damaged-3"), None);
        assert_eq!(kept_damaged(&file_of(&"x".repeat(246)).unwrap(), 10).len(), 255);
    }

    #[test]
    fn names_that_leave_the_directory_or_fit_no_file_are_refused() {
        let long = "x".repeat(300);
        for name in ["", ".", "..", "a/b", "/", "..\\x", "nul\0", "line\n", &long, &"é".repeat(60)] {
            assert!(matches!(file_of(name), Err(Error::InvalidName { .. })), "{name:?}");
        }
        assert!(file_of(&"x".repeat(246)).is_ok());
        assert!(file_of(&"x".repeat(247)).is_err());
    }
}
