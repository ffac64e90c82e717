//! The folder in which programs run: their inputs, and a new empty folder for each run. It is gone afterwards.
//!
//! It lies where every user can read, since PostgreSQL does not run as root.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// Debian's programs, and not others that stand in front of them.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";
const FOR_ALL: u32 = 0o755;

pub(super) struct Place {
    folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("strata-programs-")
            .permissions(Permissions::from_mode(FOR_ALL))
            .tempdir()
            .context("making a temporary folder")?;
        fs::create_dir(folder.path().join("inputs")).context("making a folder for inputs")?;
        Ok(Self { folder })
    }

    /// Where an input lies, or is to be put.
    pub(super) fn input(&self, name: &str) -> PathBuf {
        self.folder.path().join("inputs").join(name)
    }

    /// Puts an input there.
    pub(super) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.input(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    }

    /// A copy that every user can read.
    pub(super) fn shared(&self, file: &Path, name: &str) -> Result<PathBuf> {
        let copy = self.folder.path().join(name);
        fs::copy(file, &copy).with_context(|| format!("copying {}", file.display()))?;
        fs::set_permissions(&copy, Permissions::from_mode(FOR_ALL)).context("setting permissions")?;
        Ok(copy)
    }

    /// A new empty folder for one run.
    pub(super) fn scratch(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix("run-")
            .permissions(Permissions::from_mode(FOR_ALL))
            .tempdir_in(self.folder.path())
            .context("making a folder for a run")
    }

    /// A program in the same small environment everywhere, without any allocator.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs([("PATH", PATH), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")]);
        command.env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }
}

/// Runs a command that prepares or asks something; what it prints, or an error with what it said.
pub(super) fn ask(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {program}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{program} ended with {}: {}{said}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(said)
}
