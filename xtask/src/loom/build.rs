//! Builds the model tests: `--cfg strata_loom`, optimised, debug assertions on, in a target folder of their own.
//!
//! Does not know: which models run, and whether they should pass.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use cargo_metadata::Message;

use super::Selection;
use crate::process::{cargo, watch};

const PACKAGE: &str = "strata-loom-tests";

/// Debug assertions stay; fat LTO and one codegen unit would only cost time.
const PROFILE: &[&str] = &[
    "profile.release.debug-assertions=true",
    "profile.release.overflow-checks=true",
    "profile.release.lto=\"off\"",
    "profile.release.codegen-units=16",
];

/// Where everything of the models is built.
pub(super) fn target(root: &Path) -> PathBuf {
    root.join("target/loom")
}

/// One test program.
pub(super) struct Program {
    /// The test file, without folder and `.rs`.
    pub(super) file: String,
    pub(super) path: PathBuf,
}

/// The programs of the selection, built by `compiler` if one is given (see [`crate::compiler`]).
pub(super) fn programs(root: &Path, selection: &Selection, compiler: Option<&Path>) -> Result<Vec<Program>> {
    let mut command = cargo(root);
    command.args(["test", "--quiet", "--package", PACKAGE, "--release", "--no-run"]);
    command.arg("--message-format=json-render-diagnostics");
    command.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    match &selection.file {
        Some(file) => command.args(["--test", file]),
        None => command.args(["--test", "*"]),
    };
    command.env("CARGO_TARGET_DIR", target(root)).env("RUSTFLAGS", "--cfg strata_loom");
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTC_WORKSPACE_WRAPPER");
    if let Some(compiler) = compiler {
        command.env("RUSTC_WORKSPACE_WRAPPER", compiler);
    }
    let outcome = watch(&mut command, Duration::from_secs(3600), |_| ())?;
    let (messages, words): (Vec<_>, Vec<_>) = outcome.output.lines().partition(|line| line.starts_with('{'));
    if !outcome.succeeded() {
        bail!("the models do not build:\n{}", words.join("\n"));
    }
    let programs: Vec<_> =
        Message::parse_stream(messages.join("\n").as_bytes()).filter_map(|m| program(m.ok()?)).collect();
    if programs.is_empty() {
        bail!("{PACKAGE} has no tests in loom-tests/tests");
    }
    Ok(programs)
}

fn program(message: Message) -> Option<Program> {
    let Message::CompilerArtifact(artifact) = message else { return None };
    let path = artifact.executable?.into_std_path_buf();
    Some(Program { file: artifact.target.name, path })
}

impl Program {
    /// The command that runs its tests whose names contain `filter`, all on as many threads as there are cores.
    pub(super) fn command(&self, root: &Path, filter: Option<&str>) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(root.join("loom-tests")).arg("--nocapture").args(filter);
        command.env("RUST_BACKTRACE", "0");
        command
    }
}
