//! The part of the profiler's hook that models run: the set of sampled blocks. Everything else belongs to one thread.
//!
//! Does not know: caches.

#[path = "sampled.rs"]
pub mod sampled;
