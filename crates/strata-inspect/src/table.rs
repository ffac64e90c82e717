//! Statistics as a table for human readers.
//!
//! Does not know: how anything is counted.

use crate::bytes::Bytes;
use crate::flow::{Flow, Flows};
use crate::stats::{ClassStats, Stats};
use core::fmt;
use strata_core::layout::POOL_BYTES;

/// Why nearly all figures are zero, and what to do.
const NOT_GLOBAL: &str = "nothing was allocated here: Strata is not this program's allocator. In Rust: `#[global_allocator] static \
     GLOBAL: Strata = Strata;`. In C: link libstrata.a, or preload libstrata.so";

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_global {
            writeln!(f, "{NOT_GLOBAL}")?;
        }
        self.memory(f)?;
        self.layers(f)?;
        self.flows(f)?;
        self.threads_and_calls(f)?;
        self.size_classes(f)
    }
}

impl Stats {
    fn memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "allocated  {:>11} that the program has", Bytes(self.allocated_bytes()))?;
        let metadata = Bytes(self.metadata_bytes());
        writeln!(f, "active     {:>11} in pools and mappings in use", Bytes(self.active_bytes()))?;
        writeln!(f, "metadata   {metadata:>11} at most")?;
        writeln!(f, "resident   {:>11} may be in memory", Bytes(self.resident_bytes))?;
        writeln!(f, "committed  {:>11} may be touched", Bytes(self.committed_bytes))?;
        writeln!(f, "reserved   {:>11} of addresses", Bytes(self.reserved_bytes))?;
        if self.pinned_bytes > 0 {
            let pinned = Bytes(self.pinned_bytes);
            writeln!(f, "pinned     {pinned:>11} beside those, in explicit huge pages, which stay")?;
        }
        if self.lazily_purged_bytes > 0 {
            let lazy = Bytes(self.lazily_purged_bytes);
            writeln!(f, "lazy       {lazy:>11} of those, resident until the system needs them")?;
        }
        writeln!(f, "retained   {:>11} of addresses without memory", Bytes(self.retained_bytes()))?;
        writeln!(f, "purged     {:>11} since the start", Bytes(self.purged_bytes))?;
        let by = if self.purge_thread_is_running { "; the purge thread runs" } else { "" };
        writeln!(f, "purges     {:>11} calls{by}", self.purges)
    }

    fn layers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segments   {:>11}", self.segments)?;
        if self.nodes > 1 {
            write!(f, ", kept apart for {} nodes", self.nodes)?;
        }
        writeln!(f)?;
        writeln!(f, "arenas     {:>11}", self.arenas)?;
        let Self { used_pools, dirty_pools, clean_pools, .. } = self;
        writeln!(
            f,
            "pools      {used_pools:>11} in use, {dirty_pools} free, {clean_pools} free without memory"
        )?;
        writeln!(f, "blocks     {:>11} live, {}", self.live_blocks, Bytes(self.live_bytes))?;
        writeln!(f, "large      {:>11} live, {}", self.large_blocks, Bytes(self.large_bytes))?;
        let (live, kept) = (Bytes(self.huge_bytes), Bytes(self.huge_kept_bytes));
        writeln!(f, "huge       {:>11} live, {live}; {kept} kept for reuse", self.huge_blocks)
    }

    /// What there is, the most there was, and what came and went since the start.
    fn flows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "flow       {:>11} {:>11} {:>11} {:>11}", "now", "peak", "total in", "total out")?;
        let Flows {
            reserved_bytes, committed_bytes, used_pools, block_bytes, large_bytes, huge_bytes, ..
        } = self.flows;
        let pools = used_pools.times(POOL_BYTES as u64);
        for (name, flow) in [
            ("reserved", reserved_bytes),
            ("committed", committed_bytes),
            ("pools", pools),
            ("blocks", block_bytes),
            ("large", large_bytes),
            ("huge", huge_bytes),
        ] {
            let Flow { current, peak, total_in, total_out } = flow;
            write!(f, "  {name:<9}{:>11} {:>11} ", Bytes(current), Bytes(peak))?;
            writeln!(f, "{:>11} {:>11}", Bytes(total_in), Bytes(total_out))?;
        }
        Ok(())
    }

    fn threads_and_calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caches, caches_ever, ready_blocks, calls, .. } = self;
        writeln!(
            f,
            "caches     {caches:>11} live of {caches_ever} ever; {ready_blocks} blocks ready, {}",
            Bytes(self.ready_bytes)
        )?;
        writeln!(
            f,
            "OS calls   {:>11} mmap, {} munmap, {} mprotect, {} madvise, {} mremap; {} refused",
            calls.map, calls.unmap, calls.protect, calls.advise, calls.remap, calls.failed
        )
    }

    fn size_classes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "class      {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11}",
            "pools", "at peak", "carved", "live", "ready", "live bytes", "taken", "returned"
        )?;
        self.classes.iter().filter(|class| class.pools > 0).try_for_each(|class| write!(f, "\n{class}"))
    }
}

impl fmt::Display for ClassStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block_bytes, pools, carved_blocks, live_blocks, ready_blocks, .. } = *self;
        let (peak, bytes) = (self.pool_flow.peak, Bytes(self.live_bytes()));
        write!(f, "{block_bytes:>8} B {pools:>12} {peak:>11} {carved_blocks:>11} {live_blocks:>11} ")?;
        write!(f, "{ready_blocks:>11} {bytes:>11} {:>11} {:>11}", self.taken_blocks, self.returned_blocks)
    }
}
