//! A file system of its own in a file, and the end of its power.
//!
//! Nothing of it can be left behind, however the process ends: it is mounted where no other process sees it, the loop
//! device goes with the mount, and the file has no name. (A directory to mount on, empty, is all a kill can leave.)

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use rustix::ioctl::{Setter, ioctl};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A kind of file system.
pub struct Kind {
    pub name: &'static str,
    /// The program that makes one, and its arguments.
    pub mkfs: &'static [&'static str],
    /// Options of mounting, which cycles take in turn.
    pub options: &'static [&'static str],
    /// Bytes of the device.
    pub size: u64,
}

pub const EXT4: Kind = Kind {
    name: "ext4",
    mkfs: &["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    // What is written when: data before its metadata, in no order at all, through the journal, without delay,
    // without the care for those who rename without a sync.
    options: &[
        "loop,noatime",
        "loop,noatime,data=writeback",
        "loop,noatime,data=journal",
        "loop,noatime,nodelalloc",
        "loop,noatime,noauto_da_alloc",
    ],
    size: 160 << 20,
};

pub const XFS: Kind =
    Kind { name: "xfs", mkfs: &["mkfs.xfs", "-q", "-f"], options: &["loop,noatime"], size: 320 << 20 };

/// A disk with a file system, mounted or not.
pub struct Disk {
    kind: &'static Kind,
    image: File,
    mount: TempDir,
    mounted: bool,
}

/// Puts this process where its mounts are its own.
pub fn seclude() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("only root can mount file systems".into());
    }
    let none: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none))
        .map_err(|error| format!("no mounts of its own: {error}"))
}

/// Runs a program. If it fails, why.
fn done(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

impl Disk {
    /// Makes a file system, its image in `home`. An error is a reason why this machine cannot.
    pub fn make(kind: &'static Kind, home: &Path) -> Result<Self, String> {
        // Of one that is a module the kernel may not know yet.
        let _ = done(Command::new("modprobe").arg(kind.name));
        let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !known.split_whitespace().any(|name| name == kind.name) {
            return Err(format!("the kernel has no {}", kind.name));
        }
        let text = |error: io::Error| error.to_string();
        let image = tempfile::tempfile_in(home).map_err(text)?;
        image.set_len(kind.size).map_err(text)?;
        let mount = TempDir::with_prefix("jvdb-mount-").map_err(text)?;
        let mut disk = Self { kind, image, mount, mounted: false };
        let (program, arguments) = kind.mkfs.split_first().expect("a program");
        done(Command::new(program).args(arguments).arg(disk.path()))?;
        disk.mount(0)?;
        fs::create_dir(disk.directory()).map_err(text)?;
        disk.unmount().map_err(text)?;
        Ok(disk)
    }

    /// A path of the image, for the programs that this process starts.
    fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.image.as_raw_fd()).into()
    }

    /// A directory on it.
    pub fn directory(&self) -> PathBuf {
        self.mount.path().join("data")
    }

    /// Mounts it, with the options that are `turn`'s. Recovers its journal if need be. Nothing is remembered from before:
    /// the loop device is a new one, and its cache empty.
    pub fn mount(&mut self, turn: u64) -> Result<(), String> {
        let options = self.kind.options[(turn % self.kind.options.len() as u64) as usize];
        let mut command = Command::new("mount");
        command.args(["-t", self.kind.name, "-o", options]).arg(self.path()).arg(self.mount.path());
        done(&mut command)?;
        self.mounted = true;
        Ok(())
    }

    pub fn unmount(&mut self) -> io::Result<()> {
        // Whoever had it open has been waited for, and may still be on its way out.
        for _ in 0..500 {
            match umount2(self.mount.path(), MntFlags::empty()) {
                Err(nix::Error::EBUSY) => std::thread::sleep(Duration::from_millis(2)),
                other => {
                    self.mounted = other.is_err();
                    return Ok(other?);
                }
            }
        }
        Err(nix::Error::EBUSY.into())
    }

    /// From here on nothing reaches the device: what the file system has in memory is lost, its journal included.
    pub fn cut_power(&self) -> io::Result<()> {
        /// `EXT4_IOC_SHUTDOWN`, `XFS_IOC_GOINGDOWN`.
        const SHUTDOWN: u32 = 0x8004_587d;
        const NO_LOG_FLUSH: u32 = 2;
        let top = File::open(self.mount.path())?;
        #[expect(unsafe_code, reason = "there is no safe way to ask for this")]
        // SAFETY: the operation reads one 32-bit number from the address it is given, on the file systems of this file;
        // others refuse it.
        unsafe {
            ioctl(&top, Setter::<{ SHUTDOWN as _ }, u32>::new(NO_LOG_FLUSH))?;
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Nobody is there to be told.
            let _ = umount2(self.mount.path(), MntFlags::MNT_DETACH);
        }
    }
}
