//! How the shared library is linked: it has a name of its own, and stays once it was loaded.
//!
//! Blocks of a library that is gone could not be freed; so `dlclose` leaves it where it is.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let layout = format!("{folder}/layout.ld");
    // By its whole path, so that a checkout that was moved with its build folder asks for the path anew.
    println!("cargo:rerun-if-changed={layout}");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-T,{layout}");
    for option in ["-soname,libstrata.so", "-z,nodelete", "-z,separate-loadable-segments"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{option}");
    }
}
