//! What a pool's header says of its blocks, read from a copy.
//!
//! Does not know: where the copy came from.

use strata_core::layout::POOL_BYTES;
use strata_core::offsets::Offsets;
use strata_core::pool::{Pool, SUBPAGES, Subpages};
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// What a pool is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing, or it is just being opened or closed.
    Nothing,
    /// Blocks, of a pool or of a span that begins with it.
    Blocks(Blocks),
    /// This many pools behind the first of its span.
    Behind(u32),
    /// The first of this many pools that serve one large allocation.
    Run(u32),
}

impl Content {
    /// How many pools it is of, from this one on.
    pub(crate) fn pools(self) -> u32 {
        match self {
            Self::Blocks(blocks) => blocks.class.span_pools(),
            Self::Run(pools) => pools,
            Self::Nothing | Self::Behind(_) => 1,
        }
    }
}

/// The blocks of a pool, or of a span.
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
    /// Whether it lay idle, so that a purge pass gave its free pages back.
    pub(crate) is_decommitted: bool,
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
/// Of a pool's residency: its free pages went.
const DECOMMITTED_BIT: u32 = 1 << 29;
/// Of a remote word: where its state is.
const STATE_SHIFT: u32 = 48;

/// The class of a pool's blocks, which may be one behind the first of its span.
pub(crate) fn class_of(header: &[u8], offsets: &Offsets) -> Option<SizeClass> {
    let format = half(header, offsets.pool_format);
    let number = (format & 0xff) as usize;
    (format & RUN_BIT == 0 && (1..=CLASS_COUNT).contains(&number)).then(|| SizeClass::from_index(number - 1))
}

/// Reads a header, and those of the pools behind it as far as they are there: a span's holes are in all of its headers.
pub(crate) fn content(headers: &[u8], offsets: &Offsets) -> Content {
    let format = half(headers, offsets.pool_format);
    match (class_of(headers, offsets), format >> 8 & 0xff) {
        (Some(class), 0) => Content::Blocks(blocks(headers, offsets, class)),
        (Some(_), distance) => Content::Behind(distance),
        (None, _) if format & RUN_BIT != 0 => Content::Run(format & !RUN_BIT),
        (None, _) => Content::Nothing,
    }
}

/// Reads what else a header of a pool of blocks says.
pub(crate) fn keeping(header: &[u8], offsets: &Offsets) -> Keeping {
    let residency = half(header, offsets.pool_residency);
    Keeping {
        holes: (residency & ((1 << SUBPAGES) - 1)) as u16,
        is_decommitted: residency & DECOMMITTED_BIT != 0,
        holder: word(header, offsets.pool_holder),
        tenure: match word(header, offsets.pool_remote) >> STATE_SHIFT {
            0 | 1 => Tenure::Owned,
            2 => Tenure::Unowned,
            _ => Tenure::Published,
        },
    }
}

fn blocks(headers: &[u8], offsets: &Offsets, class: SizeClass) -> Blocks {
    let carved = half(headers, offsets.pool_carved).min(Pool::capacity(class));
    let holes = (0..class.span_pools()).fold(0, |holes, pool| {
        let own = half(headers, pool * offsets.header_bytes + offsets.pool_residency) & ((1 << SUBPAGES) - 1);
        holes | Subpages::from(own) << (pool * SUBPAGES)
    });
    let carved = carved - blocks_in_holes(holes, class, carved);
    let pending = (half(headers, offsets.pool_remote) >> 16) & 0xffff;
    let live = half(headers, offsets.pool_live).min(carved).saturating_sub(pending);
    Blocks { class, carved, live }
}

/// How many of the first `carved` blocks overlap one of these subpages.
fn blocks_in_holes(holes: Subpages, class: SizeClass, carved: u32) -> u32 {
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
