//! Making a database file.

use crate::format::superblock::Superblock;
use crate::format::{file_name, head};
use crate::medium::Volume;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::schema::Schema;
use std::io::ErrorKind;

/// Writes a new database file, empty but for what `fill` puts into the file of the name that it is given, durably. It has its
/// own name only when it is whole and durable.
pub(crate) fn create(
    volume: &dyn Volume,
    file: &str,
    schema: Schema,
    uuid: [u8; 16],
    fill: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let path = volume.path_of(file);
    let temporary = file_name::temporary(file);
    let failed = |action| {
        let path = path.clone();
        move |source| Error::io(action, path, source)
    };
    let superblock = Superblock::first(uuid, schema);
    let made = (|| {
        let medium = volume.create(&temporary).map_err(failed("create"))?;
        head::write(&*medium, &superblock).map_err(failed("write"))?;
        if !broken(Mutant::CreateUnsynced) {
            medium.sync().map_err(failed("sync"))?;
        }
        drop(medium);
        fill(&temporary)?;
        let renamed = volume.rename(&temporary, file).or_else(|error| match volume.size(&temporary) {
            // The call failed, and the file has its new name all the same.
            Err(gone) if gone.kind() == ErrorKind::NotFound => volume.size(file).map(drop).map_err(|_| error),
            _ => Err(error),
        });
        renamed.map_err(failed("rename"))
    })();
    if made.is_err() {
        // The error that counts is the one above.
        let _ = volume.remove(&temporary);
    }
    made?;
    if broken(Mutant::NoDirectorySync) {
        return Ok(());
    }
    volume.sync().map_err(failed("sync the directory of")).inspect_err(|_| {
        // A file that a loss of power may take is better not there at all.
        let _ = volume.remove(file);
    })
}
