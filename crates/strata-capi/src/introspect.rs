//! glibc's questions and knobs, answered as far as they mean anything here.
//!
//! | name                  | answer                                                                                     |
//! |-----------------------|--------------------------------------------------------------------------------------------|
//! | `malloc_stats`        | Strata's report on standard error                                                          |
//! | `malloc_info`         | XML of glibc's form: one heap, its sizes by class                                          |
//! | `mallinfo2, mallinfo` | the fields that have a meaning; the older one's numbers stop at `INT_MAX`                  |
//! | `mallopt`             | 1 for hints about glibc's own ways (nothing happens), 0 for what programs would rely on    |
//!
//! Does not know: how anything is counted.

use core::ffi::{c_int, c_void};
use core::fmt::{self, Write};
use libc::FILE;
use strata_cache::thread::RUNTIME;
use stratalloc::{Stats, Strata, c_door};

/// glibc's `struct mallinfo2`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Mallinfo<T> {
    arena: T,
    ordblks: T,
    smblks: T,
    hblks: T,
    hblkhd: T,
    usmblks: T,
    fsmblks: T,
    uordblks: T,
    fordblks: T,
    keepcost: T,
}

impl<T: Default> Mallinfo<T> {
    fn of(stats: &Stats, number: impl Fn(u64) -> T) -> Self {
        let used = used_bytes(stats);
        Self {
            arena: number(pooled_bytes(stats)),
            ordblks: number(stats.ready_blocks + stats.dirty_pools),
            hblks: number(stats.huge_blocks),
            hblkhd: number(stats.huge_bytes),
            uordblks: number(used),
            fordblks: number(pooled_bytes(stats).saturating_sub(used)),
            keepcost: number(RUNTIME.page_heap.footprint().idle_bytes),
            ..Self::default()
        }
    }
}

/// Bytes in memory, except those of huge blocks: what glibc calls the arenas.
fn pooled_bytes(stats: &Stats) -> u64 {
    stats.resident_bytes.saturating_sub(stats.huge_bytes + stats.huge_kept_bytes) + stats.pinned_bytes
}

/// Of those, what the program has.
fn used_bytes(stats: &Stats) -> u64 {
    stats.live_bytes + stats.large_bytes
}

#[unsafe(no_mangle)]
extern "C" fn mallinfo2() -> Mallinfo<usize> {
    Mallinfo::of(&Strata::stats(), |number| number as usize)
}

#[unsafe(no_mangle)]
extern "C" fn mallinfo() -> Mallinfo<c_int> {
    Mallinfo::of(&Strata::stats(), |number| c_int::try_from(number).unwrap_or(c_int::MAX))
}

#[unsafe(no_mangle)]
extern "C" fn malloc_stats() {
    c_door::print_report();
}

/// The parameters of `<malloc.h>`: `M_MXFAST`, and from `M_TRIM_THRESHOLD` down to `M_ARENA_MAX`.
const M_MXFAST: c_int = 1;
const M_PERTURB: c_int = -6;
const M_ARENA_MAX: c_int = -8;

#[unsafe(no_mangle)]
extern "C" fn mallopt(parameter: c_int, value: c_int) -> c_int {
    match parameter {
        // Contents that a program asks for, and does not get.
        M_PERTURB => c_int::from(value == 0),
        M_MXFAST | M_ARENA_MAX..=-1 => 1,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_info(options: c_int, stream: *mut FILE) -> c_int {
    if options != 0 {
        return libc::EINVAL;
    }
    let written = write_xml(&Strata::stats(), &mut Stream(stream));
    if written.is_ok() { 0 } else { -1 }
}

/// A stream of the C library, which the caller of `malloc_info` vouched for.
struct Stream(*mut FILE);

impl Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: reads the text; the caller's stream.
        let written = unsafe { libc::fwrite(text.as_ptr().cast::<c_void>(), 1, text.len(), self.0) };
        if written == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

fn write_xml(stats: &Stats, out: &mut Stream) -> fmt::Result {
    writeln!(out, "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>")?;
    let mut from = 1;
    let (mut free_blocks, mut free_bytes) = (0, 0);
    for class in stats.classes() {
        let free = class.carved_blocks.saturating_sub(class.live_blocks);
        let to = class.block_bytes;
        if free > 0 {
            let total = free * to;
            writeln!(out, "  <size from=\"{from}\" to=\"{to}\" total=\"{total}\" count=\"{free}\"/>")?;
        }
        free_blocks += free;
        free_bytes += free * to;
        from = to + 1;
    }
    writeln!(out, "</sizes>")?;
    write_totals(stats, free_blocks, free_bytes, out)?;
    writeln!(out, "</heap>")?;
    write_totals(stats, free_blocks, free_bytes, out)?;
    writeln!(out, "</malloc>")
}

fn write_totals(stats: &Stats, free_blocks: u64, free_bytes: u64, out: &mut Stream) -> fmt::Result {
    let (resident, reserved) = (stats.resident_bytes, stats.reserved_bytes);
    writeln!(out, "<total type=\"fast\" count=\"0\" size=\"0\"/>")?;
    writeln!(out, "<total type=\"rest\" count=\"{free_blocks}\" size=\"{free_bytes}\"/>")?;
    writeln!(out, "<total type=\"mmap\" count=\"{}\" size=\"{}\"/>", stats.huge_blocks, stats.huge_bytes)?;
    writeln!(out, "<system type=\"current\" size=\"{resident}\"/>")?;
    // No count of what was resident at most; what might be touched at most is no less.
    let most = stats.flows.committed_bytes.peak;
    writeln!(out, "<system type=\"max\" size=\"{most}\"/>")?;
    writeln!(out, "<aspace type=\"total\" size=\"{reserved}\"/>")?;
    writeln!(out, "<aspace type=\"mprotect\" size=\"{}\"/>", stats.committed_bytes)
}
