//! Why a process cannot be inspected, in one line with the remedy.
//!
//! Does not know: what was to be read.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;

/// Why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such process.
    Missing(u32),
    /// It has no memory: it has ended, or is the kernel's own.
    Empty(u32),
    /// It runs as this user.
    OtherUser(u32, u32),
    /// It forbids it.
    NotDumpable(u32),
    /// Yama allows its ancestors alone.
    Yama(u32, u32),
    /// Some other rule forbids it.
    Forbidden(u32, String),
    /// There is no allocator of ours in it.
    NoStrata(u32, String),
    /// There is one that is built otherwise.
    OtherVersion(u32, u32),
}

impl Error for Refusal {}

impl Display for Refusal {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(pid) => write!(out, "there is no process {pid}"),
            Self::Empty(pid) => {
                write!(out, "process {pid} has no memory: it has ended, or is a thread of the kernel's")
            }
            Self::OtherUser(pid, user) => {
                write!(out, "process {pid} runs as user {user}: run this command as that user, or with sudo")
            }
            Self::NotDumpable(pid) => write!(
                out,
                "process {pid} may not be read by its own user (PR_SET_DUMPABLE is 0, or it changed its rights): run \
this command with sudo"
            ),
            Self::Yama(pid, scope) => write!(
                out,
                "reading process {pid} is forbidden by Yama (kernel.yama.ptrace_scope is {scope}): run this command with \
sudo, or allow it until the next boot by `sudo sysctl kernel.yama.ptrace_scope=0`"
            ),
            Self::Forbidden(pid, why) if is_root() => write!(
                out,
                "the kernel forbids to read process {pid} ({why}), although this is root: in a container CAP_SYS_PTRACE is \
needed, or run this command on the host"
            ),
            Self::Forbidden(pid, why) => write!(
                out,
                "the kernel forbids to read process {pid} ({why}): run this command with sudo; in a container it needs \
CAP_SYS_PTRACE"
            ),
            Self::NoStrata(pid, name) => write!(
                out,
                "process {pid} ({name}) does not run on Strata: start it by `strata run -- PROGRAM`, or make Strata its \
global allocator"
            ),
            Self::OtherVersion(pid, version) => write!(
                out,
                "process {pid} runs a Strata whose structures have version {version}, and this command reads version {}: \
use the command of the same release",
                strata_inspect::OFFSETS_VERSION
            ),
        }
    }
}

impl Refusal {
    /// Why a file of `/proc/PID` could not be opened or read.
    pub(crate) fn of_file(pid: u32, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing(pid),
            ErrorKind::PermissionDenied => Self::of_rights(pid, error),
            _ if error.raw_os_error() == Some(libc::ESRCH) => Self::Missing(pid),
            _ => Self::Forbidden(pid, error.to_string()),
        }
    }

    fn of_rights(pid: u32, error: &io::Error) -> Self {
        let own = user();
        match owner(pid) {
            Some(user) if user != own && own != 0 => Self::OtherUser(pid, user),
            Some(user) if user == own && own != 0 => Self::NotDumpable(pid),
            _ => Self::Forbidden(pid, error.to_string()),
        }
    }

    /// Why memory could not be read, although the list of mappings could.
    pub(crate) fn of_memory(pid: u32, error: &io::Error) -> Self {
        let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
        match scope.and_then(|text| text.trim().parse().ok()) {
            Some(scope) if scope > 0 => Self::Yama(pid, scope),
            _ => Self::Forbidden(pid, error.to_string()),
        }
    }
}

/// The user that runs this command.
fn user() -> u32 {
    // SAFETY: asks for a number.
    unsafe { libc::geteuid() }
}

fn is_root() -> bool {
    user() == 0
}

/// The user of a process: the second number of the line, since files of one that is not dumpable are root's.
fn owner(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok();
    let line = status.as_ref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("Uid:")));
    match line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()) {
        Some(user) => Some(user),
        None => fs::metadata(format!("/proc/{pid}")).ok().map(|found| found.uid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_one_line_with_what_to_do() {
        for (refusal, remedy) in [
            (Refusal::Missing(7), "there is no process 7"),
            (Refusal::Empty(7), "a thread of the kernel's"),
            (Refusal::OtherUser(7, 1000), "as that user, or with sudo"),
            (Refusal::NotDumpable(7), "with sudo"),
            (Refusal::Yama(7, 1), "`sudo sysctl kernel.yama.ptrace_scope=0`"),
            (Refusal::Forbidden(7, "Operation not permitted".to_owned()), "CAP_SYS_PTRACE"),
            (Refusal::NoStrata(7, "cat".to_owned()), "`strata run -- PROGRAM`"),
            (Refusal::OtherVersion(7, 1), "use the command of the same release"),
        ] {
            let said = refusal.to_string();
            assert!(said.contains(remedy) && said.contains('7') && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn what_the_kernel_says_is_told_apart() {
        let own = std::process::id();
        let denied = io::Error::from_raw_os_error(libc::EACCES);
        // A process of our own that forbids it; for root it can only be a rule of the kernel's.
        let refusal = Refusal::of_file(own, &denied);
        match refusal {
            Refusal::Forbidden(..) => assert!(is_root()),
            other => assert_eq!(other, Refusal::NotDumpable(own)),
        }
        let missing = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(Refusal::of_file(4_999_999, &missing), Refusal::Missing(4_999_999));
        let ended = io::Error::from_raw_os_error(libc::ESRCH);
        assert_eq!(Refusal::of_file(4_999_999, &ended), Refusal::Missing(4_999_999));
    }
}
