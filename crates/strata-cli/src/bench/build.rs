//! Builds the benchmark binaries with cargo, whose own progress shows on the terminal.
//!
//! Allocators that need a feature are built in a second call: a feature that comes and goes would otherwise link
//! everything again.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;

use super::preload;
use super::variants::Variant;
use super::workspace::{Allocator, PACKAGE, Workspace};

/// A binary and what is preloaded into it.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) preload: Option<PathBuf>,
    pub(crate) variant: Option<&'static Variant>,
}

/// Each allocator's program.
pub(crate) type Binaries = BTreeMap<String, Program>;

/// Which workloads are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Those that take little time to build: what a first table has, in half the time.
    Plain,
    /// All.
    Whole,
}

/// Builds what is not yet built.
pub(crate) fn build(workspace: &Workspace, allocators: &[Allocator], extent: Extent) -> Result<Binaries> {
    let (plain, featured): (Vec<_>, Vec<_>) =
        allocators.iter().partition(|allocator| allocator.features.is_empty());
    let names: Vec<&str> = allocators.iter().map(|allocator| &*allocator.name).collect();
    let folder = workspace.target.display();
    eprintln!("building in {folder}: {} (minutes the first time, each with fat LTO)", names.join(", "));
    let start = Instant::now();
    let mut binaries = Binaries::new();
    if allocators.iter().any(|allocator| allocator.name == preload::OWN) {
        build_own_library(&workspace.root)?;
    }
    for group in [plain, featured].iter().filter(|group| !group.is_empty()) {
        build_group(&workspace.root, group, extent, &mut binaries)?;
    }
    eprintln!("built in {:.0} s", start.elapsed().as_secs_f64());
    Ok(binaries)
}

/// In a call of its own: beside the binaries, features of both would be joined.
fn build_own_library(root: &Path) -> Result<()> {
    let mut command = cargo(root);
    command.args(["build", "--release", "--lib", "--package", preload::OWN_PACKAGE]);
    if command.status().context("cannot start cargo: is it in PATH?")?.success() {
        Ok(())
    } else {
        bail!("building {} failed (see above)", preload::OWN_FILE)
    }
}

fn build_group(root: &Path, group: &[&Allocator], extent: Extent, binaries: &mut Binaries) -> Result<()> {
    let mut child = command(root, group, extent).spawn().context("cannot start cargo: is it in PATH?")?;
    for (target, path) in executables(&mut child)? {
        for allocator in group.iter().filter(|allocator| allocator.binary() == target) {
            let (preload, variant) = (allocator.preload.clone(), allocator.variant);
            let program = Program { path: path.clone(), preload, variant };
            binaries.insert(allocator.name.clone(), program);
        }
    }
    if !child.wait()?.success() {
        bail!("{}", failed(group));
    }
    match group.iter().find(|allocator| !binaries.contains_key(&allocator.name)) {
        Some(missing) => bail!("cargo built {} but did not say where it is", missing.binary()),
        None => Ok(()),
    }
}

fn command(root: &Path, group: &[&Allocator], extent: Extent) -> Command {
    let mut command = cargo(root);
    command.args(["build", "--release", "--package", PACKAGE]);
    command.arg("--message-format=json-render-diagnostics");
    // Variants have the binary of another.
    let binaries: BTreeSet<_> = group.iter().map(|allocator| allocator.binary()).collect();
    binaries.iter().for_each(|binary| _ = command.args(["--bin", binary]));
    if extent == Extent::Plain {
        command.arg("--no-default-features");
    }
    for allocator in group {
        allocator.features.iter().for_each(|feature| {
            command.args(["--features", feature]);
        });
    }
    command.stdout(Stdio::piped());
    command
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // What `cargo run` tells about this package would seem a change to build scripts that watch it.
    for (name, _) in env::vars_os().filter(|(name, _)| is_about_this_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

fn is_about_this_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

fn executables(child: &mut Child) -> Result<Vec<(String, PathBuf)>> {
    let output = child.stdout.take().context("cargo's output was not piped")?;
    let mut found = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message.context("cannot read what cargo prints")? {
            let executable = artifact.executable.map(PathBuf::from);
            found.extend(executable.map(|path| (artifact.target.name, path)));
        }
    }
    Ok(found)
}

fn failed(group: &[&Allocator]) -> String {
    let names: Vec<&str> = group.iter().map(|allocator| allocator.name.as_str()).collect();
    let names = names.join(", ");
    if group.iter().all(|allocator| allocator.features.is_empty()) {
        return format!("building {names} failed (see above); mimalloc needs a C compiler such as gcc");
    }
    format!(
        "building {names} failed (see above). These peers need g++ and make beside gcc; \
         install them, or leave the one that fails out of --allocators"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocator(name: &str, features: &[&str]) -> Allocator {
        let features = features.iter().map(|feature| (*feature).into()).collect();
        Allocator { name: name.into(), features, preload: None, variant: None }
    }

    #[test]
    fn features_are_switched_on_for_those_that_need_them() {
        let (jemalloc, snmalloc) =
            (allocator("jemalloc", &["jemalloc"]), allocator("snmalloc", &["snmalloc"]));
        let command = command(Path::new("."), &[&jemalloc, &snmalloc], Extent::Whole);
        let line =
            command.get_args().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ");
        assert!(line.contains("--bin bench-jemalloc --bin bench-snmalloc --features jemalloc"), "{line}");
        assert!(!line.contains("default"), "{line}");
    }

    #[test]
    fn a_failed_peer_is_no_reason_to_look_for_gcc() {
        assert!(failed(&[&allocator("mimalloc", &[])]).contains("gcc"));
        assert!(failed(&[&allocator("snmalloc", &["snmalloc"])]).contains("leave the one that fails out"));
    }
}
