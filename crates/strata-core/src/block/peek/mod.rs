//! A look at a link that may be a link no longer: the program may own the block by now and be writing to it.
//!
//! Statistics count the blocks on another thread's list by following it, and that thread may pop the block being looked at.
//! A load of ours, atomic or not, would then race with the program's plain store: undefined for Rust, and for LLVM a value
//! that may differ at each use. In assembly it is one machine load that returns *some* word, of which the compiler assumes
//! nothing; the reader validates the word before it follows it, so any word will do.
//!
//! ThreadSanitizer does not see assembly. Nothing is hidden by that but this one read, whose result proves nothing.
//!
//! | file       | for                                                                                             |
//! |------------|-------------------------------------------------------------------------------------------------|
//! | `x86_64`   | x86-64                                                                                          |
//! | `aarch64`  | aarch64                                                                                         |
//! | `portable` | other processors, loom and Miri: an atomic load, and counts that are good only of quiet threads |
//!
//! Does not know: whose block it is.

#[cfg_attr(
    any(strata_loom, miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))),
    path = "portable.rs"
)]
#[cfg_attr(all(target_arch = "x86_64", not(any(strata_loom, miri))), path = "x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", not(any(strata_loom, miri))), path = "aarch64.rs")]
mod load;

pub(super) use load::peek;
