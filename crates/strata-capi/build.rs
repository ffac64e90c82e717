//! How the shared library is linked: it has a name of its own, and stays once it was loaded.
//!
//! Blocks of a library that is gone could not be freed; so `dlclose` leaves it where it is.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=layout.ld");
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-T,{folder}/layout.ld");
    for option in ["-soname,libstrata.so", "-z,nodelete", "-z,separate-loadable-segments"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{option}");
    }
}
