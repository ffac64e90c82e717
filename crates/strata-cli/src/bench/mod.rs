//! The parts of `strata bench`, in the order in which a run meets them.
//!
//!   workspace ─► build ─► offers ─► plan ─► schedule (runner, many times) ─► results ─► tables, pages, compare, noise, report
//!
//! Each allocator is the `#[global_allocator]` of a process of its own (package `strata-benches`); this side starts
//! them, reads one line of JSON from each, and does the arithmetic.

pub(crate) mod best_peer;
pub(crate) mod build;
pub(crate) mod compare;
pub(crate) mod given;
pub(crate) mod metric;
pub(crate) mod noise;
pub(crate) mod offers;
pub(crate) mod pages;
pub(crate) mod plan;
pub(crate) mod preload;
pub(crate) mod report;
pub(crate) mod results;
pub(crate) mod runner;
pub(crate) mod schedule;
pub(crate) mod tables;
pub(crate) mod variants;
pub(crate) mod workspace;
