//! The options that can be changed at run time, and their defaults.
//!
//! Does not know: where they are set, what each number does.

use strata_core::layout::ARENAS_PER_SEGMENT;
use strata_core::sync::AtomicU64;

const DEFAULT_PURGE_DELAY_MS: u64 = 500;
const DEFAULT_HUGE_KEEP_BYTES: u64 = 256 << 20;

/// The options; each may be changed at any moment.
#[derive(Debug)]
pub struct Tuning {
    /// Milliseconds that memory lies free before it is purged; `u64::MAX` for never.
    pub purge_delay_ms: AtomicU64,
    /// Arenas to reserve with a new segment, 1 to 64.
    pub segment_arenas: AtomicU64,
    /// Bytes of freed huge blocks kept for reuse, at most.
    pub huge_keep_bytes: AtomicU64,
    /// Whether a thread of the allocator's own may give memory back when no other thread calls: 1 or 0.
    pub purge_thread: AtomicU64,
    /// How memory is given back that was free for the delay: a [`PurgeWay`].
    pub purge: AtomicU64,
    /// When memory is taken in huge pages: a [`HugePageChoice`].
    pub huge_pages: AtomicU64,
}

/// How memory is given back that was free for the delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum PurgeWay {
    /// At once: it is resident no longer.
    Now = 0,
    /// By `MADV_FREE`: resident until the kernel needs it, and cheaper to use again.
    LazyFree = 1,
}

/// When memory is taken in huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum HugePageChoice {
    /// Where it pays.
    Auto = 0,
    /// Nowhere, not even where the system gives them to every program.
    Never = 1,
    /// Everywhere.
    Always = 2,
}

impl HugePageChoice {
    /// The choice that the option's word holds; `Auto` if it holds none.
    pub(crate) fn of(value: u64) -> Self {
        [Self::Auto, Self::Never, Self::Always]
            .into_iter()
            .find(|choice| *choice as u64 == value)
            .unwrap_or(Self::Auto)
    }
}

impl Tuning {
    strata_core::const_unless_loom! {
        /// The defaults.
        pub(crate) fn new() -> Self {
            Self {
                purge_delay_ms: AtomicU64::new(DEFAULT_PURGE_DELAY_MS),
                segment_arenas: AtomicU64::new(ARENAS_PER_SEGMENT as u64),
                huge_keep_bytes: AtomicU64::new(DEFAULT_HUGE_KEEP_BYTES),
                purge_thread: AtomicU64::new(1),
                purge: AtomicU64::new(PurgeWay::Now as u64),
                huge_pages: AtomicU64::new(HugePageChoice::Auto as u64),
            }
        }
    }
}
