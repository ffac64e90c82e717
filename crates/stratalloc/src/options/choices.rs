//! What options with a few words to choose from can be, as a program says it.
//!
//! The layers below have types of their own; the numbers are the same, and a test sees to it.
//!
//! Does not know: what a choice does.

/// Option `purge`: how memory goes that lay free for the purge delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum PurgeWay {
    /// At once: it is resident no longer.
    #[default]
    Now = 0,
    /// When the system needs some (`MADV_FREE`, which the kernel calls lazy free): it is resident until then, and cheaper to use again.
    LazyFree = 1,
}

/// Option `huge_pages`: where memory is taken in transparent huge pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum HugePageChoice {
    /// Where it pays.
    #[default]
    Auto = 0,
    /// Nowhere, not even where the system gives them to every program.
    Never = 1,
    /// Everywhere.
    Always = 2,
}

impl PurgeWay {
    pub(super) fn of(value: u64) -> Self {
        if value == Self::LazyFree as u64 { Self::LazyFree } else { Self::Now }
    }
}

impl HugePageChoice {
    pub(super) fn of(value: u64) -> Self {
        let all = [Self::Auto, Self::Never, Self::Always];
        all.into_iter().find(|choice| *choice as u64 == value).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_layer_that_obeys() {
        use strata_segment::{HugePageChoice as Pages, PurgeWay as Way};
        for (ours, theirs) in [(PurgeWay::Now, Way::Now), (PurgeWay::LazyFree, Way::LazyFree)] {
            assert_eq!((ours as u64, PurgeWay::of(theirs as u64)), (theirs as u64, ours));
        }
        for (ours, theirs) in [
            (HugePageChoice::Auto, Pages::Auto),
            (HugePageChoice::Never, Pages::Never),
            (HugePageChoice::Always, Pages::Always),
        ] {
            assert_eq!((ours as u64, HugePageChoice::of(theirs as u64)), (theirs as u64, ours));
        }
    }
}
