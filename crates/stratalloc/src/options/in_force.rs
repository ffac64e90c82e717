//! The value that each option has at the moment, for programs that ask.
//!
//! Does not know: who chose it (`STRATA_SHOW_OPTIONS=1` says).

use super::choices::{HugePageChoice, PurgeWay};
use super::parse::NEVER;
use super::{holds, table::Id};
use crate::global::Strata;
use core::time::Duration;

/// What holds now, however it was chosen: [`Strata::settings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Settings {
    /// Option `purge_delay`; `None`: never.
    pub purge_delay: Option<Duration>,
    /// Option `purge`.
    pub purge: PurgeWay,
    /// Option `segment_size`.
    pub segment_size_bytes: u64,
    /// Option `huge_keep`.
    pub huge_keep_bytes: u64,
    /// Option `huge_pages`.
    pub huge_pages: HugePageChoice,
    /// Option `reserve_2m`: what was asked for, though perhaps not had.
    pub reserve_2m_bytes: u64,
    /// Option `reserve_1g`: the same.
    pub reserve_1g_bytes: u64,
    /// Option `purge_thread`: whether a thread may give memory back when no other thread calls.
    pub purge_thread: bool,
    /// Option `stats`.
    pub stats: bool,
    /// Option `show_options`.
    pub show_options: bool,
}

impl Strata {
    /// What each option is at the moment.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stratalloc::{Options, Strata};
    ///
    /// Options::new().purge_delay(Some(Duration::from_secs(2))).apply();
    /// assert_eq!(Strata::settings().purge_delay, Some(Duration::from_secs(2)));
    /// ```
    pub fn settings() -> Settings {
        let milliseconds = holds(Id::PurgeDelay);
        Settings {
            purge_delay: (milliseconds != NEVER).then(|| Duration::from_millis(milliseconds)),
            purge: PurgeWay::of(holds(Id::Purge)),
            segment_size_bytes: holds(Id::SegmentSize),
            huge_keep_bytes: holds(Id::HugeLimit),
            huge_pages: HugePageChoice::of(holds(Id::HugePages)),
            reserve_2m_bytes: holds(Id::Reserve2m),
            reserve_1g_bytes: holds(Id::Reserve1g),
            purge_thread: holds(Id::PurgeThread) != 0,
            stats: holds(Id::Stats) != 0,
            show_options: holds(Id::ShowOptions) != 0,
        }
    }
}
