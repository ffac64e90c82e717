//! Huge blocks, live and free, found from outside.
//!
//! Does not know: how much of them is in memory.

use crate::heap::Heap;
use crate::pool::{half, word};
use crate::target::{Mapping, Target};
use strata_core::arena::ArenaKind;
use strata_core::layout::ARENA_BYTES;

const PAGE_BYTES: u64 = 4096;

/// A range of addresses that serves one huge block, or waits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Huge {
    /// Where its mapping begins.
    pub start: u64,
    /// Bytes of it.
    pub bytes: u64,
}

impl<T: Target + ?Sized> Heap<'_, T> {
    /// What freed huge blocks left.
    pub fn free_huge(&self, each: &mut dyn FnMut(Huge)) {
        for slot in 0..self.offsets.runtime_huge_slot_count {
            let start = self.word(self.offsets.runtime_huge_slots + slot * 8);
            if start != 0 {
                each(Huge { start, bytes: self.word_at(start + u64::from(self.offsets.piece_bytes)) });
            }
        }
    }

    /// The mappings of live huge blocks, in ascending order.
    ///
    /// No list has them; each says so itself, where an arena would begin. Only pages in memory are read. (A block may span several
    /// mappings, if the program changed what the kernel knows of a part.) `false`: the process's
    /// mappings could not be listed.
    pub fn live_huge(&self, each: &mut dyn FnMut(Huge)) -> bool {
        let mut behind = 0;
        let most = self.counter(self.offsets.counter_huge_bytes);
        self.target.mappings(&mut |mapping| {
            if mapping.is_file || !mapping.is_writable || !mapping.is_private {
                return;
            }
            let arena = ARENA_BYTES as u64;
            let first = mapping.start.next_multiple_of(arena);
            for boundary in (first..=mapping.end).step_by(ARENA_BYTES) {
                if boundary >= behind {
                    behind = self.end_of_segment_at(boundary).unwrap_or(behind);
                }
                if boundary >= behind
                    && let Some(huge) = self.huge_at(boundary, mapping)
                    && huge.bytes <= most
                    && !self.is_free_piece(huge)
                {
                    behind = huge.start + huge.bytes;
                    each(huge);
                }
            }
        })
    }

    /// Where the segment ends that an address lies in: no huge block begins there.
    fn end_of_segment_at(&self, address: u64) -> Option<u64> {
        let mut found = None;
        self.places_of_segments(&mut |place| {
            let base = self.word_at(place + u64::from(self.offsets.segment_base));
            let arenas = self.word_at(place + u64::from(self.offsets.segment_arena_count)) as u32;
            let end = base + u64::from(arenas.min(self.offsets.segment_arenas)) * ARENA_BYTES as u64;
            found = found.or_else(|| (base..end).contains(&address).then_some(end));
        });
        found
    }

    /// The huge block whose mapping, or whose payload, begins at a boundary.
    fn huge_at(&self, boundary: u64, mapping: &Mapping<'_>) -> Option<Huge> {
        let ordinary = (boundary < mapping.end).then(|| self.huge_head(boundary, boundary)).flatten();
        ordinary.or_else(|| {
            // A block of such an alignment has its header at the end of the page before.
            let head = boundary.checked_sub(4096)?;
            let page = boundary.checked_sub(PAGE_BYTES)?;
            (page >= mapping.start).then(|| self.huge_head(head, page)).flatten()
        })
    }

    fn huge_head(&self, head: u64, start: u64) -> Option<Huge> {
        let mut is_there = false;
        self.target.resident(start, start + PAGE_BYTES, &mut |_| is_there = true);
        let mut bytes = [0; 64];
        if !is_there || !self.target.read(head, &mut bytes) {
            return None;
        }
        let offsets = &self.offsets;
        let (mapped, payload) = (word(&bytes, offsets.head_mapped), word(&bytes, offsets.head_payload));
        // An owner and a segment are what no huge block has; a free piece has its length there.
        let is_huge = word(&bytes, 0) == 0
            && word(&bytes, 8) == 0
            && half(&bytes, offsets.head_kind) == ArenaKind::Huge as u32
            && mapped.is_multiple_of(PAGE_BYTES)
            && payload < mapped
            && mapped > ARENA_BYTES as u64 / 2;
        is_huge.then_some(Huge { start, bytes: mapped })
    }

    fn is_free_piece(&self, huge: Huge) -> bool {
        let mut is_free = false;
        self.free_huge(&mut |piece| {
            is_free |= piece.start <= huge.start && huge.start < piece.start + piece.bytes;
        });
        is_free
    }
}
