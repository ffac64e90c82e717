//! The chores of the workspace: `cargo xtask <chore>`.
//!
//! One file or folder for each chore. Nothing here ships, and no crate depends on it.

mod ablate;
mod compiler;
mod loom;
mod mutants;
mod process;
mod public_api;
mod release;
mod source;
mod table;
mod test;
mod tidy;
mod tsan;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of the Strata workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that must pass before a change lands: the one test command.
    Test,
    /// The house rules.
    Tidy,
    /// The shipped protocols under loom.
    Loom(loom::Arguments),
    /// The multi-threaded tests under ThreadSanitizer (needs a nightly toolchain).
    Tsan(tsan::Arguments),
    /// Instructions of the hot paths against their budgets (needs valgrind).
    Instructions,
    /// Tests on a simulated system: calls fail; near a limit; several nodes; huge pages.
    Simulated,
    /// The public interface of `stratalloc` against the lists in docs/public-api.
    PublicApi(public_api::Arguments),
    /// The oldest Rust that the manifests promise, if it is installed.
    OldestRust,
    /// The crates that ship, as packages for the registry.
    Package(release::Arguments),
    /// The book, as mdBook builds it (which is built first if it is not installed).
    Book,
    /// Atomic exchanges of frees and refills.
    Exchanges,
    /// The suite without each heuristic in turn: what is it good for?
    Ablate(ablate::Arguments),
    /// Real programs on Strata and on its peers (needs Debian's packages): `cargo xtask programs --help`.
    #[command(disable_help_flag = true)]
    Programs {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    // Cargo starts this program in rustc's place when it builds a mutant, or without a heuristic.
    if let Some(cfg) = compiler::Cfg::asked_for() {
        return cfg.compile();
    }
    let root = workspace::root();
    match Arguments::parse().chore {
        Chore::Test => test::run(&root),
        Chore::Tidy => tidy::run(&root),
        Chore::Loom(arguments) => loom::run(&root, &arguments),
        Chore::Tsan(arguments) => tsan::run(&root, &arguments),
        Chore::Instructions => test::instructions(&root),
        Chore::Simulated => test::simulated(&root),
        Chore::PublicApi(arguments) => public_api::run(&root, &arguments),
        Chore::OldestRust => test::oldest_rust(&root),
        Chore::Package(arguments) => release::package(&root, &arguments),
        Chore::Book => release::book(&root),
        Chore::Exchanges => test::exchanges(&root),
        Chore::Ablate(arguments) => ablate::run(&root, &arguments),
        Chore::Programs { arguments } => process::succeed(
            process::cargo(&root)
                .args(["run", "--quiet", "--release", "--package", "strata-programs", "--"])
                .args(&arguments),
        ),
    }
}
