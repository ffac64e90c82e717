//! Everything that is known of a process and that causes are concluded from.
//!
//! Does not know: what is concluded; `causes` does.

use crate::cause::CauseName;
use crate::footprint::Footprint;
use crate::growth::Growth;
use crate::heap::{Heap, Linkage};
use crate::line::Line;
use crate::sparse::Sparse;
use crate::target::Target;
use crate::waterfall::Waterfall;

/// Everything that is known of a process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts<'a> {
    /// What is in memory.
    pub waterfall: Waterfall,
    /// Of that, what is the allocator's.
    pub footprint: Footprint,
    /// The sample of memory in huge pages.
    pub sparse: Sparse,
    /// What changed, if the process was watched.
    pub growth: Option<Growth>,
    /// Threads and heaps that have magazines.
    pub caches: u64,
    /// What the allocator says of itself.
    pub about: About,
    /// Bytes of page tables, which are the process's and no part of RSS, if the kernel says.
    pub page_table_bytes: Option<u64>,
    /// Bytes of the process in swap space, which are no part of RSS.
    pub swapped_bytes: u64,
    /// Memory that may be touched, in and out of memory; 0: not known.
    pub committed_bytes: u64,
    /// Addresses that the allocator has, which may be touched or not; 0: not known.
    pub reserved_bytes: u64,
    /// Of a cause, the lines of code that allocated what it is about, if a heap profile knows them.
    pub code: &'a [(CauseName, &'a str)],
}

/// What an allocator says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// How the program came to have it.
    pub linkage: Linkage,
    /// Milliseconds that memory lies free before it goes back; `None`: it never does.
    pub purge_delay_ms: Option<u64>,
    /// Whether free memory waits for a purge pass.
    pub is_purging: bool,
}

impl Default for About {
    fn default() -> Self {
        Self { linkage: Linkage::Inside, purge_delay_ms: None, is_purging: false }
    }
}

impl<T: Target + ?Sized> Heap<'_, T> {
    /// What it says of itself.
    pub fn about(&self) -> About {
        About { linkage: self.linkage(), purge_delay_ms: self.purge_delay_ms(), is_purging: self.purges() }
    }
}

impl Facts<'_> {
    /// What is known without a sample and a watch.
    pub fn new(waterfall: Waterfall, footprint: Footprint) -> Self {
        Self {
            waterfall,
            footprint,
            sparse: Sparse::default(),
            growth: None,
            caches: 0,
            about: About::default(),
            page_table_bytes: None,
            swapped_bytes: 0,
            committed_bytes: 0,
            reserved_bytes: 0,
            code: &[],
        }
    }

    /// Of the memory that may be touched, what is not in memory: purged, or never touched. `None`: not known.
    pub fn not_in_memory_bytes(&self) -> Option<u64> {
        let resident = self.waterfall.bytes(Line::Strata).saturating_sub(self.footprint.metadata_outside);
        Some(self.committed_bytes).filter(|bytes| *bytes != 0).map(|bytes| bytes.saturating_sub(resident))
    }

    /// The lines of code that a cause is about.
    pub(crate) fn code_of(&self, cause: CauseName) -> impl Iterator<Item = &str> {
        self.code.iter().filter(move |(of, _)| *of == cause).map(|(_, line)| *line)
    }
}
