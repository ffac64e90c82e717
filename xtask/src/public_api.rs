//! What the public crates promise to their users, as lists in the repository: a change of an interface is a change of its file.
//!
//! The list comes from rustdoc's JSON, which a stable toolchain writes only if it is told that it is none.
//!
//! Does not know: whether a change is a breaking one; the reviewer does.

use std::path::Path;

use anyhow::{Context, Result, bail};
use similar::TextDiff;
use strata_harness::process::{cargo, succeed};

/// The crates that promise something (decision 0039).
const PACKAGES: [&str; 4] = ["stratalloc", "strata-inspect", "strata-profile", "strata-metrics"];
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
    let mut changed = String::new();
    for package in PACKAGES {
        let now = listed(root, package)?;
        let path = root.join(FOLDER).join(format!("{package}.txt"));
        if arguments.update {
            std::fs::write(&path, now).with_context(|| format!("writing {}", path.display()))?;
            continue;
        }
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        changed += &TextDiff::from_lines(&before, &now).unified_diff().context_radius(0).to_string();
    }
    if changed.is_empty() {
        return Ok(());
    }
    bail!(
        "the public interface has changed: read it through, then `cargo xtask public-api --update`\n{changed}"
    )
}

fn listed(root: &Path, package: &str) -> Result<String> {
    let target = root.join("target/public-api");
    let mut command = cargo(root);
    command.args(["rustdoc", "--quiet", "--lib", "--all-features", "--package", package, "--"]);
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
