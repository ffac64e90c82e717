//! The one test command: everything that must pass before a change lands, in the order of how soon it tells.
//!
//! A step that fails does not keep the later ones from running; the summary at the end says which did.
//!
//! Does not know: what the steps check.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, heading, succeed};
use crate::{instructions, loom, release, tidy};

type Step = fn(&Path) -> Result<()>;

const STEPS: &[(&str, Step)] = &[
    ("format", format),
    ("house rules", tidy::run),
    ("clippy", clippy),
    ("documentation builds", documentation),
    ("tests (optimised, debug assertions on)", tests),
    ("a simulated system: calls fail; near a limit; several nodes; huge pages", simulated),
    ("features of what ships", features),
    ("the oldest Rust that is promised", oldest_rust),
    ("packages for the registry", release::package_unverified),
    ("exchanges of frees and refills", exchanges),
    ("models, the short set", models),
    ("instructions of the hot paths", instructions::run_if_possible),
];

/// Packages whose documentation is not on a registry.
const UNDOCUMENTED: &[&str] =
    &["strata-benches", "strata-loom-tests", "strata-cli", "strata-stories", "xtask"];

/// Runs every step; an error if one failed.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut lines = Vec::new();
    let mut failed = 0;
    for (name, step) in STEPS {
        heading(name);
        let start = Instant::now();
        let result = step(root);
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        if let Err(error) = result {
            println!("{error:#}");
            failed += 1;
        }
        lines.push(format!("{verdict:<7} {:>6.1} s  {name}", start.elapsed().as_secs_f64()));
    }
    heading("summary");
    println!("{}", lines.join("\n"));
    if failed > 0 {
        bail!("{failed} of {} steps failed", STEPS.len());
    }
    Ok(())
}

fn format(root: &Path) -> Result<()> {
    succeed(cargo(root).args(["fmt", "--all", "--check"]))
}

fn clippy(root: &Path) -> Result<()> {
    succeed(cargo(root).args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn documentation(root: &Path) -> Result<()> {
    let mut command = cargo(root);
    command.args(["doc", "--quiet", "--no-deps", "--workspace", "--all-features"]);
    command.args(UNDOCUMENTED.iter().flat_map(|package| ["--exclude", package]));
    succeed(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests(root: &Path) -> Result<()> {
    let mut command = cargo(root);
    command.args([
        "test",
        "--workspace",
        "--exclude",
        "strata-loom-tests",
        "--profile",
        "checked",
        "--no-fail-fast",
    ]);
    succeed(&mut command)
}

/// The simulated OS replaces the real one in a build of its own.
pub(crate) fn simulated(root: &Path) -> Result<()> {
    let mut command = cargo(root);
    command.args(["test", "--package", "stratalloc", "--package", "strata-os", "--profile", "checked"]);
    command.args(
        ["os_faults", "pressure", "nodes", "reservation", "matrix", "simulated"]
            .map(|name| format!("--test={name}")),
    );
    command.env("RUSTFLAGS", "--cfg strata_simulated").env("CARGO_TARGET_DIR", root.join("target/simulated"));
    succeed(&mut command)
}

/// What crates have beside their default features, which nothing else in the workspace uses.
fn features(root: &Path) -> Result<()> {
    let mut command = cargo(root);
    command.args(["test", "--package", "stratalloc", "--profile", "checked", "--features", "std,serde"]);
    succeed(command.args(["--test=watch_panic", "--test=serialized"]))?;
    succeed(cargo(root).args([
        "clippy",
        "--quiet",
        "--package",
        METRICS,
        "--all-features",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    succeed(cargo(root).args(["test", "--package", METRICS, "--profile", "checked", "--all-features"]))
}

/// Whose features are many.
const METRICS: &str = "strata-metrics";

/// What ships compiles with the version that `rust-version` in `Cargo.toml` names, where rustup has it.
pub(crate) fn oldest_rust(root: &Path) -> Result<()> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("reading Cargo.toml")?;
    let manifest: toml::Table = manifest.parse().context("Cargo.toml")?;
    let version = manifest["workspace"]["package"]["rust-version"].as_str().context("no rust-version")?;
    let toolchain = format!("+{version}");
    let probe =
        Command::new("rustc").arg(&toolchain).arg("--version").env_remove("RUSTUP_TOOLCHAIN").output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("skipped: no Rust {version} here (`rustup toolchain install {version} --profile minimal`)");
        return Ok(());
    }
    let mut command = Command::new("cargo");
    command.arg(&toolchain).current_dir(root);
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC"] {
        command.env_remove(variable);
    }
    command
        .args(["check", "--quiet", "--all-features"])
        .args(SHIPPED.iter().flat_map(|package| ["--package", package]));
    succeed(command.env("CARGO_TARGET_DIR", root.join("target/oldest")))
}

/// What goes to the registry and into programs; tools are for those who have a newer one.
const SHIPPED: [&str; 4] = ["stratalloc", "strata-gil", "strata-profile", METRICS];

/// Every atomic read-modify-write is counted, in a build of its own.
pub(crate) fn exchanges(root: &Path) -> Result<()> {
    let mut command = cargo(root);
    command.args(["test", "--package", "strata-cache", "--profile", "checked", "--test", "exchanges"]);
    command.args(["--", "--nocapture"]);
    command.env("RUSTFLAGS", "--cfg strata_counted").env("CARGO_TARGET_DIR", root.join("target/counted"));
    succeed(&mut command)
}

fn models(root: &Path) -> Result<()> {
    loom::run(root, &loom::Arguments::short())
}
