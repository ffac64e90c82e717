//! Being told when memory grows beyond a height: to shed load, drop caches, or restart while there is still time.
//!
//! ```
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use stratalloc::watch::{self, Threshold};
//!
//! static IS_TIGHT: AtomicBool = AtomicBool::new(false);
//!
//! let watch = watch::at(Threshold::resident().share_of_limit(0.8), |crossing| {
//!     IS_TIGHT.store(true, Ordering::Relaxed);
//!     eprintln!("{} of {:?} bytes", crossing.bytes(), crossing.limit_bytes());
//! })?;
//! // …
//! drop(watch); // no call begins from now on
//! # Ok::<(), watch::WatchError>(())
//! ```
//!
//! A callback is called once for each crossing upwards, and again only after memory fell well below the threshold. A watch that
//! is above it from the start is called at once. It may do what any code may: allocate, take long, add and drop watches; the
//! allocator is not waiting for it. All callbacks run on one thread, `strata-watch`, which the first watch starts, which
//! blocks all signals, and which checks every 100 ms ([`set_interval`]) while there is a watch, and sleeps while there is
//! none. So one that takes long delays the others. A panic of one is reported with the thread's name; with feature `std` it ends
//! that call only, and the watch stays; without it, or if the program is built to abort, it ends the process.
//!
//! After a `fork` the child has the watches, but no thread to check them, until it adds one or calls [`resume`]; a watch
//! whose callback was running at the moment of the fork is lost there. When a library that has watches is unloaded, and when
//! the process ends, the thread is ended; a callback that is running then has a second to come to its end.
//!
//! Nothing here allocates; the C library does, for the thread. On systems other than Linux there is no such thread yet.
//!
//! | file        | what                                       |
//! |-------------|--------------------------------------------|
//! | `threshold` | which measure, which height, armed or not  |
//! | `callback`  | a closure in a place of fixed size         |
//! | `slot`      | who may touch a watch                      |
//! | `list`      | all watches                                |
//! | `reader`    | resident, held, counted: each once a check |
//! | `duty`      | whether there is a watcher                 |
//! | `watcher`   | the thread                                 |
//! | `panics`    | what becomes of a callback that panics     |

mod callback;
mod duty;
mod list;
#[cfg_attr(feature = "std", path = "panics/caught.rs")]
#[cfg_attr(not(feature = "std"), path = "panics/passed.rs")]
mod panics;
mod reader;
mod slot;
mod threshold;
mod watcher;

pub use threshold::{Measure, Threshold};

use crate::global::Strata;
use callback::Callback;
use core::fmt;
use core::mem::ManuallyDrop;
use core::time::Duration;
use list::Name;
use watcher::LIST;

/// Memory grew beyond a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    measure: Measure,
    bytes: u64,
    threshold_bytes: u64,
    limit_bytes: Option<u64>,
}

impl Crossing {
    /// What was measured.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// How much it was, at the threshold or above.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the threshold was.
    pub fn threshold_bytes(&self) -> u64 {
        self.threshold_bytes
    }

    /// The limit, if the threshold is a share of one.
    pub fn limit_bytes(&self) -> Option<u64> {
        self.limit_bytes
    }
}

/// Why there is no watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchError {
    /// The threshold is at nothing, or a share or part is not above 0 and up to 1.
    NoThreshold,
    /// There are 32 watches already.
    TooMany,
    /// The system has no thread to spare, or the process is ending.
    NoThread,
    /// The threshold is about what Strata holds, and Strata is not the program's allocator.
    NotGlobal,
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoThreshold => {
                "a threshold is at 1 byte or above, shares and parts are above 0 and up to 1"
            }
            Self::TooMany => "there are as many watches as there may be: 32",
            Self::NoThread => "no thread could be started to check the watches",
            Self::NotGlobal => {
                "Strata holds nothing: it is not this program's allocator (`#[global_allocator] static GLOBAL: Strata = Strata;`)"
            }
        })
    }
}

impl core::error::Error for WatchError {}

/// Keeps a watch: dropped, it takes it away. A call that has begun goes on; none begins afterwards.
#[must_use = "a watch ends when it is dropped"]
pub struct Watch(Name);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch(number {})", self.0.number())
    }
}

impl Watch {
    /// Keeps the watch to the end of the process.
    pub fn keep_for_ever(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        LIST.remove(self.0);
    }
}

/// Has `callback` called, on the watcher's thread, whenever memory grows beyond the threshold.
///
/// What the closure captures must fit into eight words; what is larger goes into a `Box` or an `Arc`.
///
/// # Errors
/// If it is no threshold, or one that is never reached since Strata is not the program's allocator; if there are 32 watches, or no
/// thread to check them. Then the callback is dropped.
pub fn at<F: FnMut(&Crossing) + Send + 'static>(
    threshold: Threshold,
    callback: F,
) -> Result<Watch, WatchError> {
    let threshold = threshold.checked()?;
    if threshold.measure() == Measure::Held && !Strata::is_global() {
        return Err(WatchError::NotGlobal);
    }
    add(threshold, Callback::new(callback))
}

fn add(threshold: Threshold, callback: Callback) -> Result<Watch, WatchError> {
    let watch = Watch(LIST.add(threshold, callback).ok_or(WatchError::TooMany)?);
    match watcher::call() {
        Ok(()) => Ok(watch),
        Err(watcher::NoThread) => Err(WatchError::NoThread),
    }
}

/// Has the watches checked in the child of a fork, which has no thread for it yet; elsewhere checks them now.
///
/// # Errors
/// If there is no thread to be had.
pub fn resume() -> Result<(), WatchError> {
    watcher::call().map_err(|watcher::NoThread| WatchError::NoThread)
}

/// Changes how much time passes between two checks: 100 ms unless told otherwise, 1 ms at least.
///
/// A check takes some 10 µs for resident memory, about 0.1 ms where it asks for limits, and some 10 ns for each 4 MiB where
/// it counts what the allocator holds.
pub fn set_interval(interval: Duration) {
    watcher::set_interval(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX));
}

/// How much time passes between two checks.
pub fn interval() -> Duration {
    Duration::from_millis(watcher::interval())
}

/// For the C interface, which has numbers instead of guards.
#[doc(hidden)]
pub mod by_number {
    use super::{LIST, Name, Watch};
    use core::mem::ManuallyDrop;

    /// The watch as a number, never zero.
    pub fn keep(watch: Watch) -> u64 {
        ManuallyDrop::new(watch).0.number()
    }

    /// Takes it away; `false` if it was gone.
    pub fn remove(number: u64) -> bool {
        LIST.remove(Name::of_number(number))
    }
}
