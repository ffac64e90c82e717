//! Why a process is as large as it is: which cause applies, how sure that is, from what, and what to do.
//!
//! | cause               | applies if, of what is resident,                                    | known from                       |
//! |---------------------|---------------------------------------------------------------------|----------------------------------|
//! | `live-growth`       | live bytes grew in half the steps of a watch, or more               | two moments or more              |
//! | `unbounded-cache`   | and blocks of some classes at every moment, none of the others went | four moments or more             |
//! | `fragmentation`     | a part is free blocks in pools that live blocks keep                | pool headers and page tables     |
//! | `parked-in-threads` | a part is ready in magazines, or free in pools that those keep      | magazines, pool headers          |
//! | `purge-delay`       | a part is free and goes back later                                  | bits of free pools               |
//! | `huge-pages`        | a part is zeroes inside of huge pages                               | a sample of the pages themselves |
//! | `other-memory`      | half is not the allocator's, nor files                              | the kernel                       |
//! | `none`              | nothing of that                                                     |                                  |
//!
//! *A part* is a tenth, and at least 4 MiB: less is not worth the time.
//!
//! Does not know: how anything is counted. The names are stable.

use crate::bytes::Bytes;
use crate::cause::{Cause, CauseName, Text};
use crate::facts::Facts;
use crate::footprint::{ClassFootprint, worst_classes};
use crate::growth::Growth;
use crate::heap::Linkage;
use crate::line::Line;
use crate::sparse::Sparse;
use core::fmt::Write;

/// The least part that is worth a word.
const LEAST_BYTES: u64 = 4 << 20;
/// The part of what is resident that is.
const PART: u64 = 10;
/// Bytes of other memory that are worth a word if they are half of all.
const LEAST_OTHER_BYTES: u64 = 32 << 20;
/// Growth within a watch that is worth a word.
const LEAST_GROWTH: i64 = 256 << 10;
/// Steps from which on steady growth says something.
const SURE_STEPS: usize = 3;

