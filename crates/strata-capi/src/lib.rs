//! Strata under the names that C and C++ programs call: `libstrata.so` to preload, `libstrata.a` to link.
//!
//! | file         | names                                                                       |
//! |--------------|-----------------------------------------------------------------------------|
//! | `malloc`     | `malloc calloc free cfree free_sized free_aligned_sized malloc_usable_size` |
//! | `realloc`    | `realloc reallocarray`                                                      |
//! | `aligned`    | `posix_memalign aligned_alloc memalign valloc pvalloc`                      |
//! | `cxx`        | `operator new` and `operator delete`, all twenty                            |
//! | `introspect` | `malloc_stats malloc_info mallinfo mallinfo2 mallopt`                       |
//! | `trim`       | `malloc_trim`                                                               |
//! | `strata_api` | `strata_…`, as in `include/strata.h`                                        |
//! | `watch_api`  | `strata_watch_…`, as in `include/strata.h`                                  |
//! | `heap`       | of those, `strata_heap_…`                                                   |
//!
//! `profile` starts a heap profile if the environment asks for one. `last_words` keeps a way to speak; `trust` says whose a pointer is, `errno` how to fail.
//!
//! Each exported function does one of three things: it stays within inlined fast paths (`malloc` and `free` of small blocks,
//! 12 and 15 instructions), tail-calls a slow path, or asks a layer below. None allocates for itself, waits, or
//! unwinds, except the throwing `operator new`, which lets the C++ library's exception pass.
//!
//! The finished library is built with `panic = "abort"` and has no standard library in it, of which it would use the panics
//! alone, at a quarter of a megabyte in each process (decision 0016).

#![no_std]

mod aligned;
mod cxx;
mod errno;
mod free;
mod heap;
mod introspect;
mod last_words;
mod malloc;
#[cfg_attr(all(panic = "abort", target_os = "linux"), path = "panic/alone.rs")]
#[cfg_attr(not(all(panic = "abort", target_os = "linux")), path = "panic/of_std.rs")]
mod panic;
mod profile;
mod realloc;
mod strata_api;
mod take;
mod trim;
mod trust;
mod watch_api;
