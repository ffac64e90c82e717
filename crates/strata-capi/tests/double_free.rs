//! Blocks that are freed twice, a process a case: each ends by one line and an abort, or goes on (docs/double-free.md). None hangs, and
//! none spoils what does not share its block's pool; the program checks that.

mod finished;

use finished::{Finished, Way, finish_within, said};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

/// Far longer than a case takes: one that runs longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a case answers that cannot be tried here.
const NOT_HERE: i32 = 77;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    GoesOn,
    NotHere,
    Aborts,
    /// What the pointer leads to is the program's own memory: the kernel ends the process where that leads nowhere.
    Faults,
    Wrong(String),
}

/// Only in the middle of a huge block, where the block itself has what would be a pool's header.
fn may_fault(case: &str) -> bool {
    ["aligned-huge/of_an_interior_pointer", "aligned-arena/of_an_interior_pointer"].contains(&case)
}

fn end_of(case: &str, output: &Output) -> End {
    let said = said(output);
    let (status, lines) = (output.status, said.lines().collect::<Vec<_>>());
    match (status.code(), status.signal(), &lines[..]) {
        (Some(0), _, []) => End::GoesOn,
        (Some(NOT_HERE), _, []) => End::NotHere,
        (_, Some(libc::SIGABRT), [line]) if line.starts_with("strata: ") => End::Aborts,
        (_, Some(libc::SIGSEGV), []) if may_fault(case) => End::Faults,
        _ => End::Wrong(format!("{case}: {status}\n{said}")),
    }
}

#[test]
fn no_block_that_is_freed_twice_hangs_the_process_or_spoils_what_is_not_its_pool() {
    let finished = Finished::get();
    let Some(program) = finished.program("c/double_free.c", Way::Linked) else { return };
    let run = |case: &str| {
        let mut command = Command::new(program.get_program());
        command.arg(case).env("LD_LIBRARY_PATH", finished.shared().parent().unwrap());
        finish_within(&mut command, PATIENCE)
    };
    let list = String::from_utf8(run("list").stdout).unwrap();
    let (cases, ends) = (Mutex::new(list.lines()), Mutex::new(BTreeMap::new()));
    let next = || cases.lock().unwrap().next();
    let work = || {
        while let Some(case) = next() {
            let end = end_of(case, &run(case));
            ends.lock().unwrap().insert(case, end);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let ends = ends.into_inner().unwrap();
    ends.iter().for_each(|(case, end)| println!("  {case:<48} {end:?}"));
    let wrong: Vec<_> = ends.values().filter(|end| matches!(end, End::Wrong(_))).collect();
    assert!(ends.len() > 100 && wrong.is_empty(), "{wrong:#?}");
    assert!(ends.values().any(|end| *end == End::Aborts), "nothing is found");
}
