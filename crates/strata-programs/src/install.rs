//! Debian packages: what is missing is installed, where that is possible.
//!
//! Does not know: what they are for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use strata_harness::process::succeed;

/// Names of which a release of Debian has one: the first that is there is meant.
pub(super) type Package = &'static [&'static str];

/// Installs those that are missing; an error that says what to do where that cannot be done.
pub(super) fn ensure<'a>(packages: impl Iterator<Item = &'a Package>) -> Result<()> {
    if !answers("dpkg-query", &["--version"]) {
        bail!(
            "these programs and libraries are Debian's packages, and here is no dpkg: \
             run this on Debian or Ubuntu, or in a container of one"
        );
    }
    let missing: BTreeSet<Package> =
        packages.copied().filter(|package| installed(package).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)?;
    match missing.iter().find(|package| installed(package).is_none()) {
        Some(package) => bail!("apt-get succeeded, and yet there is no {}", package.join(" or ")),
        None => Ok(()),
    }
}

fn install(missing: &BTreeSet<Package>) -> Result<()> {
    if !answers("apt-get", &["--version"]) || !nix::unistd::geteuid().is_root() {
        bail!("{}", by_hand(missing));
    }
    // A list of packages that is out of date names files that are gone.
    succeed(apt_get().args(["update", "--quiet"]))?;
    let names = missing.iter().map(|package| available(package)).collect::<Result<Vec<_>>>()?;
    succeed(apt_get().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(names))
}

/// Servers that come with a package are not started: we start our own.
fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").stdin(Stdio::null());
    command
}

fn by_hand(missing: &BTreeSet<Package>) -> String {
    let names: Vec<&str> = missing.iter().filter_map(|package| package.first().copied()).collect();
    format!(
        "some packages are missing, and only root can install them. Do this once, then come again:\n  \
         sudo apt-get update && sudo apt-get install --no-install-recommends {}\n\
         or leave programs out with --only",
        names.join(" ")
    )
}

/// The name that is installed.
pub(super) fn installed(package: Package) -> Option<&'static str> {
    let is_installed = |name: &&&str| {
        let answer =
            Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status} ", name]).output();
        answer.is_ok_and(|answer| {
            String::from_utf8_lossy(&answer.stdout).split(' ').any(|word| word == "installed")
        })
    };
    package.iter().find(is_installed).copied()
}

/// Its version, to be named beside what was measured.
pub(super) fn version(name: &str) -> Option<String> {
    let answer =
        Command::new("dpkg-query").args(["--show", "--showformat=${Version} ", name]).output().ok()?;
    String::from_utf8_lossy(&answer.stdout).split_whitespace().next().map(str::to_owned)
}

/// The name that can be installed.
fn available(package: Package) -> Result<&'static str> {
    let is_available = |name: &&&str| {
        let answer = Command::new("apt-cache").args(["policy", name]).output();
        answer.is_ok_and(|answer| {
            let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
            answer.contains("Candidate:") && !answer.contains("Candidate: (none)")
        })
    };
    let found = package.iter().find(is_available).copied();
    found.with_context(|| format!("this release of Debian has no package {}", package.join(" or ")))
}

/// The first file of the installed package whose name starts like this.
pub(super) fn file(package: Package, prefix: &str) -> Result<PathBuf> {
    let name = installed(package).with_context(|| format!("{} is not installed", package.join(" or ")))?;
    let answer =
        Command::new("dpkg-query").args(["--listfiles", name]).output().context("asking dpkg-query")?;
    let files = String::from_utf8_lossy(&answer.stdout).into_owned();
    let starts = |line: &&str| line.rsplit('/').next().is_some_and(|file| file.starts_with(prefix));
    files.lines().find(starts).map(PathBuf::from).with_context(|| format!("{name} has no file {prefix}…"))
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_type_names_what_is_missing() {
        let missing: BTreeSet<Package> = [&["a", "a-other-release"][..], &["b"]].into();
        assert!(by_hand(&missing).contains("--no-install-recommends a b\n"));
    }

    #[test]
    fn a_package_that_nobody_has_is_not_installed() {
        assert_eq!(installed(&["no-such-package-at-all"]), None);
    }
}
