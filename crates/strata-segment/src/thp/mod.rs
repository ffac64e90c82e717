//! Transparent huge pages: which memory is asked for in them, on what evidence.
//!
//! Does not know: what the memory is for.

pub(crate) mod evidence;
pub(crate) mod growth;
pub(crate) mod knowledge;
pub(crate) mod pages;
