//! What the standards and glibc promise, asked by programs in C and C++, however they meet the library.

mod finished;

use finished::{Way, expect_good};

/// One module for each program, with a test for each way.
macro_rules! programs {
    ($($module:ident: $source:literal, [$($name:ident: $way:ident),*];)*) => {$(
        mod $module {
            use super::*;
            $(
                #[test]
                fn $name() {
                    expect_good($source, Way::$way);
                }
            )*
        }
    )*};
}

programs! {
    malloc: "c/malloc.c", [system: System, preloaded: Preloaded, linked: Linked, archive: Archive, fully_static: Static];
    aligned: "c/aligned.c", [system: System, preloaded: Preloaded, linked: Linked, archive: Archive, fully_static: Static];
    introspect: "c/introspect.c", [system: System, preloaded: Preloaded, archive: Archive, fully_static: Static];
    strata_api: "c/strata_api.c", [linked: Linked, archive: Archive, fully_static: Static];
    watch_thread: "c/watch_thread.c", [preloaded: Preloaded, linked: Linked, archive: Archive, fully_static: Static, opened: Opened];
    watch: "c/watch.c", [linked: Linked, archive: Archive, fully_static: Static];
    heap: "c/heap.c", [linked: Linked, archive: Archive, fully_static: Static];
    threads: "c/threads.c", [system: System, preloaded: Preloaded, archive: Archive, fully_static: Static];
    early: "c/early.c", [system: System, preloaded: Preloaded, linked: Linked, archive: Archive, fully_static: Static];
    clone: "c/clone.c", [system: System, preloaded: Preloaded, archive: Archive, fully_static: Static];
    purge_thread: "c/purge_thread.c", [preloaded: Preloaded, linked: Linked, archive: Archive, fully_static: Static, opened: Opened];
    sandbox: "c/sandbox.c", [system: System, preloaded: Preloaded, archive: Archive, fully_static: Static];
    destructors: "cxx/destructors.cpp", [system: System, preloaded: Preloaded, archive: Archive, fully_static: Static];
    new_delete: "cxx/new_delete.cpp", [system: System, preloaded: Preloaded, linked: Linked, archive: Archive, fully_static: Static];
    without_containers: "cxx/no_library.cpp", [preloaded: Preloaded, linked: Linked, archive: Archive];
}
