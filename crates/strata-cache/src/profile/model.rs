//! Of the profiler's hook, what models look at: the set of sampled blocks. Everything else is one thread's own.
//!
//! Does not know: caches.

#[path = "sampled.rs"]
pub mod sampled;
