//! How the library is linked: it has a name of its own, and stays once it was loaded, since its blocks could not be freed
//! without it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for option in ["-soname,libstrata_gil.so", "-z,nodelete"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{option}");
    }
}
