//! Why a process is as large as it is: which cause applies, how sure that is, from what, and what to do.
//!
//! | cause               | applies if, of what is resident,                                    | known from                       |
//! |---------------------|---------------------------------------------------------------------|----------------------------------|
//! | `live-growth`       | live bytes grew in half the steps of a watch, or more               | two moments or more              |
//! | `unbounded-cache`   | and blocks of some classes at every moment, none of the others went | four moments or more             |
//! | `fragmentation`     | a part is free blocks in pools in which something lives             | pool headers and page tables     |
//! | `parked-in-threads` | a part is ready in magazines                                        | magazines                        |
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
use crate::footprint::{Footprint, worst_classes};
use crate::growth::Growth;
use crate::line::Line;
use crate::sparse::Sparse;
use crate::waterfall::Waterfall;
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

/// Everything that is known of a process.
#[derive(Debug)]
#[non_exhaustive]
pub struct Facts<'a> {
    /// What is in memory.
    pub waterfall: &'a Waterfall,
    /// Of that, what is the allocator's.
    pub footprint: &'a Footprint,
    /// The sample of memory in huge pages.
    pub sparse: Sparse,
    /// What changed, if the process was watched.
    pub growth: Option<Growth>,
    /// Threads and heaps that have magazines.
    pub caches: u64,
    /// Milliseconds that memory lies free; `None`: it never goes back.
    pub purge_delay_ms: Option<u64>,
    /// Bytes of page tables, which are the process's and no part of RSS, if the kernel says.
    pub page_table_bytes: Option<u64>,
    /// Memory that may be touched, in and out of memory; 0: not known.
    pub committed_bytes: u64,
    /// Of a cause, the lines of code that allocated what it is about, if a heap profile knows them.
    pub code: &'a [(CauseName, &'a str)],
}