impl Facts<'_> {
    /// The causes that apply, the one that explains most first; `none` alone if there is no other.
    pub fn causes(&self, each: &mut dyn FnMut(&Cause)) {
        let mut found = [
            self.growth(),
            self.fragmentation(),
            self.parked(),
            self.purge_delay(),
            self.huge_pages(),
            self.other_memory(),
        ];
        found.sort_unstable_by_key(|cause| core::cmp::Reverse(cause.as_ref().map_or(0, |cause| cause.bytes)));
        if found.iter().all(Option::is_none) {
            return each(&self.none());
        }
        found.iter().flatten().for_each(each);
    }

    /// Whether the program's own blocks became more while it was watched.
    pub fn live_grew(&self) -> bool {
        self.growth().is_some()
    }

    fn is_worth_a_word(&self, bytes: u64) -> bool {
        bytes >= LEAST_BYTES && bytes >= self.waterfall.rss_bytes() / PART
    }

    fn growth(&self) -> Option<Cause> {
        let growth = self.growth.filter(|growth| growth.live_bytes >= LEAST_GROWTH)?;
        let bytes = growth.live_bytes.unsigned_abs();
        let seconds = growth.milliseconds as f64 / 1000.0;
        let rate = Bytes((bytes as f64 / seconds.max(0.001)) as u64);
        let is_cache = growth.is_steady
            && growth.steps >= SURE_STEPS
            && growth.steady_bytes * 2 >= bytes
            && growth.shrunk_bytes * 4 <= growth.steady_bytes;
        if !is_cache && growth.growing_steps * 2 < growth.steps {
            return None;
        }
        if !is_cache {
            return Some(Cause {
                cause: CauseName::LiveGrowth,
                percent: if growth.is_steady { 70 } else { 40 },
                bytes,
                evidence: Text::of(format_args!(
                    "In {seconds:.1} s the program's own blocks grew by {}, {rate} a second.",
                    Bytes(bytes)
                )),
                advice: Text::of(format_args!(
                    "The program itself holds this memory. A longer --watch under steady load says whether it levels off; a heap \
profile says which lines allocate it."
                )),
            });
        }
        Some(Cause {
            cause: CauseName::UnboundedCache,
            percent: if growth.steady_classes > 1 { 80 } else { 65 },
            bytes,
            evidence: cache_evidence(&growth, bytes, rate),
            advice: Text::of(format_args!(
                "Look for a map, list or queue that only grows, whose items are blocks of these sizes, and give it a bound: a \
number of entries, or a time to live. A heap profile says which line inserts them."
            )),
        })
    }

    fn fragmentation(&self) -> Option<Cause> {
        let bytes =
            self.waterfall.bytes(Line::FreeBlocks).saturating_sub(self.footprint.of_classes(kept_by_ready));
        if !self.is_worth_a_word(bytes) {
            return None;
        }
        let advice = match self.about.linkage {
            Linkage::Inside => "or in a heap of their own (stratalloc::Heap; in C strata_heap_new)",
            Linkage::Library => "or in a heap of their own (in C strata_heap_new)",
        };
        Some(Cause {
            cause: CauseName::Fragmentation,
            percent: if self.about.is_purging { 50 } else { 90 },
            bytes,
            evidence: self.fragmentation_evidence(bytes),
            advice: Text::of(format_args!(
                "Blocks that live long lie between others that are gone. Allocate those of these sizes first, together, {advice}, or \
copy them once the others are gone. The free blocks serve new ones of the same sizes."
            )),
        })
    }

    fn fragmentation_evidence(&self, bytes: u64) -> Text {
        let pinned: u64 = self.footprint.of_classes(|class| class.pinned_pools);
        let pinning: u64 = self.footprint.of_classes(|class| class.pinning_blocks);
        let mut evidence = Text::of(format_args!(
            "{} of free blocks lie in pools that live blocks keep; {pinned} pools are kept by {pinning} blocks.",
            Bytes(bytes)
        ));
        let worst = worst_classes(&self.footprint);
        let kept_by_live = |class: &ClassFootprint| class.free - kept_by_ready(class);
        let told = worst.iter().flatten().filter(|(_, of_class)| kept_by_live(of_class) >= bytes / 100);
        for (index, (class, of_class)) in told.enumerate() {
            let before = if index == 0 { " Worst: " } else { ", " };
            let size = class.block_bytes();
            let _ = write!(evidence, "{before}{size} B with {} free", Bytes(kept_by_live(of_class)));
        }
        let _ = write!(evidence, ".");
        if self.about.is_purging {
            let _ = write!(evidence, " A purge pass is due, which takes pages on which nothing lives.");
        }
        evidence
    }

    fn parked(&self) -> Option<Cause> {
        let (ready, kept) = (self.waterfall.bytes(Line::Ready), self.footprint.of_classes(kept_by_ready));
        let bytes = ready + kept.min(self.waterfall.bytes(Line::FreeBlocks));
        let advice = match self.about.linkage {
            Linkage::Inside => {
                "Have threads that go idle give their blocks back (Strata::collect; in C strata_collect)"
            }
            Linkage::Library => "Have threads that go idle give their blocks back (strata_collect)",
        };
        self.is_worth_a_word(ready).then(|| Cause {
            cause: CauseName::ParkedInThreads,
            percent: 95,
            bytes,
            evidence: Text::of(format_args!(
                "{} of free blocks are ready in the magazines of {} threads and heaps, and about {} more are free in the pools that \
those keep.",
                Bytes(ready),
                self.caches,
                Bytes(kept)
            )),
            advice: Text::of(format_args!("{advice}, use fewer threads, or end those that wait.")),
        })
    }

    fn purge_delay(&self) -> Option<Cause> {
        let lines = [Line::FreePools, Line::Due, Line::Lazy, Line::FreeHuge];
        let bytes = lines.iter().map(|line| self.waterfall.bytes(*line)).sum();
        if !self.is_worth_a_word(bytes) {
            return None;
        }
        let (huge, lazy) = (self.waterfall.bytes(Line::FreeHuge), self.waterfall.bytes(Line::Lazy));
        let mut evidence = Text::of(format_args!("{} are free and still in memory", Bytes(bytes)));
        if huge > 0 {
            let _ = write!(evidence, ", {} of them left by huge blocks", Bytes(huge));
        }
        let _ = match self.about.purge_delay_ms {
            None => write!(evidence, ". The option purge_delay is `never`."),
            Some(delay) => write!(evidence, ". They go after {delay} ms without use (option purge_delay)."),
        };
        if lazy > 0 {
            let _ = write!(
                evidence,
                " {} of them the kernel takes when it needs memory (purge=lazily).",
                Bytes(lazy)
            );
        }
        let advice = match self.about.purge_delay_ms {
            None => {
                "Set STRATA_PURGE_DELAY to some milliseconds, or call Strata::trim (strata_trim, malloc_trim) when \
memory is wanted back."
            }
            Some(_) if lazy * 2 > bytes => {
                "Set STRATA_PURGE=now if it should leave the process's account at once."
            }
            Some(_) => {
                "Ask again in a second: it goes by itself. If it stays, something uses and frees it in turn; \
STRATA_PURGE_DELAY and STRATA_HUGE_KEEP say how long and how much is kept."
            }
        };
        Some(Cause {
            cause: CauseName::PurgeDelay,
            percent: 90,
            bytes,
            evidence,
            advice: Text::of(format_args!("{advice}")),
        })
    }

    fn huge_pages(&self) -> Option<Cause> {
        let Sparse { in_huge_pages, zero_bytes, samples, .. } = self.sparse;
        let bytes = zero_bytes.max(self.waterfall.bytes(Line::Returned));
        self.is_worth_a_word(bytes).then(|| Cause {
            cause: CauseName::HugePages,
            percent: if samples >= 8 { 85 } else { 60 },
            bytes,
            evidence: Text::of(format_args!(
                "{} are in huge pages; in a sample of {samples} of them about {} % of the memory holds nothing but zeroes.",
                Bytes(in_huge_pages),
                (zero_bytes * 100).checked_div(in_huge_pages).unwrap_or(0)
            )),
            advice: Text::of(format_args!(
                "Memory that is used in few places takes less in small pages: set STRATA_HUGE_PAGES=never; if the program asks for \
huge pages itself (MADV_HUGEPAGE), let it not do so for such tables."
            )),
        })
    }

    fn other_memory(&self) -> Option<Cause> {
        let lines = [Line::Other, Line::Brk, Line::Shared, Line::Stack];
        let bytes: u64 = lines.iter().map(|line| self.waterfall.bytes(*line)).sum();
        let is_half = bytes >= LEAST_OTHER_BYTES && bytes * 2 >= self.waterfall.rss_bytes();
        is_half.then(|| Cause {
            cause: CauseName::OtherMemory,
            percent: 95,
            bytes,
            evidence: Text::of(format_args!(
                "{} belong neither to Strata nor to files: {} are in mappings of the program's, of another allocator, or threads' \
stacks, {} in the C library's heap, {} in shared memory.",
                Bytes(bytes),
                Bytes(self.waterfall.bytes(Line::Other)),
                Bytes(self.waterfall.bytes(Line::Brk)),
                Bytes(self.waterfall.bytes(Line::Shared))
            )),
            advice: Text::of(format_args!("{}", other_advice(self.about.linkage))),
        })
    }

    fn none(&self) -> Cause {
        let live = self.waterfall.bytes(Line::Live);
        let (evidence, advice) = match self.growth {
            Some(_) => ("they did not grow while it was watched", "Nothing to do."),
            None => (
                "nothing else stands out",
                "If that is more than it should be: --watch SECONDS says whether it grows, a heap profile who has it.",
            ),
        };
        Cause {
            cause: CauseName::None,
            percent: 80,
            bytes: 0,
            evidence: Text::of(format_args!(
                "{} of {} are the program's own live blocks, and {evidence}.",
                Bytes(live),
                Bytes(self.waterfall.rss_bytes())
            )),
            advice: Text::of(format_args!("{advice}")),
        }
    }
}

