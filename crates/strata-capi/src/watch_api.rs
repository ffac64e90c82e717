//! `strata_watch_…`: being told of memory in C, by a function and whatever it wants to know.
//!
//! A watch is a number, since C has no guards; failures are negative, as `errno` is the program's.
//!
//! Does not know: how anything is watched; `stratalloc::watch` does.

use core::ffi::{c_double, c_int, c_uint, c_void};
use core::time::Duration;
use stratalloc::watch::{self, Crossing, Measure, Threshold, WatchError, by_number};

/// `struct strata_crossing`.
#[repr(C)]
struct CCrossing {
    measure: c_int,
    bytes: u64,
    threshold_bytes: u64,
    limit_bytes: u64,
}

/// `strata_watch_callback`.
type CCallback = unsafe extern "C" fn(crossing: *const CCrossing, context: *mut c_void);

/// What the program gives along: the header says that it must be good on any thread.
struct Context(*mut c_void);

// SAFETY: the header's contract.
unsafe impl Send for Context {}

/// `enum strata_measure`, in its order.
const MEASURES: [Measure; 3] = [Measure::Resident, Measure::Held, Measure::Counted];

#[unsafe(no_mangle)]
extern "C" fn strata_watch_bytes(
    measure: c_int,
    bytes: u64,
    callback: Option<CCallback>,
    context: *mut c_void,
) -> i64 {
    add(measure, |measure| measure.bytes(bytes), callback, context)
}

#[unsafe(no_mangle)]
extern "C" fn strata_watch_share(
    measure: c_int,
    share: c_double,
    callback: Option<CCallback>,
    context: *mut c_void,
) -> i64 {
    add(measure, |measure| measure.share_of_limit(share), callback, context)
}

#[unsafe(no_mangle)]
extern "C" fn strata_watch_remove(watch: i64) -> c_int {
    let is_removed = u64::try_from(watch).is_ok_and(by_number::remove);
    if is_removed { 0 } else { libc::ENOENT }
}

#[unsafe(no_mangle)]
extern "C" fn strata_watch_resume() -> c_int {
    watch::resume().map_or_else(error_number, |()| 0)
}

#[unsafe(no_mangle)]
extern "C" fn strata_watch_interval(milliseconds: c_uint) {
    watch::set_interval(Duration::from_millis(milliseconds.into()));
}

fn add(
    measure: c_int,
    threshold: impl Fn(Measure) -> Threshold,
    callback: Option<CCallback>,
    context: *mut c_void,
) -> i64 {
    let measure = usize::try_from(measure).ok().and_then(|index| MEASURES.get(index));
    let (Some(measure), Some(callback)) = (measure, callback) else { return -i64::from(libc::EINVAL) };
    let context = Context(context);
    let added = watch::at(threshold(*measure), move |crossing| {
        let crossing = CCrossing::of(crossing);
        let Context(context) = &context;
        // SAFETY: the header's contract: a function that may be called on any thread, with this context.
        unsafe { callback(&raw const crossing, *context) };
    });
    match added {
        Ok(watch) => by_number::keep(watch).cast_signed(),
        Err(error) => -i64::from(error_number(error)),
    }
}

fn error_number(error: WatchError) -> c_int {
    match error {
        WatchError::NoThreshold => libc::EINVAL,
        WatchError::TooMany => libc::ENOSPC,
        _ => libc::EAGAIN,
    }
}

impl CCrossing {
    fn of(crossing: &Crossing) -> Self {
        let index = MEASURES.iter().position(|measure| *measure == crossing.measure());
        Self {
            measure: index.unwrap_or_default() as c_int,
            bytes: crossing.bytes(),
            threshold_bytes: crossing.threshold_bytes(),
            limit_bytes: crossing.limit_bytes().unwrap_or(0),
        }
    }
}
