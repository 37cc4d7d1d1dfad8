//! A process under `ptrace`, killed at a call of the system that is chosen by its number. Knows calls, and nothing of what
//! they are for.

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Calls that change files or their names, or tell the other side of a pipe. Between two of these nothing changes that
/// outlives the process, so calls that only read are left out.
#[cfg(target_arch = "x86_64")]
const CALLS: [(i64, &str); 20] = [
    (libc::SYS_write, "write"),
    (PWRITE, "pwrite64"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_pwritev, "pwritev"),
    (libc::SYS_open, "open"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_close, "close"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_sync_file_range, "sync_file_range"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_mmap, "mmap"),
];
#[cfg(target_arch = "x86_64")]
const PWRITE: i64 = libc::SYS_pwrite64;

/// Where to kill: before the call of this number is carried out, or if it is a write when so many bytes of it are.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    pub call: u64,
    pub written: u64,
}

/// How a traced process ended.
pub enum Ended {
    /// Killed, at this call.
    Killed(Call),
    /// By itself.
    Alone(WaitStatus),
}

/// A call that was not carried out as a whole.
#[derive(Debug, Clone)]
pub struct Call {
    pub name: &'static str,
    /// If it is a write: how many bytes of it may be written when it is cut short.
    pub cuts: Vec<u64>,
}

/// Some of the places where a write may be cut off: at boundaries between sectors of the file. (The kernel, when it cuts
/// a write short because the process is killed, does so between pages.)
fn cuts(offset: u64, len: u64) -> Vec<u64> {
    const SECTOR: u64 = 512;
    let boundary = |within: u64| (offset + within).next_multiple_of(SECTOR) - offset;
    let mut cuts: Vec<_> = [1, len / 2, len.saturating_sub(SECTOR)].into_iter().map(boundary).collect();
    cuts.retain(|cut| (1..len).contains(cut));
    cuts.dedup();
    cuts
}

/// Whether this machine can trace.
pub fn supported() -> Result<(), String> {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        return Err("registers are known of x86_64 Linux only".into());
    }
    Ok(())
}

/// To be called by the process that is to be traced.
pub fn wait_for_tracer() {
    ptrace::traceme().and_then(|()| raise(Signal::SIGSTOP)).expect("a parent that traces");
}

/// Lets a child that waits for its tracer go until it is to be killed. Its other threads are not watched.
#[cfg(target_arch = "x86_64")]
pub fn trace(child: u32, stop: Stop) -> nix::Result<Ended> {
    let pid = Pid::from_raw(child as i32);
    let first = waitpid(pid, None)?;
    if !matches!(first, WaitStatus::Stopped(_, Signal::SIGSTOP)) {
        return Ok(Ended::Alone(first));
    }
    ptrace::setoptions(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL)?;
    let mut number = 0;
    let mut entering = true;
    let mut signal = None;
    loop {
        ptrace::syscall(pid, signal.take())?;
        match waitpid(pid, None)? {
            WaitStatus::PtraceSyscall(_) if entering => {
                entering = false;
                let mut registers = ptrace::getregs(pid)?;
                let Some((_, name)) = CALLS.iter().find(|(call, _)| *call == registers.orig_rax as i64) else {
                    continue;
                };
                number += 1;
                if number != stop.call {
                    continue;
                }
                // Its third and fourth arguments: length and offset.
                let is_write = registers.orig_rax == PWRITE as u64;
                let cuts = if is_write { cuts(registers.r10, registers.rdx) } else { Vec::new() };
                if is_write && stop.written > 0 {
                    registers.rdx = registers.rdx.min(stop.written);
                    ptrace::setregs(pid, registers)?;
                    // To the end of the call.
                    ptrace::syscall(pid, None)?;
                    waitpid(pid, None)?;
                }
                kill(pid, Signal::SIGKILL)?;
                while !matches!(waitpid(pid, None)?, WaitStatus::Signaled(..) | WaitStatus::Exited(..)) {}
                return Ok(Ended::Killed(Call { name, cuts }));
            }
            WaitStatus::PtraceSyscall(_) => entering = true,
            WaitStatus::Stopped(_, other) => signal = Some(other),
            ended @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return Ok(Ended::Alone(ended)),
            _ => {}
        }
    }
}

/// Not here: see [`supported`].
#[cfg(not(target_arch = "x86_64"))]
pub fn trace(_: u32, _: Stop) -> nix::Result<Ended> {
    Err(nix::Error::ENOSYS)
}