/// Free blocks of a class in pools that blocks in magazines keep: the same part as they are of the blocks that keep its pools.
fn kept_by_ready(class: &ClassFootprint) -> u64 {
    let part = u128::from(class.free) * u128::from(class.ready);
    part.checked_div(u128::from(class.ready) + u128::from(class.live)).unwrap_or(0) as u64
}

fn cache_evidence(growth: &Growth, bytes: u64, rate: Bytes) -> Text {
    let mut text = Text::of(format_args!(
        "At each of {} readings the program had more: {} in all, {rate} a second. Of {} size classes there were more each time",
        growth.steps + 1,
        Bytes(bytes),
        growth.steady_classes
    ));
    for (index, class) in growth.steady.iter().filter(|class| class.blocks > 0).enumerate() {
        let before = if index == 0 { ": " } else { ", " };
        let _ = write!(text, "{before}{} blocks of {} B", class.blocks, class.block_bytes);
    }
    let _ = write!(text, "; all others shrank by {} together.", Bytes(growth.shrunk_bytes));
    text
}

fn other_advice(linkage: Linkage) -> &'static str {
    match linkage {
        Linkage::Inside => {
            "Look at the largest mappings in /proc/PID/smaps. The usual reason is a library that has the C library's malloc: \
`strata run -- PROGRAM` puts that on Strata, too."
        }
        Linkage::Library => {
            "Look at the largest mappings in /proc/PID/smaps. The usual reason is a language with an allocator of its own (CPython: \
PYTHONMALLOC=malloc puts its objects on Strata)."
        }
    }
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
