//! What a command that measures needs beside samples and their statistics.

pub mod interrupt;
pub mod machine;
pub mod noise;
pub mod pages;
pub mod process;
pub mod progress;
pub mod rounds;
pub mod tables;
pub mod targets;
pub mod units;
