//! What is made of the repository for others: packages for the registry, and the book.
//!
//! Does not know: how either is published.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, heading, succeed};
use crate::workspace::packages;

/// The release of mdBook that the book is known to pass with.
const MDBOOK: &str = "0.5.4";

/// How to run it.
#[derive(clap::Args, Default)]
pub(crate) struct Arguments {
    /// Build each crate from what its package holds, too: minutes
    #[arg(long)]
    verify: bool,
}

/// All crates but those with `publish = false` can be packaged: what is not published yet is taken from here. What they use of others is
/// fetched where it is not there yet; then no registry is asked, which does not have ours.
pub(crate) fn package(root: &Path, arguments: &Arguments) -> Result<()> {
    let packages = packages(root)?.into_iter().filter(|package| package.publish.is_none());
    succeed(cargo(root).args(["fetch", "--quiet"]))?;
    let mut command = cargo(root);
    command.args(["package", "--quiet", "--offline", "--allow-dirty"]);
    command.args(if arguments.verify { &[][..] } else { &["--no-verify"] });
    succeed(command.args(packages.flat_map(|package| ["--package".to_owned(), package.name.to_string()])))
}

/// Builds the book below `target/book`; a warning of mdBook is an error. Where mdBook is not installed it is built first: minutes.
pub(crate) fn book(root: &Path) -> Result<()> {
    build_book(root, &mdbook(root).map_or_else(|| install_mdbook(root), Ok)?)
}

/// For the one test command: in CI mdBook is built where that is possible; elsewhere it says so where there is none.
pub(crate) fn book_if_possible(root: &Path) -> Result<()> {
    let install = || std::env::var_os("CI").map(|_| install_mdbook(root));
    match mdbook(root).map(Ok).or_else(install) {
        Some(Ok(program)) => return build_book(root, &program),
        Some(Err(error)) => println!("skipped: {error:#}"),
        None => println!("skipped: no mdBook here (`cargo xtask book` builds one)"),
    }
    Ok(())
}

fn build_book(root: &Path, mdbook: &Path) -> Result<()> {
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
fn mdbook(root: &Path) -> Option<PathBuf> {
    let runs = |program: &PathBuf| {
        Command::new(program).arg("--version").output().is_ok_and(|it| it.status.success())
    };
    [PathBuf::from("mdbook"), root.join(TOOLS).join("bin/mdbook")].into_iter().find(runs)
}

const TOOLS: &str = "target/tools";

fn install_mdbook(root: &Path) -> Result<PathBuf> {
    heading("building mdBook once");
    let mut command = cargo(root);
    command.args(["install", "mdbook", "--debug", "--locked", "--no-default-features", "--root", TOOLS]);
    command.args(["--version", MDBOOK]);
    succeed(&mut command).context("installing mdBook: is there a network?")?;
    Ok(root.join(TOOLS).join("bin/mdbook"))
}
