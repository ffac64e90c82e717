//! Which part of the live blocks was asked for: the rest is what size classes add.
//!
//! Each sample stands for 1 / p blocks, p being its chance; both sums are of the same samples, so their ratio is much surer than
//! either. The variance of such a ratio is that of what each sample is off it (Cochran, Sampling Techniques, 1977, section 6.4).
//!
//! A block that grew in place counts with what was asked for first.
//!
//! Does not know: how many blocks live that no sample stands for.

use crate::recorder::Recorded;
use crate::site::Site;
use strata_cache::profile::Requested;
use strata_core::layout::LARGEST_CLASS_BYTES;

impl Recorded {
    /// What was requested of the blocks of size classes that live, by their samples; `None`: there is none.
    pub fn requested(&self) -> Option<Requested> {
        let is_of_class = |site: &Site<'_>| !site.is_label() && site.bytes() <= LARGEST_CLASS_BYTES as u64;
        let samples = || self.sites.iter().filter(is_of_class).filter_map(Samples::of);
        let of_bytes: f64 = samples().map(|samples| samples.count * samples.weight()).sum();
        let bytes: f64 = samples().map(|samples| samples.count * samples.requested / samples.chance).sum();
        if of_bytes < 1.0 {
            return None;
        }
        let variance: f64 = samples().map(|samples| samples.variance(bytes / of_bytes)).sum();
        let standard_error = (variance as u128).isqrt();
        Some(Requested {
            bytes: bytes as u64,
            of_bytes: of_bytes as u64,
            standard_error: u64::try_from(standard_error).unwrap_or(u64::MAX),
        })
    }
}

/// The samples of a site that live.
#[derive(Clone, Copy, Debug)]
struct Samples {
    count: f64,
    /// The chance of such a block to be a sample.
    chance: f64,
    /// Bytes of such a block.
    bytes: f64,
    /// What was requested of one, on average.
    requested: f64,
}

impl Samples {
    fn of(site: Site<'_>) -> Option<Self> {
        let (count, bytes) = (site.live(), site.bytes());
        (count > 0).then(|| Self {
            count: count as f64,
            chance: bytes as f64 / site.weight().max(bytes).max(1) as f64,
            bytes: bytes as f64,
            // While a thread is between the two counts there may seem to be more.
            requested: (site.requested() as f64 / count as f64).min(bytes as f64),
        })
    }

    /// The bytes that one sample stands for.
    fn weight(self) -> f64 {
        self.bytes / self.chance
    }

    fn variance(self, ratio: f64) -> f64 {
        let off = self.requested - ratio * self.bytes;
        self.count * (1.0 - self.chance) / (self.chance * self.chance) * off * off
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sites::Key;

    fn recorded() -> &'static Recorded {
        let bytes = size_of::<Recorded>().next_multiple_of(4096);
        // SAFETY: mapped just now, zero, which is nothing recorded.
        unsafe { strata_os::memory::map(bytes, 4096).unwrap().cast().as_ref() }
    }

    fn add(recorded: &Recorded, bytes: u64, mean: u64, requested: &[u64]) {
        let key = Key { bytes, mean, label: 0, frames: &[bytes as usize] };
        let site = recorded.sites.find_or_add(key).unwrap();
        for requested in requested {
            site.note_allocated();
            site.add_requested(*requested);
        }
    }

    #[test]
    fn nothing_is_said_without_a_sample_of_a_class() {
        let recorded = recorded();
        assert_eq!(recorded.requested(), None);
        add(recorded, 100 << 20, 1 << 19, &[99 << 20]);
        assert_eq!(recorded.requested(), None, "a huge block is of no class");
        add(recorded, 64, 1, &[50]);
        recorded.sites.iter().filter(|site| site.bytes() == 64).for_each(|site| {
            site.note_freed(false, 0);
            site.subtract_requested(50);
        });
        assert_eq!(recorded.requested(), None, "it was freed");
    }

    #[test]
    fn if_each_block_is_a_sample_it_is_exact() {
        let recorded = recorded();
        add(recorded, 64, 1, &[50, 60]);
        add(recorded, 112, 1, &[100]);
        let expected = Requested { bytes: 210, of_bytes: 240, standard_error: 0 };
        assert_eq!(recorded.requested(), Some(expected));
    }

    #[test]
    fn a_sample_counts_as_much_as_it_stands_for_and_like_blocks_leave_no_doubt() {
        let recorded = recorded();
        add(recorded, 64, 1 << 19, &[48; 10]);
        let found = recorded.requested().unwrap();
        assert_eq!((found.bytes * 4 / 3).abs_diff(found.of_bytes), 0, "{found:?}");
        assert!(found.of_bytes.abs_diff(10 << 19) < 1000 && found.standard_error == 0, "{found:?}");
        // Blocks of another class, all of which is requested: the more unlike, the less sure.
        add(recorded, 4096, 1 << 19, &[4096; 10]);
        let found = recorded.requested().unwrap();
        let ratio = found.bytes as f64 / found.of_bytes as f64;
        assert!((ratio - 0.875).abs() < 0.01, "{found:?}");
        // 20 samples that are 0.125 off, each of half a MiB.
        let expected = 0.125 * f64::from(1 << 19) * 20_f64.sqrt();
        assert!((found.standard_error as f64 / expected - 1.0).abs() < 0.02, "{found:?} {expected}");
    }
}
