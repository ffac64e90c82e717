//! The part of the profiler's hook that models run: the filter. Everything else belongs to one thread.
//!
//! Does not know: caches.

#[path = "filter.rs"]
mod filter;
pub use filter::{Filter, hash};
