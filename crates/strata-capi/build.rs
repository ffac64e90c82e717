//! How the shared library is linked: it has a name of its own, stays once it was loaded, and needs the C library alone.
//!
//! Blocks of a library that is gone could not be freed; so `dlclose` leaves it where it is.
//!
//! The standard library's panic machinery asks for GCC's unwinder, a shared library that most C programs do not have: to load
//! it costs each process a tenth of a millisecond and 26 page faults before `main`. GCC has the same code as an archive; a
//! script in the shared library's place names that, and the linker takes from it what is asked for. It unwinds our own panics,
//! which abort at the first C frame. Exceptions of others pass our frames by their own unwinder, so none of those frames may have
//! anything to drop (`cxx.rs`): two copies of the unwinder do not share what they know.

use std::path::Path;
use std::{env, fs};

const UNWINDER: &str = "/* GCC's unwinder from its archive. */\nINPUT(-lgcc_eh -lc)\n";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for option in ["-soname,libstrata.so", "-z,nodelete"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{option}");
    }
    let is = |what: &str, value: &str| env::var(what).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        let folder = env::var("OUT_DIR").expect("cargo names a folder for what is built");
        fs::write(Path::new(&folder).join("libgcc_s.so"), UNWINDER)
            .expect("cargo's folder can be written to");
        println!("cargo:rustc-link-search=native={folder}");
    }
}
