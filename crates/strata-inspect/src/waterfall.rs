//! From what the program has to what the kernel counts, in lines that add up exactly.
//!
//! ```text
//!   requested ─ rounding ─► live blocks ─ ready in threads ─ free blocks ─ free pools ─ metadata ─► Strata ─ stacks ─ files ─ other ─► RSS
//! ```
//!
//! The names of the lines are stable. Every line is resident memory; what is committed or reserved and not in memory is told
//! beside it, since it is no part of the sum.
//!
//! What was requested is an estimate: of the heap profiler's samples that live, which part of their blocks was asked for. A ratio of
//! two sums over the same samples is much surer than either. Without samples both lines are left out.
//!
//! Does not know: why a line is large; `causes` does.

use crate::footprint::Footprint;
use crate::kernel_text;
use crate::line::{COUNT, Line};
use crate::target::{Mapping, Target, Usage};

/// What the kernel counts of a process, by kind of mapping, in bytes in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kernel {
    /// All of it: RSS.
    pub resident: u64,
    /// The main thread's stack.
    pub stack: u64,
    /// Pages of files, and what was written over them.
    pub files: u64,
    /// The C library's heap.
    pub brk: u64,
    /// Shared memory.
    pub shared: u64,
    /// All other memory, the allocator's included.
    pub anonymous: u64,
    /// Of all of it, in transparent huge pages.
    pub in_huge_pages: u64,
    /// Beside it, what is in swap space.
    pub swapped: u64,
}

impl Kernel {
    /// What the kernel says of a process now. It reads each page table: some 50 ms for a GiB in small pages. `None`: it does not say.
    pub fn of<T: Target + ?Sized>(target: &T) -> Option<Self> {
        let mut kernel = Self::default();
        target.usage(&mut |mapping, usage| kernel.add(mapping, usage)).then_some(kernel)
    }

    /// What `/proc/PID/status` says, without a walk: stack and C library's heap are among all other memory, and how much is in huge pages
    /// it does not say. `None`: it is no such text, or the process has no memory.
    pub fn of_status(text: &[u8]) -> Option<Self> {
        let bytes = |name: &[u8]| kernel_text::status_bytes(text, name);
        let kernel = Self {
            resident: bytes(b"VmRSS")?,
            files: bytes(b"RssFile")?,
            shared: bytes(b"RssShmem")?,
            anonymous: bytes(b"RssAnon")?,
            swapped: bytes(b"VmSwap").unwrap_or(0),
            ..Self::default()
        };
        Some(kernel)
    }

    fn add(&mut self, mapping: &Mapping<'_>, usage: Usage) {
        self.resident += usage.resident;
        self.in_huge_pages += usage.in_huge_pages;
        self.swapped += usage.swapped;
        let place = if !mapping.is_private {
            &mut self.shared
        } else if mapping.is_file {
            &mut self.files
        } else {
            match mapping.name {
                b"[stack]" => &mut self.stack,
                b"[heap]" => &mut self.brk,
                _ => &mut self.anonymous,
            }
        };
        *place += usage.resident;
    }
}

/// What a sample of the live blocks of size classes says of the part of them that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Bytes that were asked for, by the sample.
    pub bytes: u64,
    /// Bytes of the same blocks.
    pub of_bytes: u64,
    /// The standard error of `bytes`, if `of_bytes` is taken for granted.
    pub standard_error: u64,
}

impl Requested {
    /// The same part of another number of bytes.
    fn part_of(self, bytes: u64) -> Self {
        let part =
            |of: u64| u64::try_from(u128::from(of) * u128::from(bytes) / u128::from(self.of_bytes.max(1)));
        let [requested, standard_error] =
            [self.bytes, self.standard_error].map(|of| part(of).unwrap_or(u64::MAX));
        Self { bytes: requested.min(bytes), of_bytes: bytes, standard_error }
    }
}

