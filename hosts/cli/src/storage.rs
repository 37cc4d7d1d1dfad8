//! How the commands open a storage directory, whichever layout its databases have.

use crate::args::StorageDir;
use crate::exceptions::Exception;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::place;
use crate::sight::Sight;
use jvdb_core::{Access, Database, Layout, Options, Storage};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A directory, open for reading: an opening for each layout in which there are databases.
pub struct Directory {
    path: PathBuf,
    parts: Vec<(Layout, Storage)>,
    skipped: Vec<Exception>,
}

impl StorageDir {
    /// For reading: no lock, no change, and a directory that does not exist is an error. Every record that is read is
    /// checked, so that nothing damaged is printed or exported as if it were sound.
    pub fn open_for_reading(&self) -> Result<Directory, Failure> {
        Directory::open(&self.storage, &Options::default().read_only(true).verify_checksums(true))
    }

    /// For reading all of it, on a disk that may be failing: as for reading, but a sector that cannot be read is an error
    /// and not a signal.
    pub fn open_for_checking(&self) -> Result<Directory, Failure> {
        Directory::open(&self.storage, &Options::default().read_only(true).access(Access::File))
    }

    /// For repair of a database: takes the lock, and reads as for checking. Tells its layout as well.
    pub fn open_for_repair(&self, name: &str) -> Result<(Layout, Storage), Failure> {
        let layout = self.open_for_checking()?.layout_of(name)?;
        let options = Options::default().create(false).access(Access::File).layout(layout);
        Ok((layout, Storage::open(&self.storage, options)?))
    }

    /// For changing a database that is there: takes the lock.
    pub fn open_for_change(&self, name: &str) -> Result<Storage, Failure> {
        let layout = self.open_for_reading()?.layout_of(name)?;
        Ok(Storage::open(&self.storage, Options::default().create(false).layout(layout))?)
    }

    /// For changing databases of one layout that are there: takes the lock.
    pub fn open_layout(&self, layout: Layout) -> Result<Storage, Failure> {
        Ok(Storage::open(&self.storage, Options::default().create(false).access(Access::File).layout(layout))?)
    }

    /// For dropping a database, which need be none that can be opened: takes the lock.
    pub fn open_for_dropping(&self, name: &str) -> Result<Storage, Failure> {
        let layout = self.open_for_reading()?.part_of(name)?.0;
        Ok(Storage::open(&self.storage, Options::default().create(false).layout(layout))?)
    }

    /// For writing: takes the lock, and creates the directory if it is missing. One without databases gets them in `layout`.
    pub fn open_for_writing(&self, layout: Layout) -> Result<Storage, Failure> {
        let layout = self.layout_for_writing(layout)?;
        Ok(Storage::open(&self.storage, Options::default().layout(layout))?)
    }

    /// The layout in which new databases are made: that of those that are there, or else `layout`.
    pub fn layout_for_writing(&self, layout: Layout) -> Result<Layout, Failure> {
        let layouts = if self.storage.exists() { Sight::of(&self.storage)?.layouts() } else { Vec::new() };
        match layouts[..] {
            [] => Ok(layout),
            [one] => Ok(one),
            _ => Err(Failure::TwoLayouts { path: self.storage.clone() }),
        }
    }
}

/// A directory of backups, of either layout, for reading all of it.
pub fn open_backups(path: &Path) -> Result<Directory, Failure> {
    StorageDir { storage: path.to_owned() }.open_for_checking()
}

impl Directory {
    fn open(path: &Path, options: &Options) -> Result<Self, Failure> {
        let mut sight = Sight::of(path)?;
        let mut layouts = sight.layouts();
        if layouts.is_empty() && sight.skipped.is_empty() {
            if !sight.is_storage {
                return Err(Failure::NoDatabases { path: path.to_owned() });
            }
            // Nothing is left to do if standard error itself is gone.
            let _ = writeln!(io::stderr(), "jvdb: {} is a storage directory without databases", path.display());
        }
        if layouts.is_empty() {
            layouts.push(Layout::Flat);
        }
        let mut parts = Vec::new();
        for layout in layouts {
            let storage = Storage::open(path, options.clone().layout(layout))?;
            sight.compare(path, layout, &storage.list()?);
            parts.push((layout, storage));
        }
        Ok(Self { path: path.to_owned(), parts, skipped: sight.skipped })
    }

    /// The one database that was asked for, or all of them; and what was passed over for having the name of one only.
    pub fn names(&self, wanted: Option<&str>) -> Result<(Vec<String>, Vec<Exception>), Failure> {
        if let Some(name) = wanted {
            return Ok((vec![name.to_owned()], Vec::new()));
        }
        let mut names = BTreeSet::new();
        for (_, storage) in &self.parts {
            names.extend(storage.list()?);
        }
        Ok((names.into_iter().collect(), self.skipped.clone()))
    }

    /// Opens a database.
    pub fn database(&self, name: &str) -> Result<Database, Failure> {
        let (_, storage) = self.part_of(name)?;
        Ok(storage.database(name)?)
    }

    /// What to say of a database that was listed a moment ago, and failed so. Nothing, if it was dropped since.
    pub fn exception(&self, name: &str, failure: &Failure) -> Option<Exception> {
        let is_listed =
            |(_, storage): &(Layout, Storage)| storage.list().is_ok_and(|names| names.iter().any(|it| it == name));
        let is_dropped = failure.kind() == Kind::Absent && self.path.exists() && !self.parts.iter().any(is_listed);
        (!is_dropped).then(|| Exception::new(name, failure))
    }

    /// The layouts in which there are databases, or may be.
    pub fn layouts(&self) -> impl Iterator<Item = Layout> {
        self.parts.iter().map(|(layout, _)| *layout)
    }

    /// The file of a database, whatever is in it.
    pub fn file_of(&self, name: &str) -> Result<PathBuf, Failure> {
        let (layout, _) = self.part_of(name)?;
        Ok(place::file_of(&self.path, *layout, name))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The layout of a database that this build can open, or repair.
    fn layout_of(&self, name: &str) -> Result<Layout, Failure> {
        let (layout, storage) = self.part_of(name)?;
        match storage.database(name) {
            // It is sound, and nothing that a repair knows.
            Err(error @ jvdb_core::Error::UnsupportedVersion { version: 1, .. }) => Err(error.into()),
            _ => Ok(*layout),
        }
    }

    fn part_of(&self, name: &str) -> Result<&(Layout, Storage), Failure> {
        let mut found = None;
        for part in &self.parts {
            if part.1.exists(name)? && found.replace(part).is_some() {
                return Err(Failure::TwoDatabases { name: name.to_owned(), path: self.path.clone() });
            }
        }
        found.ok_or_else(|| Failure::NoDatabase { name: name.to_owned(), path: self.path.clone() })
    }
}
