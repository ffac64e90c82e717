//! The lines of a waterfall: their stable names, and which is a part of which.
//!
//! Does not know: how many bytes there are of any.

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Line {
    /// Everything that the allocator has in memory.
    Strata,
    /// What the program has.
    Live,
    /// Of that, blocks of size classes.
    LiveSmall,
    /// Of those, what was asked for: an estimate.
    Requested,
    /// Of those, what rounding to size classes and alignments adds: the rest.
    Rounding,
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
pub(crate) const COUNT: usize = Line::Other as usize + 1;

impl Line {
    /// All lines, each behind the one that it is a part of.
    pub const ALL: [Self; COUNT] = [
        Self::Strata,
        Self::Live,
        Self::LiveSmall,
        Self::Requested,
        Self::Rounding,
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
            Self::Requested => "requested",
            Self::Rounding => "size-class-rounding",
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
            Self::LiveSmall => "up to 256 KiB",
            Self::Requested => "requested, by the profiler's estimate",
            Self::Rounding => "rounded up to size classes",
            Self::LiveLarge => "256 KiB to 2 MiB",
            Self::LiveHuge => "huge, in mappings of their own",
            Self::Ready => "ready in threads' magazines",
            Self::FreeBlocks => "free blocks in pools in use",
            Self::Uncarved => "not carved yet, in pools in use",
            Self::FreePools => "free pools kept for a while",
            Self::Due => "free pools due to be purged",
            Self::Lazy => "free pools that the kernel may take",
            Self::Returned => "free memory, back as huge pages",
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
            Self::Requested | Self::Rounding => Some(Self::LiveSmall),
            Self::Stack | Self::Files | Self::Brk | Self::Shared | Self::Other => Some(Self::Rest),
            _ => Some(Self::Strata),
        }
    }

    /// The lines of which each resident byte is in one: those without parts, estimates aside.
    pub fn leaves() -> impl Iterator<Item = Self> {
        let is_leaf = |line: &Self| Self::ALL.iter().all(|other| other.parent() != Some(*line));
        let are_known = |line: &Self| line.parent() != Some(Self::LiveSmall);
        Self::ALL.into_iter().filter(move |line| *line == Self::LiveSmall || is_leaf(line) && are_known(line))
    }

    /// How deep it is below the process.
    pub fn depth(self) -> usize {
        self.parent().map_or(0, |parent| 1 + parent.depth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_unlike() {
        let mut names = Line::ALL.map(Line::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(Line::ALL.into_iter().enumerate().all(|(index, line)| line as usize == index));
        assert_eq!((Line::LiveHuge.depth(), Line::Strata.depth(), Line::Requested.depth()), (2, 0, 3));
    }
}
