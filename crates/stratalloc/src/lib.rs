#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod dump;
mod explain;
mod global;
mod heap;
mod lines;
mod options;
mod owns;
mod realloc;
mod report;
mod stats;
mod upkeep;
pub mod watch;

pub use explain::{Explanation, explain};
pub use global::Strata;
pub use heap::{Heap, HeapError};
pub use options::{HugePageChoice, OptionError, OptionErrorKind, Options, PurgeWay, Settings};
#[doc(inline)]
pub use strata_inspect::{
    CallCounts, Cause, CauseName, ClassStats, Dialect, Flow, Flows, Line, Stats, ThreadStats, Waterfall,
};
pub use upkeep::Trimmed;

#[doc(hidden)]
pub use options::register;
/// For the C interface, which has no layouts.
#[doc(hidden)]
pub mod c_door {
    pub use crate::report::print as print_report;
    pub use crate::upkeep::trim_quietly;
}
#[doc(hidden)]
pub use strata_os::at_load;
