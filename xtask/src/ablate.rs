//! What each heuristic is good for: the suite, and programs, with all of them and without one at a time.
//!
//! `crates/strata-segment/src/without.rs` lists them. `libstrata.so` is built once without each, then all builds run in turns:
//! `strata bench --library`, `cargo xtask programs --library`. The machine has to be quiet.
//!
//! Does not know: how anything is measured; what a heuristic does.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::compiler::Cfg;
use crate::process::{cargo, heading, succeed};
use crate::tidy::switches;
use crate::workspace::Tree;

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only without these heuristics.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    without: Vec<String>,
    /// Programs of Debian too: `cargo xtask programs`.
    #[arg(long)]
    programs: bool,
    /// Build only.
    #[arg(long)]
    no_run: bool,
    /// For `strata bench`, after `--`.
    #[arg(last = true, default_values = ["--full"])]
    bench: Vec<String>,
}

/// Builds, and measures.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let chosen = chosen(&switches::names(&Tree::load(root)?), &arguments.without)?;
    let files: Vec<PathBuf> = chosen.iter().map(|name| build(root, name)).collect::<Result<_>>()?;
    if arguments.no_run {
        return Ok(());
    }
    let libraries =
        chosen.iter().zip(&files).map(|(name, file)| format!("without-{name}={}", file.display()));
    let libraries: Vec<String> = libraries.flat_map(|library| ["--library".to_owned(), library]).collect();
    heading("the suite");
    let mut bench = tool(root, "strata-cli");
    bench.args(["bench", "--allocators", "strata-so"]).args(&arguments.bench);
    succeed(bench.args(&libraries))?;
    if arguments.programs {
        heading("programs");
        let names = chosen.iter().fold("strata".to_owned(), |all, name| all + ",without-" + name);
        succeed(tool(root, "strata-programs").args(["--allocators", &names]).args(&libraries))?;
    }
    Ok(())
}

fn tool(root: &Path, package: &str) -> Command {
    let mut command = cargo(root);
    command.args(["run", "--quiet", "--release", "--package", package, "--"]);
    command
}

fn chosen(known: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        bail!("no heuristic is called {unknown:?}; choose from {}", known.join(", "));
    }
    Ok(if wanted.is_empty() { known } else { wanted }.to_vec())
}

/// Cargo uses one place for all; what it builds is copied to where the next one does not overwrite it.
fn build(root: &Path, heuristic: &str) -> Result<PathBuf> {
    heading(&format!("without {heuristic}"));
    let target = root.join("target/ablate");
    let compiler = Cfg::new("strata_without", heuristic).compiler(&target)?;
    let mut command = cargo(root);
    command.args(["build", "--quiet", "--release", "--lib", "--package", "strata-capi"]);
    command.env("CARGO_TARGET_DIR", &target).env("RUSTC_WORKSPACE_WRAPPER", compiler);
    succeed(&mut command)?;
    let (made, kept) = (target.join("release/libstrata.so"), target.join(format!("without-{heuristic}.so")));
    std::fs::copy(&made, &kept).with_context(|| format!("copying {}", made.display()))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_heuristics_are_left_out_in_turn_unless_some_are_named() {
        let known = ["peak", "thp"].map(str::to_owned);
        assert_eq!(chosen(&known, &[]).unwrap(), known);
        assert_eq!(chosen(&known, &["thp".to_owned()]).unwrap(), ["thp"]);
        assert!(chosen(&known, &["peek".to_owned()]).unwrap_err().to_string().contains("peak, thp"));
    }
}
