//! Giving memory back: when a pass comes, what it takes, and the thread that makes it when no other calls.
//!
//! Does not know: who allocates.

pub(crate) mod decommit;
pub(crate) mod duty;
pub(crate) mod parker;
pub(crate) mod pass;
pub(crate) mod policy;
pub(crate) mod schedule;
pub(crate) mod thread;
