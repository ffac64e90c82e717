//! A standard error output for the report at exit, in programs that close theirs.
//!
//! All of GNU coreutils close it in an exit handler of their own, to notice a full disk; the report that `STRATA_STATS=1`
//! asks for comes after that. So the report keeps a second descriptor, out of the program's way, and puts it back. The
//! loader walks the functions to call at exit from their end, where those without a number are: this one comes first.
//!
//! Does not know: what is reported.

use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// The second descriptor; 0 for none.
static KEPT: AtomicU64 = AtomicU64::new(0);
/// Where no program expects a descriptor of its own.
const LEAST_DESCRIPTOR: i32 = 1000;

strata_os::at_load!(first keep);

#[used]
#[unsafe(link_section = ".fini_array")]
static BEFORE_THE_REPORT: extern "C" fn() = bring_back;

extern "C" fn keep() {
    let mut value = [0; 2];
    let length = strata_os::machine::environment(c"STRATA_STATS", &mut value);
    if length.is_none_or(|length| length == 0 || value == *b"0\0") {
        return;
    }
    // SAFETY: asks the kernel for a number; a limit below it is an error.
    let kept = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, LEAST_DESCRIPTOR) };
    // Relaxed, here and below: written before `main`, read after it.
    KEPT.store(u64::try_from(kept).unwrap_or_default(), Relaxed);
}

extern "C" fn bring_back() {
    let Ok(kept) = i32::try_from(KEPT.load(Relaxed)) else { return };
    // SAFETY: asks whether it is open.
    if kept != 0 && unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_GETFD) } < 0 {
        // SAFETY: the number is free, and the program has ended.
        let _ = unsafe { libc::dup2(kept, libc::STDERR_FILENO) };
    }
}
