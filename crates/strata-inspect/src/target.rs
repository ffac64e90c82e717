//! A process whose memory is read: this one, another, or a dead one.
//!
//! Does not know: what lies in the memory.

/// What a reader asks of a process. Addresses are numbers: they are another process's, or may be gone a moment later.
pub trait Target {
    /// Copies what lies at `address`. `false`: not all of it could be read.
    fn read(&self, address: u64, into: &mut [u8]) -> bool;

    /// Says which ranges are read next, by start and length: who has to ask for each copy may copy all of them at once.
    fn expect(&self, ranges: &mut dyn Iterator<Item = (u64, usize)>) {
        let _ = ranges;
    }

    /// Tells which pages of `start .. end` are in memory, in ascending order: those of the process's own, not those of files. `false`:
    /// not known.
    fn resident(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> bool;

    /// All mappings, in ascending order, without their use. `false`: not known.
    fn mappings(&self, each: &mut dyn FnMut(&Mapping<'_>)) -> bool;

    /// All mappings with how much of each is in memory. `false`: not known.
    fn usage(&self, each: &mut dyn FnMut(&Mapping<'_>, Usage)) -> bool;
}

/// A range of pages in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident {
    /// The address of its first byte.
    pub start: u64,
    /// Behind its last byte.
    pub end: u64,
    /// Whether the kernel has it in transparent huge pages.
    pub in_huge_pages: bool,
}

/// A range of addresses that the kernel lists as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// The address of its first byte.
    pub start: u64,
    /// Behind its last byte.
    pub end: u64,
    /// Whether it may be written to.
    pub is_writable: bool,
    /// Whether writes are this process's own.
    pub is_private: bool,
    /// Whether a file lies behind it.
    pub is_file: bool,
    /// The file, or what the kernel says instead, such as `[stack]`; may be empty.
    pub name: &'a [u8],
}

/// How much of a mapping is in memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All of it that is in memory.
    pub resident: u64,
    /// Of that, pages of the process's own: no file's.
    pub anonymous: u64,
    /// Of those, in transparent huge pages.
    pub in_huge_pages: u64,
    /// What was written to swap space.
    pub swapped: u64,
}
