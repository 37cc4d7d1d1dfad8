//! Disks that are small: mounted where that is allowed, and unmounted whatever happens. Knows nothing of databases.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kinds of disk there are.
pub const KINDS: [Kind; 3] = [Kind::Tmpfs, Kind::Ext4, Kind::Limit];

/// How a disk comes to be small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Memory with a bound.
    Tmpfs,
    /// A file system in a file.
    Ext4,
    /// A bound on the length of the process's files.
    Limit,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4 on a loop device",
            Self::Limit => "RLIMIT_FSIZE",
        })
    }
}

/// Bytes of the tmpfs, and of the limit: no multiple of anything, so that it falls into the middle of a record.
const SMALL: u64 = 4 << 20;
const ODD: u64 = 12_345;
/// Bytes of the ext4 image, some of which are its own.
const IMAGE: u64 = 12 << 20;

/// One small disk, gone when this is dropped.
pub struct Disk {
    kind: Kind,
    path: PathBuf,
    image: Option<PathBuf>,
}

impl Disk {
    /// Makes one; the inner error says why there can be none here.
    pub fn make(kind: Kind, scratch: &Path) -> std::io::Result<Result<Self, String>> {
        let path = scratch.join("disk");
        fs::create_dir_all(&path)?;
        let mut disk = Self { kind, path, image: None };
        let made = match kind {
            Kind::Limit => Ok(()),
            Kind::Tmpfs => {
                let size = format!("size={SMALL}");
                run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk.path))
            }
            Kind::Ext4 => {
                let image = scratch.join("image");
                File::create(&image)?.set_len(IMAGE)?;
                disk.image = Some(image.clone());
                run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image))
                    .and_then(|()| run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&disk.path)))
            }
        };
        Ok(match made {
            Ok(()) => Ok(disk),
            Err(why) => {
                // There is nothing to unmount.
                disk.kind = Kind::Limit;
                Err(why)
            }
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that files of the process may have; 0 for no limit.
    pub fn limit(&self) -> u64 {
        if self.kind == Kind::Limit { SMALL + ODD } else { 0 }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.kind != Kind::Limit
            && let Err(why) = run(Command::new("umount").arg(&self.path))
        {
            eprintln!("full: {why}");
        }
        // What cannot be removed goes with the scratch directory.
        let _ = fs::remove_dir_all(&self.path);
        if let Some(image) = &self.image {
            let _ = fs::remove_file(image);
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {complaint}")) }
}
