//! How much of what a limit leaves a program gets with the library preloaded, beside its peers, as far as these are installed.
//!
//! `cargo test -p strata-capi --profile checked --test limits -- --ignored --nocapture` prints all limits, sizes and threads.
//! The limit is there before the program starts, so it counts what each allocator's library and its first steps take. Limits that
//! are the whole machine's: `stratalloc`'s `matrix.rs`, on the simulated system.

mod finished;

use finished::{Finished, Way, finish, said};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const MIB: u64 = 1 << 20;
const KINDS: [&str; 6] = ["addresses", "data", "mappings", "locked", "locked-ahead", "locked-on-fault"];
/// Sizes of blocks, from and to.
const SIZES: [[u64; 2]; 6] = [
    [32, 512],
    [512, 30 << 10],
    [33 << 10, 130 << 10],
    [130 << 10, 2 << 20],
    [2 << 20, 20 << 20],
    [32, 4 << 20],
];
/// The peers' libraries, as the loader finds them where they are installed; the first: the C library's own allocator.
const PEERS: [(&str, &str); 4] = [
    ("glibc", ""),
    ("jemalloc", "libjemalloc.so.2"),
    ("mimalloc", "libmimalloc.so.2"),
    ("tcmalloc", "libtcmalloc_minimal.so.4"),
];

/// How an allocator fared.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    /// Bytes at first, and the most of two more times.
    Bytes(u64, u64),
    /// The limit cannot be set, or the library is not there.
    NotHere,
    /// The program ended otherwise.
    Failed(String),
}

impl Got {
    fn first(&self) -> u64 {
        if let Self::Bytes(first, _) = self { *first } else { 0 }
    }
}

/// The program, compiled once.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || Some(Finished::get().program("c/limit.c", Way::System)?.get_program().into());
    PROGRAM.get_or_init(compile).as_deref()
}

/// What it gets with `library`.
fn run(kind: &str, [from, to]: [u64; 2], threads: u32, library: &str) -> Option<Got> {
    let mut command = Command::new(program()?);
    command.args([kind, &from.to_string(), &to.to_string(), &threads.to_string()]).env("LIBRARY", library);
    let output = finish(&mut command);
    let said = said(&output);
    if output.status.code() == Some(77) || said.contains("cannot be preloaded") {
        return Some(Got::NotHere);
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    Some(match numbers[..] {
        [first, again] => Got::Bytes(first, again),
        _ => Got::Failed(format!("{}\n{said}", output.status)),
    })
}

fn run_strata(kind: &str, sizes: [u64; 2], threads: u32) -> Option<Got> {
    run(kind, sizes, threads, Finished::get().shared().to_str().unwrap())
}

#[test]
fn most_of_a_limit_that_was_there_first_can_be_had_and_again() {
    for (kind, sizes, threads) in [("addresses", SIZES[5], 4), ("data", SIZES[1], 1)] {
        let Some(Got::Bytes(first, again)) = run_strata(kind, sizes, threads) else { return };
        assert!(first >= 240 * MIB && again * 100 >= first * 95, "{kind}: {first} and {again} bytes");
    }
}

#[test]
#[ignore = "takes minutes"]
fn all_limits_sizes_and_threads_beside_every_peer() {
    print!("  {:<16} {:>19} {:>7} {:>7} {:>5}", "limit", "sizes", "threads", "Strata", "again");
    PEERS.iter().for_each(|(name, _)| print!(" {name:>9}"));
    println!("   part of the best");
    let cells = KINDS.iter().flat_map(|kind| SIZES.map(|sizes| [(*kind, sizes, 1), (*kind, sizes, 16)]));
    for (kind, sizes, threads) in cells.flatten() {
        let Some(ours) = run_strata(kind, sizes, threads) else { return };
        let Got::Bytes(first, again) = ours else {
            assert_eq!(ours, Got::NotHere);
            println!("  {kind} cannot be had here");
            continue;
        };
        let theirs = PEERS.map(|(_, library)| run(kind, sizes, threads, library).unwrap());
        let best = theirs.iter().map(Got::first).max().unwrap();
        let of_sizes = format!("{}–{}", sizes[0], sizes[1]);
        print!("  {kind:<16} {of_sizes:>19} {threads:>7} {:>7} {:>5}", first / MIB, again / MIB);
        theirs.iter().for_each(|got| match got {
            Got::Bytes(bytes, _) => print!(" {:>9}", bytes / MIB),
            Got::NotHere => print!(" {:>9}", "not there"),
            Got::Failed(_) => print!(" {:>9}", "failed"),
        });
        println!("   {:.2}", first as f64 / best as f64);
        assert!(again * 100 >= first * 95, "not all can be had again");
    }
}
