//! What runs under ThreadSanitizer: the tests that use several threads, and those among them that the sanitizer itself cannot run.
//!
//! Does not know: how they are built and run.

use std::process::Command;

/// Tests that one build of cargo's makes one program of.
pub(super) struct Suite {
    package: &'static str,
    target: Target,
    system: System,
    /// Parts of names; empty: all tests.
    only: &'static [&'static str],
    /// Tests that the sanitizer cannot run.
    skipped: &'static [Skipped],
}

#[derive(Clone, Copy)]
enum Target {
    /// The crate's own tests.
    Unit,
    /// A file in `tests/`.
    File(&'static str),
}

/// Which system the tests run on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// The machine's.
    Real,
    /// One that refuses and limits as a test wants it, in a build of its own.
    Simulated,
}

/// A test that is not run, and what the sanitizer does that makes it impossible.
struct Skipped {
    name: &'static str,
    reason: &'static str,
}

const MEMORY_IS_ITS_OWN: &str =
    "the sanitizer takes memory at run time, and ends the process where the limit refuses it";
const RESIDENT_IS_ITS_OWN: &str = "the sanitizer's own memory is what the limit and the measure count";
const ADDRESSES_ARE_ITS_OWN: &str = "the sanitizer needs terabytes of addresses from the start";
const LEFT_THE_THREAD: &str =
    "the sanitizer's key comes first and forgets the thread in the last round of destructors";

const NO_KERNEL_THREAD: &str = "the sanitizer must know each thread that it checks: there is no purge thread (p20_purge_thread is its model)";

const fn file(name: &'static str) -> Suite {
    Suite { package: "stratalloc", target: Target::File(name), system: System::Real, only: &[], skipped: &[] }
}

const fn unit(package: &'static str) -> Suite {
    Suite { package, target: Target::Unit, system: System::Real, only: &[], skipped: &[] }
}

/// Add new ones here; docs/verification.md says what such a test must avoid.
pub(super) const SUITES: &[Suite] = &[
    file("stress"),
    file("transfer"),
    file("model"),
    file("lifecycle"),
    file("fork"),
    Suite {
        skipped: &[Skipped {
            name: "a_librarys_purge_thread_is_gone_before_its_code_is",
            reason: NO_KERNEL_THREAD,
        }],
        ..file("unload")
    },
    file("bounds"),
    file("stats"),
    file("heap"),
    Suite {
        skipped: &[
            Skipped {
                name: "a_share_of_a_limit_is_followed_by_what_the_limit_counts",
                reason: RESIDENT_IS_ITS_OWN,
            },
            Skipped {
                name: "a_share_of_the_smallest_limit_is_one_of_resident_memory_too",
                reason: RESIDENT_IS_ITS_OWN,
            },
        ],
        ..file("watch")
    },
    Suite {
        skipped: &[
            Skipped {
                name: "a_limit_on_addresses_is_met_with_null_and_recovered_from",
                reason: MEMORY_IS_ITS_OWN,
            },
            Skipped {
                name: "a_limit_on_data_like_strict_overcommit_is_met_with_null_and_recovered_from",
                reason: MEMORY_IS_ITS_OWN,
            },
            Skipped { name: "a_resize_at_the_limit_leaves_the_block_as_it_was", reason: MEMORY_IS_ITS_OWN },
            Skipped {
                name: "threads_that_meet_the_limit_together_get_null_and_recover",
                reason: MEMORY_IS_ITS_OWN,
            },
            Skipped {
                name: "small_blocks_are_there_where_a_whole_segment_is_not",
                reason: ADDRESSES_ARE_ITS_OWN,
            },
            Skipped {
                name: "a_huge_block_is_there_where_a_whole_segment_is_not",
                reason: ADDRESSES_ARE_ITS_OWN,
            },
        ],
        ..file("limits")
    },
    // The other tests count page faults, of which the sanitizer has its own.
    Suite { only: &["threads_that_share_what_they_leave"], ..file("huge") },
    // Threads that are refused memory together, which no limit can show the sanitizer. The sweeps use one thread.
    Suite { system: System::Simulated, only: &["threads_survive"], ..file("os_faults") },
    Suite { system: System::Simulated, ..file("nodes") },
    Suite { system: System::Simulated, ..file("reservation") },
    unit("strata-core"),
    Suite {
        skipped: &[Skipped {
            name: "tls::fallback::tests::each_thread_starts_with_the_initial_word_and_keeps_its_own",
            reason: LEFT_THE_THREAD,
        }],
        ..unit("strata-os")
    },
    Suite {
        skipped: &[
            Skipped {
                name: "purge::thread::tests::one_is_spawned_at_a_time_and_a_successor_when_it_has_exited",
                reason: NO_KERNEL_THREAD,
            },
            Skipped {
                name: "purge::thread::tests::a_purge_thread_of_the_parent_is_none_in_the_child",
                reason: NO_KERNEL_THREAD,
            },
            Skipped {
                name: "purge::thread::tests::a_thread_that_was_started_is_waited_for_although_it_has_not_begun",
                reason: NO_KERNEL_THREAD,
            },
            Skipped {
                name: "huge::zero::tests::what_was_touched_here_and_there_is_cleared_there_and_stays_untouched_elsewhere",
                reason: RESIDENT_IS_ITS_OWN,
            },
        ],
        ..unit("strata-segment")
    },
    unit("strata-cache"),
];

impl Suite {
    /// How the command line chooses it.
    pub(super) fn name(&self) -> &'static str {
        match self.target {
            Target::Unit => self.package,
            Target::File(name) => name,
        }
    }

    /// Which system the tests run on.
    pub(super) fn system(&self) -> System {
        self.system
    }

    /// Says what is left out, and why.
    pub(super) fn say_what_is_skipped(&self) {
        for Skipped { name, reason } in self.skipped {
            println!("not run: {name}: {reason}");
        }
    }

    /// Completes a `cargo test`.
    pub(super) fn choose(&self, command: &mut Command) {
        command.args(["--package", self.package]);
        match self.target {
            Target::Unit => command.arg("--lib"),
            Target::File(name) => command.args(["--test", name]),
        };
        command.arg("--").args(self.only);
        for Skipped { name, .. } in self.skipped {
            command.args(["--skip", name]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The source that a suite's test stands in.
    fn source(suite: &Suite, test: &str) -> String {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(suite.package);
        let file = match suite.target {
            Target::File(name) => package.join("tests").join(name),
            Target::Unit => {
                package.join("src").join(test.split("::tests::").next().unwrap_or("").replace("::", "/"))
            }
        };
        std::fs::read_to_string(file.with_extension("rs")).unwrap_or_default()
    }

    #[test]
    fn what_is_skipped_is_there() {
        for suite in SUITES {
            for Skipped { name, .. } in suite.skipped {
                let function = format!("fn {}()", name.rsplit("::").next().unwrap_or(name));
                assert!(source(suite, name).contains(&function), "{}: no {function}", suite.name());
            }
        }
    }

    #[test]
    fn every_suite_has_a_name_of_its_own() {
        let mut names: Vec<_> = SUITES.iter().map(Suite::name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
