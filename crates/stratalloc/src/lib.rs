#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod global;
mod heap;
mod lines;
mod options;
mod realloc;
mod report;
mod stats;
mod upkeep;
pub mod watch;

pub use global::Strata;
pub use heap::Heap;
pub use options::{HugePageChoice, OptionError, Options, PurgeWay};
pub use strata_inspect::{CallCounts, ClassStats, Stats, ThreadStats};

#[doc(hidden)]
pub use options::register;
/// For the C interface, which has no layouts.
#[doc(hidden)]
pub mod c_door {
    pub use crate::report::print as print_report;
}
#[doc(hidden)]
pub use strata_os::at_load;
