//! The one test command: everything that must pass before a change lands, in the order of how soon it tells.
//!
//! A step that fails does not keep the later ones from running; the summary at the end says which did.
//!
//! Does not know: what the steps check.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, heading, is_installed, succeed, tool_of};
use crate::workspace::packages;
use crate::{loom, release, tidy};

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
    ("packages for the registry", |root| release::package(root, &release::Arguments::default())),
    ("the book", release::book_if_possible),
    ("exchanges of frees and refills", exchanges),
    ("models, the short set", loom::short),
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

/// One of cargo's commands, as it would be typed.
fn line(root: &Path, arguments: &str) -> Command {
    let mut command = cargo(root);
    command.args(arguments.split_whitespace());
    command
}

fn format(root: &Path) -> Result<()> {
    succeed(&mut line(root, "fmt --all --check"))
}

fn clippy(root: &Path) -> Result<()> {
    succeed(&mut line(root, "clippy --quiet --workspace --all-targets -- -D warnings"))
}

fn documentation(root: &Path) -> Result<()> {
    let mut command = line(root, "doc --quiet --no-deps --workspace --all-features");
    command.args(UNDOCUMENTED.iter().flat_map(|package| ["--exclude", package]));
    succeed(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The hot paths, counted by tests which are skipped without valgrind; in CI it is installed where that is possible.
pub(crate) fn instructions(root: &Path) -> Result<()> {
    if !have_valgrind() {
        bail!("counting instructions needs valgrind, such as by `apt-get install valgrind`");
    }
    let packages = "test --quiet --package stratalloc --package strata-capi --profile checked";
    succeed(line(root, packages).args(["--test", "instructions", "--", "--nocapture"]))
}

fn have_valgrind() -> bool {
    let runs = || Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success());
    if !runs() && std::env::var_os("CI").is_some() {
        let install = "apt-get update -q && apt-get install -yq --no-install-recommends valgrind";
        let mut shell = Command::new("sh");
        shell.args(["-c", install]).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        succeed(&mut shell).unwrap_or_else(|error| println!("{error:#}"));
    }
    runs()
}

fn tests(root: &Path) -> Result<()> {
    if !have_valgrind() {
        println!("without valgrind, instructions are not counted");
    }
    let tests = "test --workspace --exclude strata-loom-tests --profile checked --no-fail-fast";
    succeed(&mut line(root, tests))
}

/// The simulated OS replaces the real one in a build of its own.
pub(crate) fn simulated(root: &Path) -> Result<()> {
    let mut command = line(root, "test --package stratalloc --package strata-os --profile checked");
    let tests = ["os_faults", "pressure", "nodes", "reservation", "matrix", "simulated"];
    command.args(tests.map(|name| format!("--test={name}")));
    command.env("RUSTFLAGS", "--cfg strata_simulated").env("CARGO_TARGET_DIR", root.join("target/simulated"));
    succeed(&mut command)
}

/// What crates have beside their default features, which nothing else in the workspace uses.
fn features(root: &Path) -> Result<()> {
    for arguments in [
        // What `cargo build --release` builds together shares its features: the library must not get the standard one by the command's.
        "check --quiet --release",
        "test --package stratalloc --profile checked --features std,serde --test=watch_panic --test=serialized",
        "test --package strata-profile --profile checked --features tokio --test=tasks",
        "clippy --quiet --package strata-metrics --all-features --all-targets -- -D warnings",
        "test --package strata-metrics --profile checked --all-features",
    ] {
        succeed(&mut line(root, arguments))?;
    }
    Ok(())
}

/// What ships compiles with the version that `rust-version` in `Cargo.toml` names, where rustup has it.
pub(crate) fn oldest_rust(root: &Path) -> Result<()> {
    let packages = packages(root)?;
    let version =
        packages.iter().find_map(|package| package.rust_version.as_ref()).context("no rust-version")?;
    let version = format!("{}.{}", version.major, version.minor);
    if !is_installed(&version) {
        println!("skipped: no Rust {version} here (`rustup toolchain install {version} --profile minimal`)");
        return Ok(());
    }
    let mut command = tool_of(&version, "cargo", root);
    command.args(["check", "--quiet", "--all-features"]);
    command.args(SHIPPED.iter().flat_map(|package| ["--package", package]));
    succeed(command.env("CARGO_TARGET_DIR", root.join("target/oldest")))
}

/// What goes to the registry and into programs; tools are for those who have a newer one.
const SHIPPED: [&str; 4] = ["stratalloc", "strata-gil", "strata-profile", "strata-metrics"];

/// Every atomic read-modify-write is counted, in a build of its own.
pub(crate) fn exchanges(root: &Path) -> Result<()> {
    let test =
        "test --package strata-cache --profile checked --test exchanges -- --nocapture --test-threads 1";
    let mut command = line(root, test);
    command.env("RUSTFLAGS", "--cfg strata_counted").env("CARGO_TARGET_DIR", root.join("target/counted"));
    succeed(&mut command)
}
