#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod bytes;
mod caches;
mod calls;
mod cause;
mod causes;
mod census;
mod explanation;
mod exposition;
mod facts;
mod flow;
mod footprint;
mod growth;
mod heap;
mod huge;
mod identities;
mod json;
pub mod kernel_text;
mod line;
mod map;
mod metrics;
mod pool;
mod sparse;
mod stats;
mod table;
mod target;
mod waterfall;
mod wrapped;

pub use bytes::{Bytes, Fixed, Short};
pub use calls::CallCounts;
pub use cause::{Cause, CauseName, Text};
pub use exposition::Dialect;
pub use facts::{About, Facts};
pub use flow::{Flow, Flows};
pub use footprint::{ClassFootprint, Footprint, ThreadFootprint};
pub use growth::{ClassGrowth, Growth};
pub use heap::{Found, FreePool, Heap, Linkage};
pub use huge::Huge;
pub use identities::Identity;
pub use line::Line;
pub use map::{ArenaMap, BlockPool, MappedPool, PoolUse, block_bytes};
pub use metrics::{Label, METRICS, Metric, MetricKind, Sample};
pub use pool::Tenure;
pub use sparse::Sparse;
pub use stats::{ClassStats, STATS_VERSION, Stats, ThreadStats};
pub use strata_core::offsets::VERSION as OFFSETS_VERSION;
pub use target::{Mapping, Resident, Target, Usage};
pub use waterfall::{Kernel, Requested, Waterfall};

/// The version of a snapshot's file: what `strata snapshot` and a dump write, and `strata diff` reads.
pub const SNAPSHOT_VERSION: u32 = 2;
