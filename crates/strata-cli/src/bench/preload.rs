//! Allocators that are shared libraries: preloaded into the benchmark binary of the C library's malloc.
//!
//! They are called through `malloc` and `free`, as C programs call them: nothing is inlined, and sizes are not known at compile
//! time. So an allocator that has a binary of its own goes by another name here: `strata-so` beside `strata`.
//!
//! Does not know: cargo; what is built from source is in `workspace` and `build`.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};

/// The binary that they are preloaded into.
pub(crate) const HOST: &str = "system";

/// Strata's own, which is built from the checkout.
pub(crate) const OWN: &str = "strata-so";
/// Its package and its file.
pub(crate) const OWN_PACKAGE: &str = "strata-capi";
pub(crate) const OWN_FILE: &str = "libstrata.so";

/// A library that takes the place of malloc.
#[derive(Debug)]
pub(crate) struct Library {
    /// What one types.
    pub(crate) name: &'static str,
    file: &'static str,
    /// Where it comes from, for those who do not have it.
    from: &'static str,
}

/// Those of the system that are known.
pub(crate) const LIBRARIES: [Library; 5] = [
    Library { name: "tcmalloc", file: "libtcmalloc_minimal.so.4", from: "Debian's libtcmalloc-minimal4" },
    Library { name: "jemalloc-so", file: "libjemalloc.so.2", from: "Debian's libjemalloc2" },
    Library { name: "mimalloc-so", file: "libmimalloc.so.2", from: "Debian's libmimalloc2.0" },
    Library { name: "rpmalloc-so", file: "librpmallocwrap.so", from: "rpmalloc's own build" },
    Library { name: "snmalloc-so", file: "libsnmallocshim.so", from: "snmalloc's own build" },
];

impl Library {
    /// Its file, where the loader would search.
    pub(crate) fn installed(&self) -> Option<PathBuf> {
        let debian = format!("/usr/lib/{ARCH}-linux-gnu");
        [&debian, "/usr/lib64", "/usr/lib", "/usr/local/lib"]
            .iter()
            .find_map(|folder| self.file_in(Path::new(folder)))
    }

    fn file_in(&self, folder: &Path) -> Option<PathBuf> {
        Some(folder.join(self.file)).filter(|file| file.is_file())
    }

    /// A line for those who asked for it in vain.
    pub(crate) fn missing(&self) -> String {
        format!("{} is left out: no {} on this machine (it is in {})", self.name, self.file, self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_where_its_file_is() {
        let sh = Library { name: "sh", file: "sh", from: "dash" };
        assert_eq!(sh.file_in(Path::new("/bin")), Some(PathBuf::from("/bin/sh")));
        assert_eq!(sh.file_in(Path::new("/nowhere")), None);
    }

    #[test]
    fn who_asks_for_a_library_that_is_not_there_is_told_where_to_get_it() {
        let line = LIBRARIES[0].missing();
        assert!(line.contains("libtcmalloc_minimal.so.4") && line.contains("libtcmalloc-minimal4"), "{line}");
    }
}