/// What goes back to the system while it is looked at, first to last; other lines do not, or hardly.
const GOES_FIRST: [Line; 11] = [
    Line::Due,
    Line::FreePools,
    Line::FreeHuge,
    Line::Lazy,
    Line::Returned,
    Line::FreeBlocks,
    Line::Uncarved,
    Line::Ready,
    Line::LiveHuge,
    Line::LiveLarge,
    Line::LiveSmall,
];

/// The lines of one process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waterfall {
    bytes: [u64; COUNT],
    requested: Option<Requested>,
}

impl Waterfall {
    /// Puts together what the allocator has and what the kernel counts.
    ///
    /// A process at work changes between the two reads. If the allocator seems to have more than the kernel counts, memory went back
    /// meanwhile: the difference is taken from what is free, most likely to go first, and from what lives last. The sum is the kernel's.
    pub fn new(footprint: &Footprint, kernel: &Kernel) -> Self {
        let mut fall = Self { bytes: [0; COUNT], requested: None };
        for (line, bytes) in [
            (Line::LiveHuge, footprint.huge),
            (Line::LiveLarge, footprint.large),
            (Line::LiveSmall, footprint.of_classes(|class| class.live)),
            (Line::FreeBlocks, footprint.of_classes(|class| class.free)),
            (Line::Uncarved, footprint.of_classes(|class| class.uncarved)),
            (Line::Ready, footprint.ready()),
            (Line::FreePools, footprint.kept),
            (Line::Due, footprint.due),
            (Line::Lazy, footprint.lazy),
            (Line::Returned, footprint.returned),
            (Line::FreeHuge, footprint.huge_kept),
            (Line::Metadata, footprint.metadata),
        ] {
            fall.bytes[line as usize] = bytes;
        }
        fall.cut_to(kernel.anonymous);
        for (line, bytes) in [
            (Line::Stack, kernel.stack),
            (Line::Files, kernel.files),
            (Line::Brk, kernel.brk),
            (Line::Shared, kernel.shared),
            (Line::Other, kernel.anonymous.saturating_sub(footprint.resident())),
        ] {
            fall.bytes[line as usize] = bytes;
        }
        fall.sum_up();
        fall
    }

    /// The same with what was requested of the blocks of size classes, if a sample says so.
    #[must_use]
    pub fn with_requested(mut self, sample: Option<Requested>) -> Self {
        let live = self.bytes(Line::LiveSmall);
        self.requested = sample.filter(|sample| sample.of_bytes > 0).map(|sample| sample.part_of(live));
        let requested = self.requested.map_or(0, |requested| requested.bytes);
        self.bytes[Line::Requested as usize] = requested;
        self.bytes[Line::Rounding as usize] = self.requested.map_or(0, |_| live - requested);
        self
    }

    /// What was requested of the live blocks of size classes. `None`: no sample says so.
    pub fn requested(&self) -> Option<Requested> {
        self.requested
    }

    fn cut_to(&mut self, most: u64) {
        let mut excess = self.bytes.iter().sum::<u64>().saturating_sub(most);
        for line in GOES_FIRST.into_iter().chain(Line::ALL) {
            let cut = excess.min(self.bytes[line as usize]);
            self.bytes[line as usize] -= cut;
            excess -= cut;
        }
    }

    /// Fills in the lines that consist of others, the deepest first.
    fn sum_up(&mut self) {
        for whole in [Line::Live, Line::Strata, Line::Rest] {
            let parts = Line::ALL.into_iter().filter(|line| line.parent() == Some(whole));
            self.bytes[whole as usize] = parts.map(|line| self.bytes[line as usize]).sum();
        }
    }

    /// Bytes of a line.
    pub fn bytes(&self, line: Line) -> u64 {
        self.bytes[line as usize]
    }

    /// Bytes of the whole process that are in memory.
    pub fn rss_bytes(&self) -> u64 {
        self.bytes(Line::Strata) + self.bytes(Line::Rest)
    }

    /// The lines that are known, each behind the one that it is a part of.
    pub fn lines(&self) -> impl Iterator<Item = Line> + use<> {
        let is_estimated = self.requested.is_some();
        Line::ALL.into_iter().filter(move |line| is_estimated || line.parent() != Some(Line::LiveSmall))
    }

