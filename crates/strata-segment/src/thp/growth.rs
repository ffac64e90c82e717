//! Whether a heap grows so fast, for its size, that its next memory is worth taking in huge pages.
//!
//! ```text
//!   what they save:  a part of the time,    bytes taken / time × what a fault of small pages costs more
//!   what they cost:  a part of the memory,  the last huge page, which is never filled / bytes in use
//! ```
//!
//! Both are fractions, so they compare. A heap that grows by 2 GiB a second spends most of its time in faults that huge
//! pages would save, and may lose 6 MiB from 9 MiB on; one that grows by 500 MiB a second, a sixth of it, from 35 MiB on. From
//! 64 MiB on the loss is small in any case, so slow growth is enough.
//!
//! Does not know: which memory, and whether the kernel has huge pages. Measured: decision 0030.

use crate::rate::Rate;
use strata_os::machine::HUGE_PAGE_BYTES;

/// What huge pages save for each MiB, in microseconds: 256 times 1.37.
const SAVED_US_A_MIB: u64 = 350;

/// Bytes that lie unused because of them: of the last one, and of pools that would have come page by page. 1.3 to 3.3 MiB were measured;
/// doubled, since how fast a heap grew says little of how far it will.
const LOST_BYTES: u64 = 3 * HUGE_PAGE_BYTES as u64;

/// A heap of fewer bytes takes no huge pages, however fast it grows.
pub(super) const LIGHT_BYTES: u64 = 8 << 20;
/// The least bytes taken from which a rate is known: two arenas.
const LEAST_TAKEN_BYTES: u64 = 8 << 20;

/// A heap of this size loses some per cent of its bytes to them at most.
pub(super) const HEAVY_BYTES: u64 = 64 << 20;
/// A heap that takes less in a quarter to half a second spends less than some per cent of the time in page faults.
pub(super) const GROWTH_BYTES: u64 = 16 << 20;

/// The resolution of the clock.
const TICK_MS: u64 = 4;

/// Whether more of a heap with this much in use should come in huge pages, if it took memory at this rate recently.
pub(super) fn pays(in_use: u64, taken: Rate) -> bool {
    if in_use < LIGHT_BYTES || taken.bytes < LEAST_TAKEN_BYTES {
        return false;
    }
    (in_use >= HEAVY_BYTES && taken.bytes >= GROWTH_BYTES) || saves_more_than_is_lost(in_use, taken)
}

fn saves_more_than_is_lost(in_use: u64, taken: Rate) -> bool {
    let mib = |bytes: u64| u128::from(bytes >> 20);
    let saved_us = mib(taken.bytes) * u128::from(SAVED_US_A_MIB);
    let time_us = u128::from(taken.milliseconds.saturating_add(TICK_MS)) * 1000;
    // saved / time >= lost / in use
    saved_us * mib(in_use) >= time_us * mib(LOST_BYTES)
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The MiB in use from which they pay for a heap that grows by `mib_a_second`.
    fn begins_at(mib_a_second: u64) -> Option<u64> {
        let rate = Rate { bytes: mib_a_second * MIB / 4, milliseconds: 250 };
        (0..1 << 10).find(|in_use| pays(in_use * MIB, rate))
    }

    #[test]
    fn the_faster_a_heap_grows_the_smaller_it_may_be() {
        assert_eq!(begins_at(2048), Some(9));
        assert_eq!(begins_at(1000), Some(18));
        assert_eq!(begins_at(500), Some(35));
        assert_eq!(begins_at(300), Some(59));
        assert_eq!(begins_at(100), Some(64));
        assert_eq!(begins_at(64), Some(64));
    }

    #[test]
    fn what_grows_slowly_has_none_below_a_gigabyte() {
        assert_eq!(begins_at(4), None);
        assert_eq!(begins_at(31), None);
    }

    #[test]
    fn two_arenas_within_a_tick_are_a_rate() {
        assert!(pays(9 * MIB, Rate { bytes: 8 * MIB, milliseconds: 0 }));
        assert!(!pays(9 * MIB, Rate { bytes: 8 * MIB, milliseconds: 4 }));
        assert!(!pays(9 * MIB, Rate { bytes: 4 * MIB, milliseconds: 0 }));
    }

    #[test]
    fn no_heap_is_too_large_and_no_time_too_long() {
        assert!(pays(u64::MAX, Rate { bytes: u64::MAX, milliseconds: 0 }));
        assert!(!pays(LIGHT_BYTES, Rate { bytes: LEAST_TAKEN_BYTES, milliseconds: u64::MAX }));
    }
}
