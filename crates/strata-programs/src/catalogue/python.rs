//! CPython with its own allocator switched off, so that every object comes from `malloc`; and parts of its own test suite.

use std::path::PathBuf;

use anyhow::Result;

use super::{Program, Rounds, nothing};
use crate::install::Package;
use crate::run::{Done, Run};

/// Debian's, whatever else is called `python3`.
const PYTHON: &str = "/usr/bin/python3";

/// A release has the one that fits its `python3`.
const SUITE: Package = &[
    "libpython3.11-testsuite",
    "libpython3.13-testsuite",
    "libpython3.12-testsuite",
    "libpython3.14-testsuite",
];

pub(super) const SCRIPT: Program = Program {
    name: "python",
    work: "JSON, classes, dicts, sorting and threads, PYTHONMALLOC=malloc",
    packages: &[&["python3"]],
    rounds: Rounds::All,
    prepare: |place| place.put("heavy.py", include_str!("../../inputs/heavy.py")),
    run: |run| {
        let environment = ["env", "PYTHONMALLOC=malloc", "PYTHONHASHSEED=0", PYTHON];
        run.once(environment.map(PathBuf::from).into_iter().chain([run.place.input("heavy.py")]))
    },
};

pub(super) const TESTS: Program = Program {
    name: "python-tests",
    work: "its own tests of dict, list, ctypes, threading, multiprocessing by fork",
    packages: &[&["python3"], SUITE],
    rounds: Rounds::Once,
    prepare: nothing,
    run: tests,
};

/// Their verdict is the exit status; what they print has times in it. Of the tests of multiprocessing those with threads and
/// managers are left out: they do the same again, and wait most of their minute.
fn tests(run: &Run<'_>) -> Result<Done> {
    let environment = ["env", "PYTHONMALLOC=malloc", PYTHON, "-m", "test", "-j2", "--timeout=240"];
    let chosen =
        ["-m", "test.test_multiprocessing_fork.WithProcesses*", "-m", "test.test_[dlt]*", "-m", "*ctypes*"];
    let suites = ["test_dict", "test_list", "test_ctypes", "test_threading", "test_multiprocessing_fork"];
    let done = run.once(environment.into_iter().chain(chosen).chain(suites))?;
    Ok(Done { answer: Vec::new(), ..done })
}
