//! What Rust wants for panics of a library that has no standard library: a function that is told, and a name that is never called.
//!
//! Nothing here panics as far as we know; what does is said in a line, and the program ended. The core library comes compiled
//! for unwinding: some of its functions name the *personality* that the standard library has, by which an unwinder would
//! ask them what to do on the way. No panic of ours unwinds, and exceptions of others pass none of them (`cxx`).
//! The name is weak, so that it gives way in a program that has Rust's own.
//!
//! Does not know: what an unwinder is.

use core::fmt::Write;
use core::panic::PanicInfo;

#[panic_handler]
fn say_and_stop(what: &PanicInfo<'_>) -> ! {
    let mut line = strata_os::Line::new();
    let _ = write!(line, "strata: a mistake of ours: {what}");
    line.emit();
    strata_os::abort()
}

core::arch::global_asm!(".weak rust_eh_personality", ".hidden rust_eh_personality", "rust_eh_personality:");
