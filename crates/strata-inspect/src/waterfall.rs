//! From what the program has to what the kernel counts, in lines that add up exactly.
//!
//! ```text
//!   live blocks ─ ready in threads ─ free blocks ─ free pools ─ metadata ─► Strata ─ stacks ─ binaries ─ other ─► RSS
//! ```
//!
//! The names of the lines are stable. Every line is resident memory; what is reserved or committed and not in memory is told
//! beside it, since it is no part of the sum.
//!
//! Does not know: why a line is large; `causes` does.

use crate::footprint::Footprint;
use crate::kernel_text;
use crate::target::{Mapping, Target, Usage};

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Line {
    /// Everything that the allocator has in memory.
    Strata,
    /// What the program has.
    Live,
    /// Of that, blocks that share a pool with others.
    LiveSmall,
    /// Of that, runs of pools.
    LiveLarge,
    /// Of that, mappings of their own.
    LiveHuge,
    /// Blocks ready in threads' magazines.
    Ready,
    /// Free blocks in pools in use.
    FreeBlocks,
    /// What was never a block in pools in use, or lies between two.
    Uncarved,
    /// Free pools that stay for a while.
    FreePools,
    /// Free pools that go with the next purge pass.
    Due,
    /// Free pools that the kernel may take.
    Lazy,
    /// Free memory that came back as a part of huge pages.
    Returned,
    /// What freed huge blocks left.
    FreeHuge,
    /// What describes the rest.
    Metadata,
    /// Everything else in the process.
    Rest,
    /// The main thread's stack.
    Stack,
    /// Files: the program, its libraries, and what it has mapped.
    Files,
    /// The C library's heap.
    Brk,
    /// Memory that several processes share.
    Shared,
    /// Other memory of the process's own: other allocators, threads' stacks, mappings of the program's.
    Other,
}

/// How many lines there are.
const COUNT: usize = Line::Other as usize + 1;

impl Line {
    /// All lines, each behind the one that it is a part of.
    pub const ALL: [Self; COUNT] = [
        Self::Strata,
        Self::Live,
        Self::LiveSmall,
        Self::LiveLarge,
        Self::LiveHuge,
        Self::Ready,
        Self::FreeBlocks,
        Self::Uncarved,
        Self::FreePools,
        Self::Due,
        Self::Lazy,
        Self::Returned,
        Self::FreeHuge,
        Self::Metadata,
        Self::Rest,
        Self::Stack,
        Self::Files,
        Self::Brk,
        Self::Shared,
        Self::Other,
    ];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strata => "strata",
            Self::Live => "live",
            Self::LiveSmall => "live-small",
            Self::LiveLarge => "live-large",
            Self::LiveHuge => "live-huge",
            Self::Ready => "ready-in-threads",
            Self::FreeBlocks => "free-blocks",
            Self::Uncarved => "uncarved",
            Self::FreePools => "free-pools-kept",
            Self::Due => "due-to-be-purged",
            Self::Lazy => "lazily-purged",
            Self::Returned => "back-in-huge-pages",
            Self::FreeHuge => "free-huge-blocks",
            Self::Metadata => "metadata",
            Self::Rest => "rest",
            Self::Stack => "stack",
            Self::Files => "files",
            Self::Brk => "brk-heap",
            Self::Shared => "shared-memory",
            Self::Other => "other-mappings",
        }
    }

    /// The same for human readers.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Strata => "Strata's resident memory",
            Self::Live => "live blocks",
            Self::LiveSmall => "up to 32 KiB",
            Self::LiveLarge => "up to 2 MiB",
            Self::LiveHuge => "huge",
            Self::Ready => "ready in threads' magazines",
            Self::FreeBlocks => "free blocks in pools in use",
            Self::Uncarved => "never a block yet, in pools in use",
            Self::FreePools => "free pools kept for a while",
            Self::Due => "free pools due to be purged",
            Self::Lazy => "free pools the kernel may take",
            Self::Returned => "free memory back as huge pages",
            Self::FreeHuge => "freed huge blocks kept",
            Self::Metadata => "metadata",
            Self::Rest => "the rest of the process",
            Self::Stack => "main thread's stack",
            Self::Files => "program, libraries, mapped files",
            Self::Brk => "C library's heap (brk)",
            Self::Shared => "shared memory",
            Self::Other => "other mappings, threads' stacks",
        }
    }

    /// The line that it is a part of.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Strata | Self::Rest => None,
            Self::LiveSmall | Self::LiveLarge | Self::LiveHuge => Some(Self::Live),
            Self::Stack | Self::Files | Self::Brk | Self::Shared | Self::Other => Some(Self::Rest),
            _ => Some(Self::Strata),
        }
    }

    /// How deep it is below the process.
    pub fn depth(self) -> usize {
        self.parent().map_or(0, |parent| 1 + parent.depth())
    }
}

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

/// The lines of one process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waterfall {
    bytes: [u64; COUNT],
}

impl Waterfall {
    /// Puts together what the allocator has and what the kernel counts.
    ///
    /// A process at work changes between the two reads. If the allocator seems to have more than the kernel counts, the
    /// difference is taken from what is live, and so on: the sum is the kernel's.
    pub fn new(footprint: &Footprint, kernel: &Kernel) -> Self {
        let mut fall = Self { bytes: [0; COUNT] };
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

    fn cut_to(&mut self, most: u64) {
        let mut excess = self.bytes.iter().sum::<u64>().saturating_sub(most);
        let order = [Line::LiveHuge, Line::LiveLarge, Line::LiveSmall, Line::FreeBlocks, Line::Uncarved];
        for line in order.into_iter().chain(Line::ALL) {
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

    /// Whether a line has parts.
    pub fn has_parts(&self, whole: Line) -> bool {
        Line::ALL.into_iter().any(|line| line.parent() == Some(whole))
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
            assert_eq!(fall.rss_bytes(), anonymous + 320);
            for whole in Line::ALL.into_iter().filter(|line| fall.has_parts(*line)) {
                let parts = Line::ALL.into_iter().filter(|line| line.parent() == Some(whole));
                assert_eq!(parts.map(|line| fall.bytes(line)).sum::<u64>(), fall.bytes(whole), "{whole:?}");
            }
        }
    }

    #[test]
    fn each_part_is_where_it_belongs() {
        let fall = Waterfall::new(&footprint(), &kernel(1000));
        let lines = [Line::Live, Line::Ready, Line::FreeBlocks, Line::Strata, Line::Other, Line::Rest];
        assert_eq!(lines.map(|line| fall.bytes(line)), [770, 5, 40, 853, 147, 467]);
    }

    #[test]
    fn names_are_stable_and_unlike() {
        let mut names = Line::ALL.map(Line::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(Line::ALL.into_iter().enumerate().all(|(index, line)| line as usize == index));
        assert_eq!((Line::LiveHuge.depth(), Line::Strata.depth()), (2, 0));
    }
}
