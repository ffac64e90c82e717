//! A memory limit for the service: a control group of its own where one may be made, or a limit on each process's data.
//!
//! Does not know: what runs under it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A limit; a control group goes with the value.
#[derive(Debug)]
pub(crate) enum Limit {
    /// Below one of the kernel's hierarchies.
    Group {
        /// Of the kernel's interface.
        version: u8,
        /// The group's folder.
        folder: PathBuf,
    },
    /// `RLIMIT_DATA`, for each process.
    Data {
        /// How much.
        bytes: u64,
    },
}

impl Limit {
    /// A control group, or a limit on data where none may be made.
    pub(crate) fn new(bytes: u64) -> Self {
        let group = |version, hierarchy, file| Self::group(version, Path::new(hierarchy), file, bytes);
        group(2, "/sys/fs/cgroup", "memory.max")
            .or_else(|| group(1, "/sys/fs/cgroup/memory", "memory.limit_in_bytes"))
            .unwrap_or(Self::Data { bytes })
    }

    fn group(version: u8, hierarchy: &Path, file: &str, bytes: u64) -> Option<Self> {
        let folder = hierarchy.join(format!("strata-example-{}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        let group = Self::Group { version, folder: folder.clone() };
        // A group has its files from the start, if its hierarchy has the controller; `group` goes if not.
        let has_limit = folder.join(file).exists() && folder.join("cgroup.procs").exists();
        let is_set = has_limit && fs::write(folder.join(file), bytes.to_string()).is_ok();
        is_set.then_some(group)
    }

    /// A command that runs `program` below the limit: a shell enters it and becomes the program.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        match self {
            Self::Group { folder, .. } => {
                command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(folder.join("cgroup.procs"));
            }
            Self::Data { bytes } => {
                command.args(["-c", "ulimit -d \"$0\" && exec \"$@\""]).arg((bytes >> 10).to_string());
            }
        }
        command.arg(program);
        command
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Self::Group { folder, .. } = self {
            // A process that has just ended may still be counted.
            let _gone = (0..50).any(|_| {
                thread::sleep(Duration::from_millis(20));
                fs::remove_dir(&folder).is_ok()
            });
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group { version, .. } => write!(f, "a control group (version {version})"),
            Self::Data { .. } => f.write_str("RLIMIT_DATA"),
        }
    }
}
