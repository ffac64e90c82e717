//! What `stratalloc` promises to its users, as a list in the repository: a change of the interface is a change of that file.
//!
//! The list comes from rustdoc's JSON, which a stable toolchain writes only if it is told that it is none.
//!
//! Does not know: whether a change is a breaking one; the reviewer does.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use strata_harness::process::{cargo, succeed};

const PACKAGES: [&str; 2] = ["stratalloc", "strata-inspect"];
const FOLDER: &str = "docs/public-api";

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write the lists instead of comparing.
    #[arg(long)]
    update: bool,
}

/// Compares, or writes; an error if a list is not what the source says.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let mut changed = Vec::new();
    for package in PACKAGES {
        let now = listed(root, package)?;
        let path = root.join(FOLDER).join(format!("{package}.txt"));
        if arguments.update {
            std::fs::write(&path, now).with_context(|| format!("writing {}", path.display()))?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != now {
            changed.extend(difference(&std::fs::read_to_string(&path).unwrap_or_default(), &now));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    bail!(
        "the public interface has changed: read it through, then `cargo xtask public-api --update`\n{}",
        changed.join("\n")
    )
}

fn listed(root: &Path, package: &str) -> Result<String> {
    let target = root.join("target/public-api");
    let mut command: Command = cargo(root);
    command.args(["rustdoc", "--quiet", "--lib", "--package", package, "--"]);
    command.args(["-Zunstable-options", "--output-format", "json"]);
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &target);
    succeed(&mut command)?;
    let json = target.join("doc").join(format!("{}.json", package.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .context("reading what rustdoc says")?;
    let lines: Vec<String> = api.items().map(|item| format!("{item}\n")).collect();
    Ok(lines.concat())
}

/// Lines that only one of the two has.
fn difference(before: &str, now: &str) -> Vec<String> {
    let only = |sign: char, these: &str, those: &str| {
        let those: Vec<String> = those.lines().map(str::to_owned).collect();
        let lines = these.lines().filter(|line| !those.iter().any(|other| other == line));
        lines.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [only('-', before, now), only('+', now, before)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_told() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), ["- a", "+ c"]);
        assert!(difference("a\n", "a\n").is_empty());
    }
}
