#![doc = include_str!("../README.md")]

mod copied;
mod estimate;
mod groups;
mod growth;
mod history;
mod label;
mod label_table;
mod modules;
#[cfg(feature = "symbols")]
mod names;
mod ours;
mod pprof;
mod profile;
mod read;
pub mod recorder;
#[cfg(feature = "tokio")]
mod tasks;
mod text;

pub use estimate::Values;
pub use groups::Grouping;
pub use growth::{Series, Suspect};
pub use label::{Label, Labelled, Scope, label};
pub use modules::Mapping;
#[cfg(feature = "symbols")]
pub use names::DebugInfo;
pub use pprof::Shown;
pub use profile::{Addresses, Frame, Names, Profile, Requested, Site, Stack};
pub use read::ReadError;
pub use strata_recorder::labels::by_thread;
pub use strata_recorder::start_as_asked;
// For the command `strata` of the same release: not promised.
#[doc(hidden)]
pub use strata_recorder::{control, log, requests};
#[cfg(feature = "tokio")]
pub use tasks::spawn;
