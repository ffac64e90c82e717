//! How the shared library is linked: it has a name of its own, and stays once it was loaded.
//!
//! Blocks of a library that is gone could not be freed; so `dlclose` leaves it where it is.
//!
//! The compiler's unwinder is linked in, 40 KiB of code that nothing runs until a profile of the running program is asked for: a program in C
//! may have none, and one cannot be loaded in the midst of an allocation. A program that loads this library sees nothing of it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for option in ["-soname,libstrata.so", "-z,nodelete", "-z,separate-loadable-segments"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{option}");
    }
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu") {
        for option in ["-Wl,-u,_Unwind_Backtrace,-u,_Unwind_GetIP", "-lgcc_eh", "-lgcc"] {
            println!("cargo:rustc-cdylib-link-arg={option}");
        }
    }
}
