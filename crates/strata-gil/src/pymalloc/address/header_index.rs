//! The classic test: every pool's header names its arena, and the arena must agree.
//!
//! ```text
//! block ──mask──► header.arena = 7 ──► arenas[7].base ≤ block < base + arena?     no, or no arena 7: foreign
//! ```
//!
//! One read, no memory of its own, and right for any content of that word: a foreign block is in no arena, so no number
//! makes an arena agree. But for a foreign block the word is someone else's, perhaps never initialised, perhaps
//! being written by another thread. It is at least mapped: a pool is no larger than a page, so the header shares the
//! block's page. No language allows that read, and the published design kept notes for sanitizers about it until the
//! radix tree replaced it. Here it is a relaxed atomic load through the block's own pointer, which the compiler cannot
//! see through; on the machine it is a plain load.
//!
//! Does not know: how the table grows.
//! Idea: CPython's obmalloc, 2.3 to 3.9.

use super::super::parameters::{Parameters, Sizes};
use super::super::pool::{ARENA_OFFSET, PoolHeader};
use super::super::table::ArenaTable;
use super::{AddressTest, MapNodes, header_around};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

/// Keeps nothing: the table of arenas and the headers say it all.
pub struct HeaderIndex;

impl AddressTest for HeaderIndex {
    const NONE: Self = Self;

    fn admit(&mut self, _base: NonNull<u8>) -> bool {
        true
    }

    fn dismiss(&mut self, _base: NonNull<u8>) {}

    #[inline]
    fn owns<P: Parameters>(&self, arenas: &ArenaTable, block: NonNull<u8>) -> bool {
        let number = arena_number(header_around::<P>(block));
        let base = arenas.get(number).and_then(|arena| arena.base());
        base.is_some_and(|base| block.addr().get().wrapping_sub(base.addr().get()) < P::ARENA_BYTES)
    }

    fn nodes(&self) -> MapNodes {
        MapNodes::default()
    }
}

#[inline]
fn arena_number(header: *mut PoolHeader) -> u32 {
    let word = header.wrapping_byte_add(ARENA_OFFSET).cast::<u32>();
    // SAFETY: aligned, and mapped as told above. That it may be foreign memory is outside of the language's rules.
    let word = unsafe { AtomicU32::from_ptr(word) };
    // Relaxed: any value is right.
    word.load(Relaxed)
}
