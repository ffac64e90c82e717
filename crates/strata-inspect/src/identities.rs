//! Sums that hold in a quiet process: the same, counted in two ways.
//!
//! Does not know: how anything is counted.

use crate::stats::{ClassStats, Stats};
use strata_core::layout::{ARENA_BYTES, POOL_BYTES, POOLS_PER_ARENA};

impl Stats {
    /// What has to be equal when the process is quiet: names, and the two numbers.
    pub fn identities(&self) -> [Identity; 9] {
        let class_pools: u64 = self.classes.iter().map(|class| class.pools).sum();
        let pool = POOL_BYTES as u64;
        let arenas = self.arenas * ARENA_BYTES as u64;
        let ready: u64 = self.classes.iter().map(|class| class.ready_blocks * class.block_bytes).sum();
        [
            Identity {
                says: "pools in use = pools of the classes + runs of large blocks",
                left: self.used_pools * pool,
                right: class_pools * pool + self.large_bytes,
            },
            Identity {
                says: "usable pools of the arenas = pools in use + dirty + clean",
                left: self.arenas * (POOLS_PER_ARENA as u64 - 1),
                right: self.used_pools + self.dirty_pools + self.clean_pools,
            },
            Identity {
                says: "committed = arenas + huge blocks + freed huge blocks",
                left: self.committed_bytes,
                right: arenas + self.huge_bytes + self.huge_kept_bytes,
            },
            Identity { says: "ready = ready blocks of the classes", left: self.ready_bytes, right: ready },
            Identity {
                says: "live = sum of the classes",
                left: self.live_bytes,
                right: self.classes.iter().map(ClassStats::live_bytes).sum(),
            },
            Identity {
                says: "pools in use = claimed − released",
                left: self.used_pools,
                right: self.flows.used_pools.current,
            },
            Identity {
                says: "pools of the classes = opened − closed",
                left: class_pools,
                right: self.classes.iter().map(|class| class.pool_flow.current).sum(),
            },
            Identity {
                says: "large = large taken − returned",
                left: self.large_bytes,
                right: self.flows.large_bytes.current,
            },
            Identity {
                says: "live + ready blocks, in bytes = taken from pools − returned",
                left: self.classes.iter().map(|class| class.live_bytes() + class.ready_bytes()).sum(),
                right: self.classes.iter().map(ClassStats::outside_bytes).sum(),
            },
        ]
    }
}

/// Two ways to count the same, which agree when the process is quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What is equal.
    pub says: &'static str,
    /// The left side.
    pub left: u64,
    /// The right side.
    pub right: u64,
}

impl Identity {
    /// Whether both sides agree.
    pub fn holds(&self) -> bool {
        self.left == self.right
    }
}