impl<'a> Facts<'a> {
    /// What is known without a sample and a watch.
    pub fn new(waterfall: &'a Waterfall, footprint: &'a Footprint) -> Self {
        Self {
            waterfall,
            footprint,
            sparse: Sparse::default(),
            growth: None,
            caches: 0,
            purge_delay_ms: None,
            page_table_bytes: None,
            committed_bytes: 0,
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
                    "In {seconds:.1} s the program's own blocks grew by {}, that is {rate} a second.",
                    Bytes(bytes)
                )),
                advice: Text::of(format_args!(
                    "The program has this memory: see whether it still grows under steady load, by a longer --watch; a heap \
profile says which lines allocate it."
                )),
            });
        }
        Some(Cause {
            cause: CauseName::UnboundedCache,
            percent: if growth.steady_classes > 1 { 80 } else { 65 },
            bytes,
            evidence: self.cache_evidence(&growth, bytes, rate),
            advice: Text::of(format_args!(
                "Look for a map, list or queue that only grows, whose items are blocks of these sizes, and give it a bound: a \
number of entries, or a time to live. A heap profile says which line inserts them."
            )),
        })
    }

    fn cache_evidence(&self, growth: &Growth, bytes: u64, rate: Bytes) -> Text {
        let mut text = Text::of(format_args!(
            "At each of {} moments the program had more: {} in all, {rate} a second. Steadily more there was of {} size \
classes",
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

    fn fragmentation(&self) -> Option<Cause> {
        let bytes = self.waterfall.bytes(Line::FreeBlocks);
        if !self.is_worth_a_word(bytes) {
            return None;
        }
        let pinned: u64 = self.footprint.of_classes(|class| class.pinned_pools);
        let pinning: u64 = self.footprint.of_classes(|class| class.pinning_blocks);
        let mut evidence = Text::of(format_args!(
            "{} of free blocks lie in pools and pages in which something lives; {pinned} pools are kept by {pinning} blocks.",
            Bytes(bytes)
        ));
        let worst = worst_classes(self.footprint);
        for (index, (class, of_class)) in
            worst.iter().flatten().filter(|(_, class)| class.free > 0).enumerate()
        {
            let before = if index == 0 { " Worst: " } else { ", " };
            let size = class.block_bytes();
            let _ = write!(evidence, "{before}{size} B with {} free", Bytes(of_class.free));
        }
        let _ = write!(evidence, ".");
        Some(Cause {
            cause: CauseName::Fragmentation,
            percent: 90,
            bytes,
            evidence,
            advice: Text::of(format_args!(
                "Blocks that live long lie between blocks that lived shortly: allocate the long-lived ones of these sizes first, \
together, or in a heap of their own (stratalloc::Heap); the free ones serve new blocks of the same size."
            )),
        })
    }

    fn parked(&self) -> Option<Cause> {
        let bytes = self.waterfall.bytes(Line::Ready);
        self.is_worth_a_word(bytes).then(|| Cause {
            cause: CauseName::ParkedInThreads,
            percent: 95,
            bytes,
            evidence: Text::of(format_args!(
                "{} of free blocks are ready in the magazines of {} threads and heaps.",
                Bytes(bytes),
                self.caches
            )),
            advice: Text::of(format_args!(
                "Have threads that go idle give their blocks back (stratalloc::Strata::collect, strata_collect in C), keep fewer \
threads, or end those that wait."
            )),
        })
    }

    fn purge_delay(&self) -> Option<Cause> {
        let lines = [Line::FreePools, Line::Due, Line::Lazy, Line::FreeHuge];
        let bytes = lines.iter().map(|line| self.waterfall.bytes(*line)).sum();
        if !self.is_worth_a_word(bytes) {
            return None;
        }
        let huge = Bytes(self.waterfall.bytes(Line::FreeHuge));
        let lazy = self.waterfall.bytes(Line::Lazy);
        let mut evidence = Text::of(format_args!(
            "{} lie free and are still in memory, of which {huge} are left by huge blocks.",
            Bytes(bytes)
        ));
        let _ = match self.purge_delay_ms {
            None => write!(evidence, " The option purge_delay says never."),
            Some(delay) => write!(evidence, " They go when they were idle for {delay} ms (purge_delay)."),
        };
        if lazy > 0 {
            let _ = write!(
                evidence,
                " {} of them the kernel takes when it needs memory (purge=lazily).",
                Bytes(lazy)
            );
        }
        let advice = match self.purge_delay_ms {
            None => {
                "Set STRATA_PURGE_DELAY to some milliseconds, or call Strata::trim (strata_trim, malloc_trim) when \
memory is wanted back."
            }
            Some(_) if lazy * 2 > bytes => {
                "Set STRATA_PURGE=now if it should leave the process's account at once."
            }
            Some(_) => {
                "Look again in a second: it goes by itself. If it stays, something uses and frees it in turn; \
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
                "{} are in huge pages; in a sample of {samples} of them about {} per cent of the memory holds nothing but zeroes.",
                Bytes(in_huge_pages),
                (zero_bytes * 100).checked_div(in_huge_pages).unwrap_or(0)
            )),
            advice: Text::of(format_args!(
                "Memory that is used in few places takes less in small pages: set STRATA_HUGE_PAGES=off, or do not ask for huge \
pages on such tables (MADV_NOHUGEPAGE)."
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
                "{} are neither Strata's nor files': {} in mappings of the program's or of another allocator and threads' stacks, \
{} in the C library's heap, {} in shared memory.",
                Bytes(bytes),
                Bytes(self.waterfall.bytes(Line::Other)),
                Bytes(self.waterfall.bytes(Line::Brk)),
                Bytes(self.waterfall.bytes(Line::Shared))
            )),
            advice: Text::of(format_args!(
                "Look at the largest mappings in /proc/PID/smaps. A language with an allocator of its own (CPython: \
PYTHONMALLOC=malloc) or the C library's malloc beside Strata is the usual reason; `strata run` puts all of it on Strata."
            )),
        })
    }

    fn none(&self) -> Cause {
        let live = self.waterfall.bytes(Line::Live);
        let (evidence, advice) = match self.growth {
            Some(_) => ("and did not grow while it was watched", "Nothing to do."),
            None => ("and nothing else is large", "Nothing to do; whether it grows, --watch SECONDS says."),
        };
        Cause {
            cause: CauseName::None,
            percent: 80,
            bytes: 0,
            evidence: Text::of(format_args!(
                "{} of {} are live blocks of the program's, {evidence}.",
                Bytes(live),
                Bytes(self.waterfall.rss_bytes())
            )),
            advice: Text::of(format_args!("{advice}")),
        }
    }
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
