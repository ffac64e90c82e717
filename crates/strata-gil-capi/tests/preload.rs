//! Programs that know nothing of it run under `libstrata_gil.so`: a shell, `ls`, and programs in C.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

/// cargo builds no shared library for a test by itself.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(build);

/// Where this test's own profile puts its results.
fn profile() -> (&'static str, PathBuf) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf();
    if cfg!(debug_assertions) { ("dev", target.join("debug")) } else { ("release", target.join("release")) }
}

fn build() -> PathBuf {
    let (profile, folder) = profile();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", profile, "--lib", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(folder.parent().unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    folder.join("libstrata_gil.so")
}

fn preloaded(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).env("LD_PRELOAD", &*LIBRARY).env("LC_ALL", "C").output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    // The loader ignores what it cannot load, and says so here.
    assert!(output.status.success() && complaint.is_empty(), "{}: {complaint}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_shell_runs_and_really_uses_the_library() {
    let script =
        "a=; for i in 1 2 3 4 5 6 7 8 9; do a=$a$(echo $i | cat); done; echo $a; cat /proc/self/maps";
    let answer = said(&preloaded(Path::new("/bin/sh"), &["-c", script]));
    assert!(answer.starts_with("123456789\n") && answer.contains("libstrata_gil.so"), "{answer}");
}

#[test]
fn ls_lists_what_it_lists_without() {
    let arguments = ["-lR", "/usr/share/doc"];
    let plain = Command::new("ls").args(arguments).env("LC_ALL", "C").output().unwrap();
    assert_eq!(said(&preloaded(Path::new("ls"), &arguments)), said(&plain));
}

/// What the C program in `source` says under the library.
fn compiled(source: &str) -> String {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("gil-{source}"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(source).with_extension("c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-g", "-Wall", "-fno-builtin", "-pthread", "-o"]).arg(&program).arg(&source);
    assert!(compiler.status().unwrap().success());
    said(&preloaded(&program, &[]))
}

#[test]
fn threads_in_c_allocate_resize_fork_and_hand_over() {
    assert_eq!(compiled("threads"), "all is well\n");
}

#[test]
fn more_than_512_bytes_are_the_c_librarys() {
    assert_eq!(compiled("system"), "all is well\n");
}
