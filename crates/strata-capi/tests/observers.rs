//! Programs under debuggers, tracers, profilers and checkers, as far as these are there: they see the threads that give memory back and
//! that watch, and nothing breaks.

mod finished;

use finished::{Finished, Way, finish, runs, said};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// How the program that is observed comes to the library.
const WAYS: [Way; 3] = [Way::Preloaded, Way::Linked, Way::Static];

/// The program that is observed, and the variable by which it finds the library: for what the tool starts, not for the tool.
fn observed(way: Way) -> Option<(PathBuf, [String; 2])> {
    // Compiled once: the tests run side by side, and would run what another one writes.
    static PROGRAMS: OnceLock<[Option<PathBuf>; WAYS.len()]> = OnceLock::new();
    let library = Finished::get().shared();
    let compile = |way| Some(Finished::get().program("c/observed.c", way)?.get_program().into());
    let number = WAYS.iter().position(|each| *each == way)?;
    let program = PROGRAMS.get_or_init(|| WAYS.map(compile))[number].clone()?;
    let (name, value) = match way {
        Way::Preloaded => ("LD_PRELOAD", library.as_path()),
        _ => ("LD_LIBRARY_PATH", library.parent()?),
    };
    Some((program, [name.to_owned(), value.display().to_string()]))
}

/// Whether a tool is there, and may do here what it is for.
fn works(tool: &[&str]) -> bool {
    let can = runs(tool[0])
        && Command::new(tool[0])
            .args(&tool[1..])
            .arg("/bin/true")
            .output()
            .is_ok_and(|end| end.status.success());
    if !can {
        println!("skipped: {} is not there, or may not", tool[0]);
    }
    can
}

/// Runs the program under a tool, with the library, in each of these ways, and has `check` look at what came of it; it must come to its
/// end.
fn beneath(tool: &[&str], ways: &[Way], check: impl Fn(Way, &Output)) {
    if !works(tool) {
        return;
    }
    for (way, (program, [name, value])) in ways.iter().filter_map(|way| Some((*way, observed(*way)?))) {
        let mut command = Command::new(tool[0]);
        command.args(&tool[1..]).arg("env").arg(format!("{name}={value}")).arg(program);
        let output = finish(&mut command);
        let told = String::from_utf8_lossy(&output.stdout);
        let ends_well = output.status.success() && told.contains("well");
        assert!(ends_well, "{way:?}: {}\n{told}{}", output.status, said(&output));
        check(way, &output);
    }
}

fn scratch(name: &str) -> String {
    format!("{}/{name}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id())
}

#[test]
fn a_tracer_of_system_calls_sees_threads_come_and_go() {
    let file = scratch("strace");
    let tool = ["strace", "-f", "-qq", "-e", "trace=clone,clone3,exit,membarrier", "-o", &file];
    beneath(&tool, &WAYS, |way, _| {
        let seen = std::fs::read_to_string(&file).unwrap();
        assert!(seen.contains("clone(child_stack="), "{way:?}: {seen}");
    });
    let _ = std::fs::remove_file(file);
}

#[test]
fn a_debugger_runs_it_to_its_end() {
    let debug = |commands: &[&str], program: &OsStr| {
        let mut command = Command::new("gdb");
        command.args(["--batch", "--nx", "--ex", "set debuginfod enabled off"]);
        commands.iter().for_each(|each| _ = command.args(["--ex", each]));
        finish(command.arg(program))
    };
    let ends_well = |output: &Output| String::from_utf8_lossy(&output.stdout).contains("exited normally");
    if !runs("gdb") || !ends_well(&debug(&["run"], OsStr::new("/bin/true"))) {
        println!("skipped: gdb is not there, or may not");
        return;
    }
    for (program, [name, value]) in WAYS.into_iter().filter_map(observed) {
        let found = format!("set environment {name}={value}");
        // So that the purge thread is there to the end; and not in functions of the library that are called the same.
        let (stays, at_end) = ("set environment STRATA_PURGE_DELAY=60000", "break -qualified exit");
        let commands = [&found, stays, at_end, "run", "info threads", "continue"];
        let output = debug(&commands, program.as_os_str());
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(ends_well(&output), "{told}\n{}", said(&output));
        assert!(told.contains("strata-purge") && told.contains("strata-watch"), "{told}");
    }
}

#[test]
fn a_profiler_counts_it() {
    let file = scratch("perf");
    beneath(&["perf", "record", "-q", "-o", &file], &WAYS, |_, _| ());
    let _ = std::fs::remove_file(file);
}

#[test]
fn a_checker_finds_nothing_in_it() {
    let tool = ["valgrind", "-q", "--trace-children=yes", "--error-exitcode=9"];
    // Not linked statically: in such a program it blames the C library before `main`, whoever allocates.
    let ways = [Way::Preloaded, Way::Linked];
    beneath(&tool, &ways, |way, output| assert_eq!(said(output), "", "{way:?}"));
}

/// A Python that warns of threads at a fork.
fn new_python() -> Option<&'static str> {
    let check = "import sys; sys.exit(sys.version_info < (3, 12))";
    let is_new = |python: &&str| {
        Command::new(python).args(["-c", check]).output().is_ok_and(|end| end.status.success())
    };
    let found = ["python3", "python3.12", "python3.13", "python3.14"].into_iter().find(is_new);
    if found.is_none() {
        println!("skipped: no Python from 3.12 on");
    }
    found
}

#[test]
fn python_warns_of_it_at_a_fork_only_while_it_lives() {
    let Some(python) = new_python() else { return };
    let script = "import os, time, warnings\n\
        def warns():\n\
        \x20   with warnings.catch_warnings(record=True) as told:\n\
        \x20       warnings.simplefilter('always')\n\
        \x20       child = os.fork()\n\
        \x20       if not child: os._exit(0)\n\
        \x20       os.waitpid(child, 0)\n\
        \x20   return len(told)\n\
        def tasks(): return len(os.listdir('/proc/self/task'))\n\
        assert not warns()\n\
        text = [str(i) * 3 for i in range(1000000)]; del text\n\
        print(tasks(), warns())\n\
        while tasks() > 1: time.sleep(0.05)\n\
        print(tasks(), warns())\n";
    let mut command = Command::new(python);
    command.args(["-c", script]).env("PYTHONMALLOC", "malloc").env("LD_PRELOAD", Finished::get().shared());
    let output = finish(&mut command);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 1\n1 0\n");
}
