//! How many system calls on memory an allocator has made.

/// The number of calls since the program started, by kind; not all at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CallCounts {
    /// `mmap`.
    pub map: u64,
    /// `munmap`.
    pub unmap: u64,
    /// `mprotect`.
    pub protect: u64,
    /// `madvise`, `mincore`, the naming of ranges, and `mbind`.
    pub advise: u64,
    /// `mremap`.
    pub remap: u64,
    /// Those of all kinds that the kernel refused, hints included.
    pub failed: u64,
}

impl CallCounts {
    /// From the words in which they are counted.
    #[doc(hidden)]
    pub fn of([map, unmap, protect, advise, remap, failed]: [u64; 6]) -> Self {
        Self { map, unmap, protect, advise, remap, failed }
    }
}
