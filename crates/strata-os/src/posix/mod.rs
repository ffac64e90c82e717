//! What Linux and the other Unixes do in the same way, for the two folders to use.
//!
//! | file          | what                                                            |
//! |---------------|-----------------------------------------------------------------|
//! | `trim`        | addresses at an alignment that the kernel does not give         |
//! | `limit`       | the limits that a process has of its own                        |
//! | `page_size`   | a number that is asked for once                                 |
//!
//! Does not know: which system this is.

#[cfg_attr(
    all(target_os = "linux", not(strata_unix)),
    allow(dead_code, unreachable_pub, reason = "Linux is asked past the C library")
)]
pub(crate) mod limit;
#[cfg(test)]
mod map_tests;
pub(crate) mod page_size;
pub(crate) mod trim;
