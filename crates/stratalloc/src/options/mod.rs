//! What may be chosen about the allocator: in the environment, in the program, and while it runs.
//!
//! ```text
//!   the loader, before main:   options! ──registers──► PROGRAM ──┐
//!                              STRATA_<OPTION> ──────────────────┴─► settings ─► shown, complained about, obeyed
//!   main and later:            Strata::set_option, Options::apply, Options::impose ──► obeyed
//! ```
//!
//! What is allocated before the loader comes here (by libraries that are loaded earlier) is served with the defaults;
//! no thread waits for the options. Each executable or library that contains this crate reads them once, for its own copy.
//!
//! Does not know: what a delay or a segment is; the layers below obey.

mod choices;
mod error;
mod in_force;
mod parse;
mod program;
mod reservation;
mod settings;
mod table;

pub use choices::{HugePageChoice, PurgeWay};
pub use error::{OptionError, OptionErrorKind};
pub use in_force::Settings;
pub use program::Options;
#[doc(hidden)]
pub use program::register;

use crate::dump;
use crate::global::Strata;
use crate::lines::Lines;
use crate::report;
use core::fmt::Write;
use settings::{Origin, Setting};
use strata_cache::thread::RUNTIME;
use strata_core::layout::ARENA_BYTES;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use strata_os::machine::HugetlbPage;
use table::{Id, Row};

/// A bit for each option that the environment chose: those the program does not change by [`Options::apply`].
static CHOSEN_BY_USER: AtomicU64 = AtomicU64::new(0);
/// Whether to report at exit: 1 for yes. Every program reads it; what is not zero at first lies in a page that they all touch.
static STATS: AtomicU64 = AtomicU64::new(u64::MAX);
/// Whether the options were shown: 1 for yes.
static SHOWN: AtomicU64 = AtomicU64::new(0);

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
    dump::load();
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
        Id::PurgeThread => page_heap.set_purge_thread(value),
        Id::Stats => {
            STATS.store(value, Relaxed);
            if value == 1 {
                report::begin();
            }
        }
        Id::ShowOptions => SHOWN.store(value, Relaxed),
    }
}

/// Whether a report is wanted when the program ends.
pub(crate) fn wants_stats() -> bool {
    // Relaxed: a number that stands alone.
    STATS.load(Relaxed) == 1
}

/// The value of an option that holds now.
fn holds(id: Id) -> u64 {
    let tuning = &RUNTIME.page_heap.tuning;
    // Relaxed: numbers that stand alone.
    match id {
        Id::PurgeDelay => tuning.purge_delay_ms.load(Relaxed),
        Id::Purge => tuning.purge.load(Relaxed),
        Id::SegmentSize => tuning.segment_arenas.load(Relaxed) * ARENA_BYTES as u64,
        Id::HugeLimit => tuning.huge_keep_bytes.load(Relaxed),
        Id::HugePages => tuning.huge_pages.load(Relaxed),
        Id::Reserve2m => reservation::asked(HugetlbPage::TwoMiB),
        Id::Reserve1g => reservation::asked(HugetlbPage::OneGiB),
        Id::PurgeThread => tuning.purge_thread.load(Relaxed),
        Id::Stats => wants_stats().into(),
        Id::ShowOptions => SHOWN.load(Relaxed),
    }
}

impl Strata {
    /// Changes an option while the program runs: its name and its value as in the environment, whose choice it replaces.
    ///
    /// ```
    /// use stratalloc::{OptionErrorKind, Strata};
    ///
    /// Strata::set_option("purge_delay", "never")?;
    /// Strata::set_option("huge_keep", "16M")?;
    /// let error = Strata::set_option("huge_keep", "much").unwrap_err();
    /// assert_eq!(error.kind(), OptionErrorKind::NotAccepted);
    /// assert_eq!(error.to_string(), "option `huge_keep` does not take `much`, but bytes, also with K, M or G");
    /// # Ok::<(), stratalloc::OptionError>(())
    /// ```
    ///
    /// For programs that pass on what their own users say; [`Options::apply`] and [`Options::impose`] are the same with types.
    ///
    /// `segment_size` counts for segments that are reserved from now on, and what older ones have beyond and never used goes
    /// back; of `reserve_2m` and `reserve_1g`, what is more than
    /// before is taken at once, and nothing is given back.
    ///
    /// # Errors
    /// Nothing changes if there is no such option, if it does not take the value, or if it is too late for it.
    pub fn set_option(name: &str, value: &str) -> Result<(), OptionError> {
        let row = table::named(name).ok_or_else(|| OptionError::unknown(name, value))?;
        let parsed = row.syntax.parse(value.as_bytes());
        let parsed = parsed.ok_or_else(|| OptionError::not_accepted(row, value))?;
        if row.id == Id::ShowOptions {
            return Err(OptionError::only_at_start(row, value));
        }
        obey(row, parsed);
        Ok(())
    }
}
