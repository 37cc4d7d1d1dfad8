//! Where the file of a database lies in a storage directory, and which database a file is. Opens nothing.

use crate::sight::{IN_FOLDER, SUFFIX, spelled};
use jvdb_core::Layout;
use std::fs;
use std::path::{Path, PathBuf};

/// The file of a database; where there is none, the one that it would have.
pub fn file_of(directory: &Path, layout: Layout, name: &str) -> PathBuf {
    let file = |stem: &str| match layout {
        Layout::Folders => directory.join(stem).join(IN_FOLDER),
        _ => directory.join(format!("{stem}{SUFFIX}")),
    };
    let ours = file(&spelled(name));
    // One that a person has named counts where there is none of the engine's spelling.
    let by_hand = (!name.contains('/')).then(|| file(name)).filter(|path| fs::symlink_metadata(path).is_ok());
    match by_hand {
        Some(by_hand) if fs::symlink_metadata(&ours).is_err() => by_hand,
        _ => ours,
    }
}

/// The name of the database that a file holds, by what the file is called, or the folder that it has to itself.
pub fn name_of(file: &Path) -> Option<String> {
    let called = match file.file_name()? {
        whole if whole == IN_FOLDER => file.parent()?.file_name().unwrap_or(whole),
        whole => whole,
    };
    let called = called.to_str()?;
    let called = called.strip_suffix(SUFFIX).unwrap_or(called);
    Some(unspelled(called).unwrap_or_else(|| called.to_owned()))
}

/// The name that is spelled so.
fn unspelled(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => (digit(rest.next())? * 16 + digit(rest.next())?) as u8,
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|name| spelled(name) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_the_name_of_its_database() {
        for (file, name) in [
            ("a.jvdb", "a"),
            ("x/my%20copy.jvdb", "my copy"),
            ("my copy.jvdb", "my copy"),
            ("100%.jvdb", "100%"),
            ("%2Ehidden.jvdb", ".hidden"),
            ("d/vectors.jvdb", "d"),
            ("vectors.jvdb", "vectors"),
            ("monday.bak", "monday.bak"),
        ] {
            assert_eq!(name_of(Path::new(file)).as_deref(), Some(name), "{file}");
        }
    }
}
