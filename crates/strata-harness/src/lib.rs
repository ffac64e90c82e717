//! Measuring side by side: what `strata bench`, the programs that it runs, and `strata-programs` have in common.
//!
//! | file         | what                                                                          |
//! |--------------|-------------------------------------------------------------------------------|
//! | `sample`     | what one run of a workload cost                                                 |
//! | `statistics` | medians, spreads and means of a handful of runs                                 |
//!
//! and with feature `commands`, which is on by default:
//!
//! | file         | what                                                                          |
//! |--------------|-------------------------------------------------------------------------------|
//! | `rounds`     | everything interleaved, another one first in each round, within a budget       |
//! | `progress`   | a bar on a terminal, lines elsewhere                                            |
//! | `interrupt`  | Ctrl-C ends the measuring, not the command                                      |
//! | `noise`      | was the machine quiet enough?                                                   |
//! | `machine`    | what numbers were taken on                                                      |
//! | `units`      | numbers as a reader wants them: three digits and a unit                         |
//! | `tables`     | one form of table for terminals and pages                                       |
//! | `pages`      | what stands between markers of a page, replaced                                 |
//! | `process`    | starting cargo and other programs                                               |
//! | `targets`    | files that will be written, tried before anything takes time                    |
//!
//! Does not know: what is measured.

#[cfg(feature = "commands")]
mod commands;
pub mod sample;
pub mod statistics;

#[cfg(feature = "commands")]
pub use commands::*;
