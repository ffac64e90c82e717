#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod global;
mod realloc;
mod unpooled;

pub use global::Strata;
