//! The one door to atomics and cells: `core`'s own in the shipped build, loom's in the model build.
//!
//! Everything below `stratalloc` imports from here, so that the source which ships is the source that is checked.
//! Known gaps of loom 0.7 (SeqCst accesses, load buffering, spurious weak failures) are listed in
//! `loom-tests/README.md`; this facade therefore offers no SeqCst and no weak compare-exchange.
//!
//! Does not know: what any word means.

#[cfg(all(strata_counted, not(strata_loom)))]
mod counted;
#[cfg(strata_loom)]
mod model;
#[cfg(not(strata_loom))]
mod native;

#[cfg(strata_loom)]
use model as imp;
#[cfg(not(strata_loom))]
use native as imp;

pub use core::sync::atomic::Ordering;
#[cfg(all(strata_counted, not(strata_loom)))]
pub use counted::{act_as, exchanges, fetches};
pub use imp::{
    AsymmetricFence, AtomicPtr, AtomicU8, AtomicU64, OwnedPtr, OwnedU32, OwnedUsize, PrivateUsize,
    StatisticWord, WaitWord, Witness, fence, init_fresh, spin_hint,
};
#[cfg(strata_loom)]
pub use model::{alone, one_more_thread};

mod hint;
pub mod mutation;

pub use hint::Hint;

/// Makes a function `const` where the facade's atomics can be built at compile time: everywhere but under loom.
#[cfg(not(strata_loom))]
#[macro_export]
#[doc(hidden)]
macro_rules! const_unless_loom {
    ($(#[$attr:meta])* $vis:vis fn $($rest:tt)*) => { $(#[$attr])* $vis const fn $($rest)* };
}

/// Makes a function `const` where the facade's atomics can be built at compile time: everywhere but under loom.
#[cfg(strata_loom)]
#[macro_export]
#[doc(hidden)]
macro_rules! const_unless_loom {
    ($(#[$attr:meta])* $vis:vis fn $($rest:tt)*) => { $(#[$attr])* $vis fn $($rest)* };
}

/// An array of equal atomics.
#[cfg(not(strata_loom))]
#[macro_export]
#[doc(hidden)]
macro_rules! each_slot {
    ($value:expr; $count:expr) => {
        [const { $value }; $count]
    };
}

/// An array of equal atomics.
#[cfg(strata_loom)]
#[macro_export]
#[doc(hidden)]
macro_rules! each_slot {
    ($value:expr; $count:expr) => {
        core::array::from_fn::<_, $count, _>(|_| $value)
    };
}
