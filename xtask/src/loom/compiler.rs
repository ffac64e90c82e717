//! A compiler that puts one fault in.
//!
//! `RUSTFLAGS` reach every crate, so a fault chosen by them would rebuild loom and all that it uses, once for each fault.
//! Cargo's `RUSTC_WORKSPACE_WRAPPER` is put before `rustc` for the packages of the workspace only, and its *path* is part of
//! what names their artifacts. So each fault gets a link to this very program under a name of its own,
//! `strata-mutant-NAME`; started under such a name, it runs the compiler that cargo hands it, with
//! `--cfg strata_mutant="NAME"` added. loom is built once; artifacts of one fault are never taken for another's; nothing is
//! rebuilt when a fault is run again. An environment variable instead of the name would not be seen by cargo, which would
//! then hand out the artifacts of the fault before.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const PREFIX: &str = "strata-mutant-";

/// The compiler for this fault, below the folder `target`.
pub(super) fn for_fault(target: &Path, fault: &str) -> Result<PathBuf> {
    let folder = target.join("compilers");
    std::fs::create_dir_all(&folder).context("making room for the faults' compilers")?;
    let link = folder.join(format!("{PREFIX}{fault}"));
    // A link of an earlier run may lead to a program that is gone.
    let _ = std::fs::remove_file(&link);
    let this = std::env::current_exe().context("finding this program")?;
    std::os::unix::fs::symlink(this, &link).with_context(|| format!("linking {}", link.display()))?;
    Ok(link)
}

/// The fault, if this program was started as its compiler.
pub(crate) fn asked_for() -> Option<String> {
    fault_in(&std::env::args_os().next()?).map(str::to_owned)
}

fn fault_in(name: &OsStr) -> Option<&str> {
    Path::new(name).file_name()?.to_str()?.strip_prefix(PREFIX)
}

/// Becomes the compiler that cargo names in the first argument.
pub(crate) fn compile_with(fault: &str) -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(rustc) = arguments.next() else { bail!("cargo names no compiler") };
    let error =
        Command::new(&rustc).args(arguments).args(["--cfg", &format!("strata_mutant=\"{fault}\"")]).exec();
    Err(error).with_context(|| format!("starting {}", rustc.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_fault() {
        assert_eq!(fault_in(OsStr::new("a/strata-mutant-push_relaxed")), Some("push_relaxed"));
        assert_eq!(fault_in(OsStr::new("target/debug/xtask")), None);
    }
}
