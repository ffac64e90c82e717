//! Why this process is as big as it is, told by itself: what `strata explain` says from outside.
//!
//! The same code reads this process that reads others, through the kernel, so that nothing it follows can fault.
//!
//! Does not know: how memory is found; what is concluded from it.

use crate::global::Strata;
use core::fmt;
use strata_cache::profile;
use strata_cache::thread::RUNTIME;
use strata_inspect::kernel_text::{add_usage, mapping, status_bytes};
use strata_inspect::{
    Cause, Facts, Footprint, Heap, Kernel, Mapping, Requested, Resident, Target, Usage, Waterfall,
};
use strata_os::{machine, own_memory};

/// This process.
struct OwnProcess;

impl Target for OwnProcess {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        own_memory::copy(address, into)
    }

    fn resident(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> bool {
        own_memory::resident(start, end, &mut |start, end, in_huge_pages| {
            each(Resident { start, end, in_huge_pages });
        })
    }

    fn mappings(&self, each: &mut dyn FnMut(&Mapping<'_>)) -> bool {
        own_memory::each_mapping_line(&mut |line| mapping(line).iter().for_each(&mut *each))
    }

    fn usage(&self, each: &mut dyn FnMut(&Mapping<'_>, Usage)) -> bool {
        let mut current: Option<(Mapping<'static>, Usage)> = None;
        let is_read = own_memory::each_usage_line(&mut |line| match mapping(line) {
            Some(next) => {
                let next = Mapping { name: known_name(next.name), ..next };
                if let Some((mapping, usage)) = current.replace((next, Usage::default())) {
                    each(&mapping, usage);
                }
            }
            None => current.iter_mut().for_each(|(_, usage)| add_usage(line, usage)),
        });
        current.iter().for_each(|(mapping, usage)| each(mapping, *usage));
        is_read
    }
}

/// Of a name that outlives its line only what tells kinds of mappings apart.
fn known_name(name: &[u8]) -> &'static [u8] {
    match name {
        b"[stack]" => b"[stack]",
        b"[heap]" => b"[heap]",
        _ => b"",
    }
}

/// The waterfall of this process at one moment, and its causes.
///
/// Its `Display` is the page that `strata explain` prints; above it stands a line if Strata is not the program's allocator.
#[derive(Clone, Debug)]
pub struct Explanation {
    facts: Facts<'static>,
    is_global: bool,
}

/// Says why this process is as big as it is: a waterfall from what the program has to what the kernel counts, and the causes.
///
/// `None`: the system does not say what is in memory (no `/proc`, a sandbox, not Linux). Nothing is allocated; some 64 KiB of stack are
/// needed. The kernel reads each page table, which takes some 50 ms for each GiB in small pages: so for a question now and then.
///
/// ```
/// # #[global_allocator]
/// # static GLOBAL: stratalloc::Strata = stratalloc::Strata;
/// if let Some(explanation) = stratalloc::explain() {
///     println!("{explanation}");
///     let rss = explanation.waterfall().rss_bytes();
///     explanation.causes(|cause| println!("{} of {rss} bytes: {}", cause.bytes, cause.cause.name()));
/// }
/// ```
pub fn explain() -> Option<Explanation> {
    let target = OwnProcess;
    let heap = Heap::of_runtime(&target, (&raw const RUNTIME).addr() as u64)?;
    let mut footprint = Footprint::default();
    if !heap.add_footprint(&mut footprint) {
        return None;
    }
    let kernel = Kernel::of(&target)?;
    let stats = Strata::stats();
    let mut facts = Facts::new(Waterfall::new(&footprint, &kernel).with_requested(requested()), footprint);
    facts.sparse = heap.sparse();
    facts.caches = RUNTIME.registry.live();
    facts.about = heap.about();
    facts.page_table_bytes = page_table_bytes();
    facts.swapped_bytes = kernel.swapped;
    facts.committed_bytes = stats.committed_bytes;
    facts.reserved_bytes = stats.reserved_bytes;
    Some(Explanation { facts, is_global: stats.is_global })
}

/// What the heap profiler's samples say was requested, while it is on.
fn requested() -> Option<Requested> {
    let profile::Requested { bytes, of_bytes, standard_error } = profile::requested()?;
    Some(Requested { bytes, of_bytes, standard_error })
}

fn page_table_bytes() -> Option<u64> {
    let mut found = None;
    own_memory::each_status_line(&mut |line| found = found.or_else(|| status_bytes(line, b"VmPTE")));
    found
}

impl Explanation {
    /// The lines, which add up to what the kernel counts.
    pub fn waterfall(&self) -> &Waterfall {
        &self.facts.waterfall
    }

    /// The causes that apply, the one that explains most first; `none` if there is no other.
    pub fn causes(&self, mut each: impl FnMut(&Cause)) {
        self.facts.causes(&mut each);
    }

    /// Writes the JSON of `strata explain --json`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut impl fmt::Write) -> fmt::Result {
        self.facts.write_json(machine::process() as u32, out)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_global {
            f.write_str("Strata is not this program's allocator, so what the program has is not among its live blocks\n\n")?;
        }
        self.facts.fmt(f)
    }
}
