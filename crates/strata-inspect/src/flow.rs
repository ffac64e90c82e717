//! What there is of something, the most there was, and all that came and went.
//!
//! Does not know: of what.

/// What there is, the most there was at once, and all that came and went since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Flow {
    /// What there is: `total_in − total_out`.
    pub current: u64,
    /// The most there was, since the start or since the peaks were reset.
    pub peak: u64,
    /// All that ever came.
    pub total_in: u64,
    /// All that ever went.
    pub total_out: u64,
}

impl Flow {
    /// Of what was counted: all that came, all that went, and the most there was at once.
    pub fn of(total_in: u64, total_out: u64, peak: u64) -> Self {
        let current = total_in.saturating_sub(total_out);
        Self { current, peak: peak.max(current), total_in, total_out }
    }

    /// The same in another unit, of which each is this many of the present one.
    pub(crate) fn times(self, factor: u64) -> Self {
        let Self { current, peak, total_in, total_out } = self;
        Self {
            current: current * factor,
            peak: peak * factor,
            total_in: total_in * factor,
            total_out: total_out * factor,
        }
    }
}

/// The flows of the layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Flows {
    /// Bytes of address space.
    pub reserved_bytes: Flow,
    /// Bytes that may be touched.
    pub committed_bytes: Flow,
    /// Pools of 64 KiB in use, for blocks or in large allocations.
    pub used_pools: Flow,
    /// The bytes of the blocks that came out of pools into magazines, live or ready. The peak is sampled.
    pub block_bytes: Flow,
    /// Large allocations: runs of pools.
    pub large_blocks: Flow,
    /// The bytes of their pools.
    pub large_bytes: Flow,
    /// Huge allocations.
    pub huge_blocks: Flow,
    /// The bytes of their mappings.
    pub huge_bytes: Flow,
}

impl Flows {
    /// All of them, by their stable names.
    pub fn by_name(&self) -> [(&'static str, Flow); 8] {
        [
            ("reserved_bytes", self.reserved_bytes),
            ("committed_bytes", self.committed_bytes),
            ("used_pools", self.used_pools),
            ("block_bytes", self.block_bytes),
            ("large_blocks", self.large_blocks),
            ("large_bytes", self.large_bytes),
            ("huge_blocks", self.huge_blocks),
            ("huge_bytes", self.huge_bytes),
        ]
    }
}
