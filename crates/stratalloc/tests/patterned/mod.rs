//! An allocation whose every byte tells which one it is of, so that any overlap, move or loss is seen.
//!
//! ```text
//!   word i = mix(address ^ seed) + i · odd number          the last, incomplete word is cut
//! ```

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::ptr::NonNull;

/// Bytes of a word of the pattern.
const WORD: usize = 8;

/// A live allocation, filled. It is not freed when dropped: a test says when, and on which thread.
#[derive(Debug)]
pub(crate) struct Patterned {
    start: NonNull<u8>,
    layout: Layout,
    stamp: u64,
}

// SAFETY: the block is only reached through its one owner.
unsafe impl Send for Patterned {}

impl Patterned {
    /// Allocates and fills; `None` if memory was refused.
    pub(crate) fn new(layout: Layout, seed: u64) -> Option<Self> {
        assert_ne!(layout.size(), 0);
        // SAFETY: the size is not zero.
        let start = NonNull::new(black_box(unsafe { alloc(layout) }))?;
        Some(Self::fill_new(start, layout, seed))
    }

    /// Allocates zeroed memory, reads every byte, and fills.
    pub(crate) fn zeroed(layout: Layout, seed: u64) -> Option<Self> {
        assert_ne!(layout.size(), 0);
        // SAFETY: the size is not zero.
        let start = NonNull::new(black_box(unsafe { alloc_zeroed(layout) }))?;
        // SAFETY: allocated just now, initialised to zero.
        let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr(), layout.size()) };
        if let Some(dirty) = first_dirty(bytes) {
            panic!("zeroed block {start:p} of {layout:?} holds {:#x} at {dirty}", bytes[dirty]);
        }
        Some(Self::fill_new(start, layout, seed))
    }

    /// Fills a block that the caller allocated.
    pub(crate) fn fill_new(start: NonNull<u8>, layout: Layout, seed: u64) -> Self {
        assert_eq!(start.addr().get() % layout.align(), 0, "{start:p} is not aligned for {layout:?}");
        let mut block = Self { start, layout, stamp: 0 };
        block.fill(seed);
        block
    }

    /// Checks, and resizes: what both sizes have keeps its contents. `false`: refused, and the block is as it was.
    pub(crate) fn resize(&mut self, size: usize, seed: u64) -> bool {
        assert_ne!(size, 0);
        self.check();
        // SAFETY: our block, a size above zero that the caller keeps in bounds.
        let moved = black_box(unsafe { realloc(self.start.as_ptr(), self.layout, size) });
        let Some(moved) = NonNull::new(moved) else {
            self.check();
            return false;
        };
        let kept = size.min(self.layout.size());
        let layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        let old = Self { start: moved, layout, stamp: self.stamp };
        old.check_first(kept);
        *self = Self::fill_new(moved, layout, seed);
        true
    }

    /// Where it starts.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Checks, and hands over to a caller who frees it in his own way.
    pub(crate) fn into_parts(self) -> (NonNull<u8>, Layout) {
        self.check();
        (self.start, self.layout)
    }

    /// Fills every byte anew.
    pub(crate) fn fill(&mut self, seed: u64) {
        self.stamp = mix(self.start.addr().get() as u64 ^ seed.rotate_left(32));
        let (words, rest) = (self.layout.size() / WORD, self.layout.size() % WORD);
        for index in 0..words {
            let place = self.start.as_ptr().wrapping_add(index * WORD).cast::<[u8; WORD]>();
            // SAFETY: within our block.
            unsafe { place.write(self.word(index)) };
        }
        for (offset, byte) in self.word(words).into_iter().enumerate().take(rest) {
            let place = self.start.as_ptr().wrapping_add(words * WORD + offset);
            // SAFETY: within our block.
            unsafe { place.write(byte) };
        }
    }

    /// Checks every byte.
    ///
    /// # Panics
    /// If one is not what `fill` wrote.
    pub(crate) fn check(&self) {
        self.check_first(self.layout.size());
    }

    fn check_first(&self, bytes: usize) {
        // SAFETY: within our block, filled.
        let seen = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), bytes) };
        let (words, rest) = seen.as_chunks::<WORD>();
        let wrong = words.iter().enumerate().find(|(index, word)| **word != self.word(*index));
        let wrong = wrong.map(|(index, word)| (index * WORD, &word[..]));
        let rest_is_right = *rest == self.word(words.len())[..rest.len()];
        let wrong = wrong.or_else(|| (!rest_is_right).then_some((words.len() * WORD, rest)));
        if let Some((offset, found)) = wrong {
            let expected = self.word(offset / WORD);
            panic!("{:p} of {:?}: at {offset} {found:02x?}, not {expected:02x?}", self.start, self.layout);
        }
    }

    fn word(&self, index: usize) -> [u8; WORD] {
        self.stamp.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_ne_bytes()
    }

    /// Checks, and gives the memory back.
    pub(crate) fn free(self) {
        self.check();
        // SAFETY: our block, not used any more.
        unsafe { dealloc(black_box(self.start.as_ptr()), self.layout) };
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn size(&self) -> usize {
        self.layout.size()
    }

    pub(crate) fn address(&self) -> usize {
        self.start.addr().get()
    }
}

/// Where the first byte is that is not zero.
pub(crate) fn first_dirty(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<WORD>();
    let word = words.iter().position(|word| *word != [0; WORD]).map(|index| index * WORD);
    let from = word.unwrap_or(words.len() * WORD);
    debug_assert_eq!(from % WORD, 0);
    let end = if word.is_some() { from + WORD } else { from + rest.len() };
    (from..end).find(|index| bytes[*index] != 0)
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    word = (word ^ (word >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

/// A layout of a size and an alignment that are known to fit.
pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}
