//! Explicit huge pages (hugetlb): those that an administrator set apart, in two sizes.
//!
//! Unlike transparent ones they are there from the start or refused, never swapped and never split, and no part of a
//! process's resident memory as the kernel counts it.
//!
//! Does not know: how they are taken (`hugetlb.rs` of each system), nor what for.

use core::fmt;

/// A size in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugetlbPage {
    /// 2 MiB.
    TwoMiB,
    /// 1 GiB.
    OneGiB,
}

impl HugetlbPage {
    /// Bytes of one.
    pub const fn bytes(self) -> usize {
        1 << self.shift()
    }

    pub(crate) const fn shift(self) -> u32 {
        match self {
            // Models have memory of a few arenas, of 32 KiB each.
            Self::TwoMiB => {
                if cfg!(strata_loom) {
                    15
                } else {
                    21
                }
            }
            Self::OneGiB => 30,
        }
    }
}

impl fmt::Display for HugetlbPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TwoMiB => "2 MiB",
            Self::OneGiB => "1 GiB",
        })
    }
}

/// Why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugetlbRefusal {
    /// This machine, or its kernel, has no pages of this size.
    NoSuchSize,
    /// Fewer of them are set apart and free.
    TooFew,
    /// The process has no addresses left for them.
    NoAddresses,
}
