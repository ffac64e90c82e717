//! Pools: claimed, given back, left with live blocks and taken over, along the words of their segments.
//!
//! Does not know: when memory goes back to the operating system.

pub(crate) mod adopt;
pub(crate) mod affine;
pub(crate) mod claim;
pub(crate) mod release;
mod tail;
