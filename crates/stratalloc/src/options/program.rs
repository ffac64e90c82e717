//! The options that a program chooses for its users: a constant, because variables cannot be set before `main`.
//!
//! Does not know: what the user says; `settings` lets him have the last word.

use super::choices::{HugePageChoice, PurgeWay};
use super::parse::{NEVER, Syntax};
use super::table::{Id, OPTION_COUNT, TABLE};
use super::{CHOSEN_BY_USER, obey};
use core::fmt;
use core::time::Duration;
use strata_core::sync::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// A program's choice of options, for [`options!`](crate::options!); what is not named keeps its default.
///
/// ```
/// use core::time::Duration;
/// use stratalloc::Options;
///
/// const PATIENT: Options = Options::new().purge_delay(Some(Duration::from_secs(10))).huge_keep_bytes(256 << 20);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use = "options do nothing until `options!` or `apply` gets them"]
pub struct Options {
    values: [Option<u64>; OPTION_COUNT],
}

impl Options {
    /// The defaults.
    pub const fn new() -> Self {
        Self { values: [None; OPTION_COUNT] }
    }

    /// Option `purge_delay`: how long memory lies free before it goes back to the system, in milliseconds, rounded up; `None`: for
    /// ever.
    pub const fn purge_delay(self, delay: Option<Duration>) -> Self {
        self.with(Id::PurgeDelay, milliseconds(delay))
    }

    /// Option `purge`: how memory goes that lay free for so long.
    pub const fn purge(self, way: PurgeWay) -> Self {
        self.with(Id::Purge, way as u64)
    }

    /// Option `segment_size`: addresses reserved at a time. From 4 MiB to 256 MiB in steps of 4 MiB; another number is
    /// taken for the nearest of those, or the one below it.
    pub const fn segment_size_bytes(self, bytes: u64) -> Self {
        self.with(Id::SegmentSize, nearest(&TABLE[Id::SegmentSize as usize].syntax, bytes))
    }

    /// Option `huge_keep`: how many bytes of freed huge blocks are kept for reuse, at most.
    pub const fn huge_keep_bytes(self, bytes: u64) -> Self {
        self.with(Id::HugeLimit, bytes)
    }

    /// Option `purge_thread`: whether a thread of the allocator's own may give memory back when no other thread calls.
    pub const fn purge_thread(self, allowed: bool) -> Self {
        self.with(Id::PurgeThread, allowed as u64)
    }

    /// Option `huge_pages`: where memory is taken in huge pages.
    pub const fn huge_pages(self, choice: HugePageChoice) -> Self {
        self.with(Id::HugePages, choice as u64)
    }

    /// Option `reserve_2m`: how many bytes of explicit huge pages of 2 MiB to take; rounded down to a multiple of 4 MiB.
    pub const fn reserve_2m_bytes(self, bytes: u64) -> Self {
        self.with(Id::Reserve2m, nearest(&TABLE[Id::Reserve2m as usize].syntax, bytes))
    }

    /// Option `reserve_1g`: how many bytes of explicit huge pages of 1 GiB to take; rounded down to whole pages.
    pub const fn reserve_1g_bytes(self, bytes: u64) -> Self {
        self.with(Id::Reserve1g, nearest(&TABLE[Id::Reserve1g as usize].syntax, bytes))
    }

    /// Option `stats`: whether to print statistics on standard error when the program ends.
    pub const fn stats(self, wanted: bool) -> Self {
        self.with(Id::Stats, wanted as u64)
    }

    /// Option `show_options`: whether to print all options on standard error when the program starts.
    pub const fn show_options(self, wanted: bool) -> Self {
        self.with(Id::ShowOptions, wanted as u64)
    }

    /// Makes these options hold from now on, except those that the user chose in the environment.
    ///
    /// For programs that learn what they want only as they run, or cannot use [`options!`](crate::options!) because they
    /// forbid unsafe code. What has started already stays: segments keep what they have used, and it is too late for
    /// `show_options`.
    ///
    /// ```
    /// stratalloc::Options::new().huge_keep_bytes(16 << 20).apply();
    /// ```
    pub fn apply(&self) {
        // Relaxed: a number that stands alone, written before `main`.
        self.obey_all_but(CHOSEN_BY_USER.load(Relaxed));
    }

    /// The same, also against what the user chose in the environment: for a program that has reason to change its mind as it
    /// runs.
    ///
    /// ```
    /// use stratalloc::{Options, Strata};
    ///
    /// Options::new().purge_delay(None).impose();
    /// assert_eq!(Strata::settings().purge_delay, None);
    /// ```
    pub fn impose(&self) {
        self.obey_all_but(0);
    }

    fn obey_all_but(&self, others: u64) {
        let mine = TABLE.iter().filter(|row| row.id != Id::ShowOptions && others >> row.id as u32 & 1 == 0);
        mine.filter_map(|row| Some((row, self.get(row.id)?))).for_each(|(row, value)| obey(row, value));
    }

