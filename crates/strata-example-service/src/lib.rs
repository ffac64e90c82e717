#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod cache;
pub mod client;
pub mod load;
pub mod local;
pub mod page;
pub mod routes;
