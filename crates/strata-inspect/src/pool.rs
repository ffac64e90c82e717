//! What a pool's header says of its blocks, read from a copy.
//!
//! Does not know: where the copy came from.

use strata_core::layout::POOL_BYTES;
use strata_core::offsets::Offsets;
use strata_core::pool::SUBPAGES;
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// What a pool is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing, or it is just being opened or closed.
    Nothing,
    /// Blocks.
    Blocks(Blocks),
    /// The first of this many pools that serve one large allocation.
    Run(u32),
}

/// The blocks of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) class: SizeClass,
    /// Those that exist, holes aside.
    pub(crate) carved: u32,
    /// Of those, the ones that the program or a magazine has.
    pub(crate) live: u32,
}

/// What else a header of a pool of blocks says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// The sixteenths of the pool whose pages were given back.
    pub(crate) holes: u16,
    /// Purge passes for which it was idle; three: its pages went.
    pub(crate) idle_passes: u8,
    /// The cache that last took blocks of it; 0: none did.
    pub(crate) holder: u64,
    pub(crate) tenure: Tenure,
}

/// Who owns a pool of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// A thread, for a batch or while it is busy with the class.
    Owned,
    /// No thread, and it has too little room to be adopted.
    Unowned,
    /// No thread, and any may adopt it.
    Published,
}

const RUN_BIT: u32 = 1 << 31;
/// Of a pool's residency: where its idle passes are.
const IDLE_SHIFT: u32 = 29;
/// Of a remote word: where its state is.
const STATE_SHIFT: u32 = 48;

/// Reads a header.
pub(crate) fn content(header: &[u8], offsets: &Offsets) -> Content {
    match half(header, offsets.pool_format) {
        0 => Content::Nothing,
        run if run & RUN_BIT != 0 => Content::Run(run & !RUN_BIT),
        number if number as usize <= CLASS_COUNT => {
            Content::Blocks(blocks(header, offsets, SizeClass::from_index(number as usize - 1)))
        }
        _ => Content::Nothing,
    }
}

/// Reads what else a header of a pool of blocks says.
pub(crate) fn keeping(header: &[u8], offsets: &Offsets) -> Keeping {
    let residency = half(header, offsets.pool_residency);
    Keeping {
        holes: (residency & ((1 << SUBPAGES) - 1)) as u16,
        idle_passes: (residency >> IDLE_SHIFT & 3) as u8,
        holder: word(header, offsets.pool_holder),
        tenure: match word(header, offsets.pool_remote) >> STATE_SHIFT {
            0 | 1 => Tenure::Owned,
            2 => Tenure::Unowned,
            _ => Tenure::Published,
        },
    }
}

fn blocks(header: &[u8], offsets: &Offsets, class: SizeClass) -> Blocks {
    let carved = half(header, offsets.pool_carved).min(POOL_BYTES as u32 >> offsets.granule_shift);
    let holes = half(header, offsets.pool_residency) & ((1 << SUBPAGES) - 1);
    let carved = carved - blocks_in_holes(holes, class, carved);
    let pending = (half(header, offsets.pool_remote) >> 16) & 0xffff;
    let live = half(header, offsets.pool_live).min(carved).saturating_sub(pending);
    Blocks { class, carved, live }
}

/// How many of the first `carved` blocks overlap one of these subpages.
fn blocks_in_holes(holes: u32, class: SizeClass, carved: u32) -> u32 {
    if holes == 0 {
        return 0;
    }
    let (block, subpage) = (class.block_bytes() as u32, POOL_BYTES as u32 / SUBPAGES);
    let is_in_hole = |index: &u32| {
        let (first, last) = (index * block / subpage, ((index + 1) * block - 1) / subpage);
        (first..=last).any(|subpage| holes >> subpage & 1 == 1)
    };
    (0..carved).filter(is_in_hole).count() as u32
}

/// The 32-bit number at an offset; 0 beyond the end.
pub(crate) fn half(bytes: &[u8], at: u32) -> u32 {
    let at = at as usize;
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

/// The 64-bit number at an offset; 0 beyond the end.
pub(crate) fn word(bytes: &[u8], at: u32) -> u64 {
    let at = at as usize;
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_overlaps_a_hole_is_counted_once() {
        let class = SizeClass::of(3072);
        assert_eq!(blocks_in_holes(0, class, 21), 0);
        // Subpage 1 is bytes 4096 to 8191: blocks 1 (3072 to 6143) and 2 (6144 to 9215).
        assert_eq!(blocks_in_holes(0b10, class, 21), 2);
        assert_eq!(blocks_in_holes(0b110, class, 21), 3);
        assert_eq!(blocks_in_holes(0b10, class, 2), 1);
        assert_eq!(blocks_in_holes(0xffff, class, 21), 21);
    }
}