    pub(super) fn get(&self, id: Id) -> Option<u64> {
        self.values[id as usize]
    }

    const fn with(mut self, id: Id, value: u64) -> Self {
        self.values[id as usize] = Some(value);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Options {
    /// What is chosen, as a user would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = f.debug_struct("Options");
        for row in &TABLE {
            if let Some(value) = self.get(row.id) {
                options.field(row.name, &format_args!("{}", row.syntax.written(value)));
            }
        }
        options.finish()
    }
}

/// A delay as the table has it: rounded up, since 0 means at once.
const fn milliseconds(delay: Option<Duration>) -> u64 {
    let Some(delay) = delay else { return NEVER };
    let whole = delay.as_nanos().div_ceil(1_000_000);
    if whole < NEVER as u128 { whole as u64 } else { NEVER }
}

/// The accepted number that comes closest to what was asked for, steps being rounded down.
const fn nearest(syntax: &Syntax, asked: u64) -> u64 {
    match *syntax {
        Syntax::Bytes { least, .. } if asked < least => least,
        Syntax::Bytes { most, .. } if asked > most => most,
        Syntax::Bytes { step, .. } => asked & !(step - 1),
        Syntax::Milliseconds | Syntax::Word(_) | Syntax::Switch => asked,
    }
}

static NONE: Options = Options::new();
static PROGRAM: AtomicPtr<Options> = AtomicPtr::new((&raw const NONE).cast_mut());

/// What [`options!`](crate::options!) has the loader call; the first one counts.
#[doc(hidden)]
pub fn register(options: &'static Options) {
    let (none, mine) = ((&raw const NONE).cast_mut(), core::ptr::from_ref(options).cast_mut());
    // Release: publishes the options; pairs with Acquire in program.rs::registered. Relaxed: another's stay unread here.
    let _ = PROGRAM.compare_exchange(none, mine, Release, Relaxed);
}

pub(super) fn registered() -> &'static Options {
    // Acquire: sees the options; pairs with Release in program.rs::register.
    let options = PROGRAM.load(Acquire);
    // SAFETY: the word holds the address of `NONE` or what `register` made of a `&'static Options`.
    unsafe { &*options }
}

/// Chooses options for the program that says it, once, at the top level: a constant [`Options`].
///
/// ```
/// use stratalloc::{Options, Strata};
///
/// #[global_allocator]
/// static GLOBAL: Strata = Strata;
///
/// stratalloc::options!(Options::new().stats(true).huge_keep_bytes(16 << 20));
///
/// fn main() {}
/// ```
///
/// They hold before `main` and before what other languages' constructors allocate; an environment variable
/// `STRATA_<OPTION>` still overrules them. For programs: a library leaves the choice to the program that uses it. Of
/// several in one program, which one counts is up to the linker.
#[macro_export]
macro_rules! options {
    ($options:expr) => {
        const _: () = {
            static OPTIONS: $crate::Options = $options;
            extern "C" fn register() {
                $crate::register(&OPTIONS);
            }
            $crate::at_load! { first register }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_size_is_brought_into_bounds() {
        for (asked, taken) in [(0, 4), (4, 4), (7, 4), (8, 8), (255, 252), (256, 256), (1 << 30, 256)] {
            let options = Options::new().segment_size_bytes(asked << 20);
            assert_eq!(options.get(Id::SegmentSize), Some(taken << 20), "{asked}M");
        }
    }

    #[test]
    fn each_verb_sets_its_option_to_a_value_that_is_accepted() {
        let all = Options::new()
            .purge_delay(None)
            .purge(PurgeWay::LazyFree)
            .segment_size_bytes(1)
            .huge_keep_bytes(0)
            .huge_pages(HugePageChoice::Always)
            .reserve_2m_bytes(u64::MAX)
            .reserve_1g_bytes(5 << 29)
            .purge_thread(false)
            .stats(true)
            .show_options(true);
        for row in &TABLE {
            let value = all.get(row.id).expect(row.name);
            assert_eq!(row.syntax.accept(value), Some(value), "{}", row.name);
            assert_eq!(Options::new().get(row.id), None);
        }
    }

    #[test]
    fn a_delay_is_rounded_up_to_milliseconds() {
        for (delay, taken) in [
            (Some(Duration::ZERO), 0),
            (Some(Duration::from_nanos(1)), 1),
            (Some(Duration::from_micros(1001)), 2),
            (Some(Duration::from_secs(3)), 3000),
            (Some(Duration::MAX), NEVER),
            (None, NEVER),
        ] {
            assert_eq!(Options::new().purge_delay(delay).get(Id::PurgeDelay), Some(taken), "{delay:?}");
        }
    }

    #[test]
    fn options_are_shown_as_they_are_written() {
        let options = Options::new().purge_delay(None).huge_keep_bytes(16 << 20).stats(false);
        assert_eq!(std::format!("{options:?}"), "Options { purge_delay: never, huge_keep: 16M, stats: 0 }");
    }
}
