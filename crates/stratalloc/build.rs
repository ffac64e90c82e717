//! Nothing to build: cargo wants a script of a crate that has a `links` key, which keeps a program from having two versions of it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
