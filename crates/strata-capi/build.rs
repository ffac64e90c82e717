//! How the shared library is linked: it has a name of its own, and stays once it was loaded.
//!
//! Blocks of a library that is gone could not be freed; so `dlclose` leaves it where it is.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for option in ["-soname,libstrata.so", "-z,nodelete", "-z,separate-loadable-segments"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{option}");
    }
}
