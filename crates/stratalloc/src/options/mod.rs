//! What may be chosen about the allocator: in the environment, in the program, and while it runs.
//!
//! ```text
//!   the loader, before main:   options! ──registers──► PROGRAM ──┐
//!                              STRATA_<OPTION> ──────────────────┴─► settings ─► shown, complained about, obeyed
//!   main and later:            Strata::set_option, set_…, Options::apply ──────► obeyed
//! ```
//!
//! What is allocated before the loader comes here (by libraries that are loaded earlier) is served with the defaults;
//! nobody waits for the options. Each executable or library that contains this crate reads them once, for its own copy.
//!
//! Does not know: what a delay or a segment is; the layers below obey.

mod parse;
mod program;
mod reservation;
mod settings;
mod table;

pub use program::Options;
#[doc(hidden)]
pub use program::register;
pub use strata_segment::{HugePageChoice, PurgeWay};

use crate::global::Strata;
use crate::lines::Lines;
use core::fmt::{self, Write};
use settings::{Origin, Setting};
use strata_cache::thread::RUNTIME;
use strata_core::layout::ARENA_BYTES;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use strata_os::machine::HugetlbPage;
use table::{Id, Row, TABLE};

/// A bit for each option that the environment chose: those the program does not change by [`Options::apply`].
static CHOSEN_BY_USER: AtomicU64 = AtomicU64::new(0);
/// Whether to report at exit: 1 for yes. Every program reads it; what is not zero at first lies in a page that they all touch.
static STATS: AtomicU64 = AtomicU64::new(u64::MAX);

strata_os::at_load!(then load);

/// Reads all options.
extern "C" fn load() {
    let mut out = Lines::default();
    let settings = settings::decide(program::registered(), strata_os::machine::environment, |complaint| {
        let _ = writeln!(out, "{complaint}");
    });
    for Setting { row, value, origin } in &settings {
        if *origin != Origin::Default {
            obey(row, *value);
        }
        if *origin == Origin::Environment {
            // Relaxed: a number that stands alone.
            CHOSEN_BY_USER.fetch_or(1 << row.id as u32, Relaxed);
        }
    }
    let _ = settings::show_if_asked(&settings, &mut out);
}

/// Makes `value`, which is accepted, what holds.
fn obey(row: &Row, value: u64) {
    let page_heap = &RUNTIME.page_heap;
    match row.id {
        Id::PurgeDelay => page_heap.set_purge_delay(value),
        Id::Purge => page_heap.set_purge_way(value),
        Id::SegmentSize => page_heap.set_segment_arenas(value / ARENA_BYTES as u64),
        // Relaxed, here and below: numbers that stand alone.
        Id::HugeLimit => page_heap.tuning.huge_keep_bytes.store(value, Relaxed),
        Id::HugePages => page_heap.tuning.huge_pages.store(value, Relaxed),
        Id::Reserve2m => reservation::reserve(row, HugetlbPage::TwoMiB, value),
        Id::Reserve1g => reservation::reserve(row, HugetlbPage::OneGiB, value),
        Id::Janitor => page_heap.set_purge_thread(value),
        Id::Stats => STATS.store(value, Relaxed),
        Id::ShowOptions => {}
    }
}

/// Whether a report is wanted when the program ends.
pub(crate) fn wants_stats() -> bool {
    // Relaxed: a number that stands alone.
    STATS.load(Relaxed) == 1
}

/// Why an option was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionError {
    /// No option has this name.
    Unknown,
    /// The value is not accepted; this is.
    NotAccepted(&'static str),
    /// The option is looked at only when the program starts.
    OnlyAtStart,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no such option"),
            Self::NotAccepted(accepted) => write!(f, "not accepted: the option takes {accepted}"),
            Self::OnlyAtStart => f.write_str("the option can only be set before the program starts"),
        }
    }
}

impl core::error::Error for OptionError {}

impl Strata {
    /// Changes an option while the program runs: its name and its value as in the environment, whose choice it replaces.
    ///
    /// ```
    /// use stratalloc::{OptionError, Strata};
    ///
    /// assert_eq!(Strata::set_option("purge_delay", "never"), Ok(()));
    /// assert_eq!(Strata::set_option("huge_keep", "16M"), Ok(()));
    /// assert!(matches!(Strata::set_option("huge_keep", "much"), Err(OptionError::NotAccepted(_))));
    /// assert_eq!(Strata::set_option("colour", "blue"), Err(OptionError::Unknown));
    /// ```
    ///
    /// `segment_size` counts for segments that are reserved from now on, and what older ones have beyond and never used goes
    /// back; of `reserve_2m` and `reserve_1g`, what is more than
    /// before is taken at once, and nothing is given back.
    ///
    /// # Errors
    /// Nothing changes if there is no such option, if it does not take the value, or if it is too late for it.
    pub fn set_option(name: &str, value: &str) -> Result<(), OptionError> {
        let row = table::named(name).ok_or(OptionError::Unknown)?;
        let value = row.syntax.parse(value.as_bytes()).ok_or(OptionError::NotAccepted(row.accepted))?;
        if row.id == Id::ShowOptions {
            return Err(OptionError::OnlyAtStart);
        }
        obey(row, value);
        Ok(())
    }

    /// Changes how long memory lies free before it goes back to the system; [`Options::NEVER`] keeps it.
    pub fn set_purge_delay_ms(milliseconds: u64) {
        obey(&TABLE[Id::PurgeDelay as usize], milliseconds);
    }

    /// Changes how many bytes of freed huge blocks are kept for reuse. What is kept already goes within the purge delay.
    pub fn set_huge_keep_bytes(bytes: u64) {
        obey(&TABLE[Id::HugeLimit as usize], bytes);
    }
}
