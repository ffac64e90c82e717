//! A compiler that adds one `--cfg` to the packages of the workspace: a mutant, or a heuristic left out.
//!
//! `RUSTFLAGS` reach every crate, so a cfg chosen by them would rebuild loom and all that it uses, once for each value.
//! Cargo's `RUSTC_WORKSPACE_WRAPPER` is put before `rustc` for the packages of the workspace only, and its *path* is part of
//! what names their artifacts. So each value gets a link to this very program under a name of its own,
//! `strata-cfg-NAME=VALUE`; started under such a name, it runs the compiler that cargo hands it, with
//! `--cfg NAME="VALUE"` added. What others wrote is built once; artifacts of one value are never taken for another's; nothing is
//! rebuilt when a value is used again. An environment variable instead of the name would not be seen by cargo, which would
//! then hand out the artifacts of the value before.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const PREFIX: &str = "strata-cfg-";

/// A `--cfg` with a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cfg {
    name: String,
    value: String,
}

impl Cfg {
    pub(crate) fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }

    /// The compiler that adds it, below the folder `target`.
    pub(crate) fn compiler(&self, target: &Path) -> Result<PathBuf> {
        let folder = target.join("compilers");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let link = folder.join(format!("{PREFIX}{}={}", self.name, self.value));
        // A link of an earlier run may lead to a program that is gone.
        let _ = std::fs::remove_file(&link);
        let this = std::env::current_exe().context("finding this program")?;
        std::os::unix::fs::symlink(this, &link).with_context(|| format!("linking {}", link.display()))?;
        Ok(link)
    }

    /// The one that this program was started to add.
    pub(crate) fn asked_for() -> Option<Self> {
        Self::named(&std::env::args_os().next()?)
    }

    fn named(program: &OsStr) -> Option<Self> {
        let (name, value) =
            Path::new(program).file_name()?.to_str()?.strip_prefix(PREFIX)?.split_once('=')?;
        Some(Self::new(name, value))
    }

    /// Becomes the compiler that cargo names in the first argument.
    pub(crate) fn compile(&self) -> Result<()> {
        let mut arguments = std::env::args_os().skip(1);
        let Some(rustc) = arguments.next() else { bail!("cargo names no compiler") };
        let cfg = format!("{}=\"{}\"", self.name, self.value);
        let error = Command::new(&rustc).args(arguments).args(["--cfg", &cfg]).exec();
        Err(error).with_context(|| format!("starting {}", rustc.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_name_tells_what_is_added() {
        let asked = |name: &str| Cfg::named(OsStr::new(name));
        assert_eq!(
            asked("a/strata-cfg-strata_mutant=push_relaxed"),
            Some(Cfg::new("strata_mutant", "push_relaxed"))
        );
        assert_eq!(asked("target/debug/xtask"), None);
    }
}
