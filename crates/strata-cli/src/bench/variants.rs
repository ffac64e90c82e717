//! Peers with other settings than they come with, where people who compare would ask for them.
//!
//! Does not know: how a binary is built or started.

/// An allocator's binary under a variable of the environment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// What one types.
    pub(crate) name: &'static str,
    /// The allocator as it comes.
    pub(crate) of: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) value: &'static str,
}

/// All of them.
pub(crate) const VARIANTS: [Variant; 1] = [Variant {
    name: "jemalloc-bg",
    of: "jemalloc",
    // The prefix that the crate builds jemalloc with.
    variable: "_RJEM_MALLOC_CONF",
    value: "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:1000",
}];
