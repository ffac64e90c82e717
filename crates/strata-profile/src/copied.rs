//! A copy of another process's recorder, as a profile.
//!
//! Does not know: how another process's memory is read.

use crate::Profile;
use strata_recorder::recorder::Recorded;

const WORDS: usize = size_of::<Recorded>() / size_of::<u64>();

impl Profile {
    /// The profile that another process's recorder has: `copy` copies what is at an offset from its start, and `maps` is what the kernel
    /// says of the process's mappings. `None`: it could not be copied.
    pub fn copied(mut copy: impl FnMut(usize, &mut [u8]) -> bool, maps: &str) -> Option<Self> {
        let mut words = vec![0_u64; WORDS];
        let first = words.as_mut_ptr();
        // SAFETY: all bytes of the words, which are borrowed until the copy is made.
        let bytes = unsafe { std::slice::from_raw_parts_mut(first.cast::<u8>(), WORDS * size_of::<u64>()) };
        if !copy(0, bytes.get_mut(..8)?) {
            return None;
        }
        let used = u64::from_ne_bytes(*bytes.first_chunk()?);
        let is_copied = Recorded::in_use(used).into_iter().all(|part| {
            let start = part.start;
            bytes.get_mut(part).is_some_and(|bytes| copy(start, bytes))
        });
        // SAFETY: words of its size and alignment, of which there is no other user; any words are one, since all of its fields are.
        let recorded = unsafe { &*first.cast::<Recorded>() };
        is_copied.then(|| Self::of_recorded(recorded, maps))
    }
}

const _: () = assert!(align_of::<Recorded>() == align_of::<u64>() && size_of::<Recorded>().is_multiple_of(8));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_copied_is_no_profile_and_nonsense_is_an_empty_one() {
        assert!(Profile::copied(|_, _| false, "").is_none());
        assert!(Profile::copied(|_, _| true, "").unwrap().sites.is_empty());
        for byte in [1, 0x7f, 0xff] {
            let nonsense = |_: usize, bytes: &mut [u8]| {
                bytes.fill(byte);
                true
            };
            assert!(Profile::copied(nonsense, "").is_some());
        }
    }
}
