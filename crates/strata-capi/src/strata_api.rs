//! What C programs may ask of Strata beyond `malloc`: the functions of `include/strata.h`, which says what they promise.
//!
//! Text goes in as strings with their end and comes out as constants. Structures carry no version: one that grows, grows at
//! its end, and the caller says how much of it he knows.
//!
//! Does not know: how anything is done; `stratalloc` does.

use core::ffi::{CStr, c_char, c_int, c_void};
use stratalloc::{OptionErrorKind, Stats, Strata, c_door};

/// `struct strata_stats`; the fields mean what those of [`Stats`] with the same names mean.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct CStats {
    reserved_bytes: u64,
    committed_bytes: u64,
    resident_bytes: u64,
    purged_bytes: u64,
    live_blocks: u64,
    live_bytes: u64,
    large_blocks: u64,
    large_bytes: u64,
    huge_blocks: u64,
    huge_bytes: u64,
    huge_kept_bytes: u64,
    ready_blocks: u64,
    caches: u64,
    segments: u64,
    arenas: u64,
    used_pools: u64,
    dirty_pools: u64,
    clean_pools: u64,
    system_calls: u64,
    system_calls_failed: u64,
    pinned_bytes: u64,
    lazily_purged_bytes: u64,
    committed_peak_bytes: u64,
    used_pools_peak: u64,
    large_peak_bytes: u64,
    huge_peak_bytes: u64,
}

impl CStats {
    fn of(stats: &Stats) -> Self {
        let calls = stats.calls;
        Self {
            reserved_bytes: stats.reserved_bytes,
            committed_bytes: stats.committed_bytes,
            resident_bytes: stats.resident_bytes,
            purged_bytes: stats.purged_bytes,
            live_blocks: stats.live_blocks,
            live_bytes: stats.live_bytes,
            large_blocks: stats.large_blocks,
            large_bytes: stats.large_bytes,
            huge_blocks: stats.huge_blocks,
            huge_bytes: stats.huge_bytes,
            huge_kept_bytes: stats.huge_kept_bytes,
            ready_blocks: stats.ready_blocks,
            caches: stats.caches,
            segments: stats.segments,
            arenas: stats.arenas,
            used_pools: stats.used_pools,
            dirty_pools: stats.dirty_pools,
            clean_pools: stats.clean_pools,
            system_calls: calls.map + calls.unmap + calls.protect + calls.advise + calls.remap,
            system_calls_failed: calls.failed,
            pinned_bytes: stats.pinned_bytes,
            lazily_purged_bytes: stats.lazily_purged_bytes,
            committed_peak_bytes: stats.flows.committed_bytes.peak,
            used_pools_peak: stats.flows.used_pools.peak,
            large_peak_bytes: stats.flows.large_bytes.peak,
            huge_peak_bytes: stats.flows.huge_bytes.peak,
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn strata_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[unsafe(no_mangle)]
extern "C" fn strata_collect() {
    Strata::collect();
}

#[unsafe(no_mangle)]
extern "C" fn strata_trim() -> usize {
    Strata::trim().given_back_bytes as usize
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_option_set(name: *const c_char, value: *const c_char) -> c_int {
    if name.is_null() || value.is_null() {
        return libc::EINVAL;
    }
    // SAFETY: a string with its end, by the header's contract.
    let name = unsafe { CStr::from_ptr(name) };
    // SAFETY: a string with its end, by the header's contract.
    let value = unsafe { CStr::from_ptr(value) };
    let (Ok(name), Ok(value)) = (name.to_str(), value.to_str()) else { return libc::EINVAL };
    match Strata::set_option(name, value).map_err(|error| error.kind()) {
        Ok(()) => 0,
        Err(OptionErrorKind::Unknown) => libc::ENOENT,
        Err(OptionErrorKind::OnlyAtStart) => libc::EPERM,
        Err(_) => libc::EINVAL,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_stats(place: *mut c_void, bytes: usize) -> usize {
    if !place.is_null() {
        let stats = CStats::of(&Strata::stats());
        let known = bytes.min(size_of::<CStats>());
        // SAFETY: the caller's place of at least this size, by the header's contract.
        unsafe { (&raw const stats).cast::<u8>().copy_to_nonoverlapping(place.cast(), known) };
    }
    size_of::<CStats>()
}

#[unsafe(no_mangle)]
extern "C" fn strata_dump(descriptor: c_int) -> c_int {
    Strata::dump(descriptor).into()
}

#[unsafe(no_mangle)]
extern "C" fn strata_reset_peaks() {
    Strata::reset_peaks();
}

#[unsafe(no_mangle)]
extern "C" fn strata_stats_print() {
    c_door::print_report();
}

#[unsafe(no_mangle)]
extern "C" fn strata_owns(pointer: *const c_void) -> c_int {
    Strata::owns(pointer).into()
}
