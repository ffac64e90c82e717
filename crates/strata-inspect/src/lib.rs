#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod bytes;
mod caches;
mod census;
mod heap;
mod json;
pub mod kernel_text;
mod metrics;
mod pool;
mod stats;
mod table;
mod target;

pub use bytes::{Bytes, Short};
pub use heap::{Found, Heap, Huge};
pub use metrics::Dialect;
pub use stats::{CallCounts, ClassStats, Identity, STATS_VERSION, Stats, ThreadStats};
pub use strata_core::offsets::VERSION as OFFSETS_VERSION;
pub use target::{Mapping, Resident, Target, Usage};
