//! The programs of `conformance.rs` on aarch64, under an emulator: its thread word, its weak references, its loader.
//!
//! Minutes, so on request: `cargo test -p strata-capi --profile checked --test aarch64 -- --ignored`. It takes Debian's
//! `qemu-user` and `g++-aarch64-linux-gnu`, and `rustup target add aarch64-unknown-linux-gnu`. Not here: what is about limits
//! on memory (an emulator does not pass them on), and about time.

mod finished;

use finished::{Finished, Way, expect_good_of};

/// A test for each program, in each way.
macro_rules! programs {
    ($($name:ident: $source:literal, [$($way:ident),*];)*) => {$(
        #[test]
        #[ignore = "minutes under an emulator"]
        fn $name() {
            let Some(finished) = Finished::for_aarch64() else { return };
            $(expect_good_of(finished, $source, Way::$way);)*
        }
    )*};
}

programs! {
    malloc: "c/malloc.c", [Preloaded, Static];
    aligned: "c/aligned.c", [Linked, Static];
    introspect: "c/introspect.c", [Preloaded, Static];
    strata_api: "c/strata_api.c", [Linked, Archive, Static];
    heap: "c/heap.c", [Linked, Static];
    early: "c/early.c", [Preloaded, Linked, Static];
    threads: "c/threads.c", [Preloaded, Static];
    destructors: "cxx/destructors.cpp", [Preloaded, Static];
    without_containers: "cxx/no_library.cpp", [Preloaded, Linked, Archive];
}