    /// Whether a line has parts.
    pub fn has_parts(&self, whole: Line) -> bool {
        self.lines().any(|line| line.parent() == Some(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint() -> Footprint {
        let mut footprint = Footprint::default();
        (footprint.huge, footprint.large, footprint.kept, footprint.metadata) = (500, 70, 30, 8);
        (footprint.classes[3].live, footprint.classes[3].free, footprint.classes[9].ready) = (200, 40, 5);
        footprint
    }

    fn kernel(anonymous: u64) -> Kernel {
        let mut kernel = Kernel::default();
        (kernel.anonymous, kernel.stack, kernel.files) = (anonymous, 20, 300);
        kernel.resident = anonymous + 320;
        kernel
    }

    #[test]
    fn every_line_is_the_sum_of_its_parts_whatever_the_two_looks_saw() {
        for anonymous in [0, 3, 100, 600, 853, 5000] {
            let fall = Waterfall::new(&footprint(), &kernel(anonymous));
            for fall in [fall, fall.with_requested(Some(SAMPLE))] {
                assert_eq!(fall.rss_bytes(), anonymous + 320);
                for whole in fall.lines().filter(|line| fall.has_parts(*line)) {
                    let parts = fall.lines().filter(|line| line.parent() == Some(whole));
                    assert_eq!(
                        parts.map(|line| fall.bytes(line)).sum::<u64>(),
                        fall.bytes(whole),
                        "{whole:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_went_back_between_the_two_looks_was_free() {
        let live = [Line::LiveHuge, Line::LiveLarge, Line::LiveSmall];
        // All that is free went: 30 in pools, 40 in blocks.
        for (anonymous, free) in [(853, 70), (813, 30), (783, 0)] {
            let fall = Waterfall::new(&footprint(), &kernel(anonymous));
            assert_eq!(live.map(|line| fall.bytes(line)), [500, 70, 200]);
            assert_eq!(fall.bytes(Line::FreePools) + fall.bytes(Line::FreeBlocks), free);
        }
    }

    const SAMPLE: Requested = Requested { bytes: 900, of_bytes: 1000, standard_error: 10 };

    #[test]
    fn what_was_requested_is_the_samples_part_of_what_lives() {
        let fall = Waterfall::new(&footprint(), &kernel(5000));
        assert!(!fall.lines().any(|line| line == Line::Requested) && !fall.has_parts(Line::LiveSmall));
        let fall = fall.with_requested(Some(SAMPLE));
        assert_eq!([Line::Requested, Line::Rounding].map(|line| fall.bytes(line)), [180, 20]);
        assert_eq!(fall.requested().map(|requested| requested.standard_error), Some(2));
        // A sample cannot say that more was requested than there is, nor anything if it is empty.
        let too_much = Requested { bytes: 1100, ..SAMPLE };
        assert_eq!(fall.with_requested(Some(too_much)).bytes(Line::Rounding), 0);
        assert_eq!(fall.with_requested(Some(Requested { of_bytes: 0, ..SAMPLE })).requested(), None);
        let most = Requested { bytes: u64::MAX, of_bytes: u64::MAX, standard_error: u64::MAX };
        assert_eq!(fall.with_requested(Some(most)).bytes(Line::Requested), 200);
    }

    #[test]
    fn each_part_is_where_it_belongs() {
        let fall = Waterfall::new(&footprint(), &kernel(1000));
        let lines = [Line::Live, Line::Ready, Line::FreeBlocks, Line::Strata, Line::Other, Line::Rest];
        assert_eq!(lines.map(|line| fall.bytes(line)), [770, 5, 40, 853, 147, 467]);
    }

    #[test]
    fn each_byte_is_in_one_leaf() {
        for sample in [None, Some(SAMPLE)] {
            let fall = Waterfall::new(&footprint(), &kernel(5000)).with_requested(sample);
            assert_eq!(Line::leaves().map(|line| fall.bytes(line)).sum::<u64>(), fall.rss_bytes());
        }
    }
}
