#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(not(strata_loom))]
pub mod control;
#[cfg(not(strata_loom))]
#[doc(hidden)]
pub mod distance;
#[cfg(not(strata_loom))]
mod environment;
#[cfg(not(strata_loom))]
mod errno;
#[cfg(not(strata_loom))]
pub mod labels;
#[cfg(not(strata_loom))]
pub mod log;
#[cfg(not(strata_loom))]
pub mod peak;
#[cfg(not(strata_loom))]
pub mod recorder;
#[cfg(not(strata_loom))]
mod requested;
pub mod requests;
#[doc(hidden)]
pub mod sampled;
#[cfg(not(strata_loom))]
mod signal;
pub mod site;
pub mod sites;
#[cfg(not(strata_loom))]
pub mod stack;

#[cfg(not(strata_loom))]
pub use environment::start_as_asked;
#[cfg(not(strata_loom))]
pub use strata_cache::profile::Requested;
