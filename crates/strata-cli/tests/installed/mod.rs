//! The command beside a finished library, as `cargo build --release` leaves the two.
//!
//! Does not know: what is run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder with the command and the library.
pub(crate) fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // The same place as that of strata-capi's tests, so that it is built once.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--release", "--package", "strata-capi", "--target-dir"]);
        assert!(build.arg(&target).status().unwrap().success(), "the library does not build");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installed");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(target.join("release/libstrata.so"), folder.join("libstrata.so")).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_strata"), folder.join("strata")).unwrap();
        folder
    })
}
