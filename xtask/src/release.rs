//! What is made of the repository for others: packages for the registry, and the book.
//!
//! Does not know: how either is published.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::process::{cargo, heading, succeed};

/// The release of mdBook that the book is known to pass with.
const MDBOOK: &str = "0.5.4";

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build each crate from what its package holds, too: minutes
    #[arg(long)]
    verify: bool,
}

/// All crates but those with `publish = false` can be packaged, without a registry: what is not published yet is taken from here.
pub(crate) fn package(root: &Path, arguments: &Arguments) -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec().context("cargo metadata")?;
    let packages = metadata.packages.iter().filter(|package| package.publish.is_none());
    let mut command = cargo(root);
    command.args(["package", "--quiet", "--offline", "--allow-dirty"]);
    command.args(if arguments.verify { &[][..] } else { &["--no-verify"] });
    succeed(command.args(packages.flat_map(|package| ["--package", package.name.as_str()])))
}

/// The same without building: for the one test command.
pub(crate) fn package_unverified(root: &Path) -> Result<()> {
    package(root, &Arguments { verify: false })
}

/// Builds the book below `target/book`; a warning of mdBook is an error. Where mdBook is not installed it is built first: minutes.
pub(crate) fn book(root: &Path) -> Result<()> {
    let mdbook = mdbook(root)?;
    let pages = root.join("target/book");
    let output =
        Command::new(mdbook).arg("build").arg(root.join("docs")).arg("--dest-dir").arg(&pages).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || ["WARN", "ERROR"].iter().any(|word| said.contains(word)) {
        bail!("mdBook complains:\n{said}");
    }
    println!("{}", pages.join("index.html").display());
    Ok(())
}

/// The program: the installed one, or one of the workspace's own.
fn mdbook(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/tools");
    let own = folder.join("bin/mdbook");
    for program in [PathBuf::from("mdbook"), own.clone()] {
        if Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success()) {
            return Ok(program);
        }
    }
    heading("building mdBook once");
    let mut command = cargo(root);
    command.args(["install", "mdbook", "--version", MDBOOK, "--locked", "--no-default-features", "--root"]);
    succeed(command.arg(&folder)).context("installing mdBook: is there a network?")?;
    Ok(own)
}
