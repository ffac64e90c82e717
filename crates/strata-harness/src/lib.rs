//! Measuring programs side by side: what `strata bench` and `strata-programs` have in common.
//!
//! | file         | what                                                                          |
//! |--------------|-------------------------------------------------------------------------------|
//! | `rounds`     | everything interleaved, another one first in each round, within a budget       |
//! | `progress`   | a bar on a terminal, lines elsewhere                                            |
//! | `interrupt`  | Ctrl-C ends the measuring, not the command                                      |
//! | `statistics` | medians, spreads and means of a handful of runs                                 |
//! | `process`    | starting cargo and other programs                                               |
//! | `targets`    | files that will be written, tried before anything takes time                    |
//!
//! Does not know: what is measured.

pub mod interrupt;
pub mod process;
pub mod progress;
pub mod rounds;
pub mod statistics;
pub mod targets;
