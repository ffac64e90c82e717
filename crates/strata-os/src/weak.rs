//! Functions of other libraries that may or may not be there when this one is linked or loaded.
//!
//! A weak reference is an address in the library's table that the linker or the loader fills in, or leaves null. Unlike a
//! search by name it works in static programs, too. Stable Rust has none, so it is written in assembly.
//!
//! Does not know: what the functions do.

/// The address of the function with this name; null if it is not defined.
#[cfg(target_arch = "x86_64")]
#[macro_export]
macro_rules! weak_address {
    ($name:literal) => {{
        let address: *mut core::ffi::c_void;
        // SAFETY: reads a word of this library's own table.
        unsafe {
            core::arch::asm!(
                concat!(".weak ", $name),
                concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                out(reg) address,
                options(pure, readonly, nostack, preserves_flags),
            )
        };
        address
    }};
}

/// The address of the function with this name; null if it is not defined.
#[cfg(target_arch = "aarch64")]
#[macro_export]
macro_rules! weak_address {
    ($name:literal) => {{
        let address: *mut core::ffi::c_void;
        // SAFETY: reads a word of this library's own table.
        unsafe {
            core::arch::asm!(
                concat!(".weak ", $name),
                concat!("adrp {0}, :got:", $name),
                concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                out(reg) address,
                options(pure, readonly, nostack, preserves_flags),
            )
        };
        address
    }};
}

/// Where there is no assembly, nothing is defined.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[macro_export]
macro_rules! weak_address {
    ($name:literal) => {
        core::ptr::null_mut::<core::ffi::c_void>()
    };
}
