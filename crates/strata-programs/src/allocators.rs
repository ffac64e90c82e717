//! The allocators that are compared, each a shared library to preload.
//!
//! glibc is preloaded too: a program that was linked with another allocator (Debian's redis with jemalloc) then runs on
//! glibc's all the same, since the first library that has the name wins.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::install::{self, Package};
use super::place::Place;
use strata_harness::process::{cargo, succeed};

/// The one that this is all about.
pub(super) const STRATA: &str = "strata";
/// What a program gets that asks for nothing.
pub(super) const GLIBC: &str = "glibc";

/// An allocator that can be had.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) name: String,
    from: From,
}

#[derive(Debug, Clone)]
enum From {
    /// Built from this workspace.
    Here,
    /// The file of a package that starts so.
    Debian { package: Package, file: &'static str },
    /// A file that the user named.
    File(PathBuf),
}

/// An allocator whose library is there.
#[derive(Debug, Clone)]
pub(super) struct Allocator {
    pub(super) name: String,
    /// The library.
    pub(super) file: PathBuf,
    pub(super) version: String,
}

/// Those of Debian.
const PEERS: [(&str, Package, &str); 4] = [
    (GLIBC, &["libc6"], "libc.so.6"),
    ("mimalloc", &["libmimalloc2.0", "libmimalloc2.1", "libmimalloc3"], "libmimalloc.so."),
    ("jemalloc", &["libjemalloc2"], "libjemalloc.so."),
    ("tcmalloc", &["libtcmalloc-minimal4", "libtcmalloc-minimal4t64"], "libtcmalloc_minimal.so."),
];

/// Whether Strata is held against it: `NAME=FILE` is only shown.
pub(super) fn is_peer(name: &str) -> bool {
    PEERS.iter().any(|peer| peer.0 == name)
}

/// Strata first, then its peers, then what `NAME=FILE` adds.
pub(super) fn known(libraries: &[String]) -> Result<Vec<Offer>> {
    let mut known = vec![Offer { name: STRATA.to_owned(), from: From::Here }];
    known.extend(
        PEERS.map(|(name, package, file)| Offer {
            name: name.to_owned(),
            from: From::Debian { package, file },
        }),
    );
    for library in libraries {
        let (name, file) = library.split_once('=').context("--library wants NAME=FILE")?;
        known.retain(|offer| offer.name != name);
        let offer = Offer { name: name.to_owned(), from: From::File(file.into()) };
        let at = if name == STRATA { 0 } else { known.len() };
        known.insert(at, offer);
    }
    Ok(known)
}

/// Those that were asked for, or all.
pub(super) fn chosen(known: &[Offer], names: &[String]) -> Result<Vec<Offer>> {
    if names.is_empty() {
        return Ok(known.to_vec());
    }
    if let Some(name) = names.iter().find(|name| !known.iter().any(|offer| offer.name == **name)) {
        let names: Vec<&str> = known.iter().map(|offer| offer.name.as_str()).collect();
        bail!("no allocator is called {name:?}; choose from {}", names.join(", "));
    }
    Ok(known.iter().filter(|offer| names.contains(&offer.name)).cloned().collect())
}

/// What must be installed for them.
pub(super) fn packages(offers: &[Offer]) -> impl Iterator<Item = &Package> {
    offers.iter().filter_map(|offer| match &offer.from {
        From::Debian { package, .. } => Some(package),
        From::Here | From::File(_) => None,
    })
}

impl Offer {
    /// Finds its library, or builds it. What lies in a home directory is copied to where every user can read it.
    pub(super) fn find(&self, root: &Path, place: &Place) -> Result<Allocator> {
        let (file, version) = match &self.from {
            From::Here => (place.shared(&build(root)?, "libstrata.so")?, "this checkout".to_owned()),
            From::File(file) => (place.shared(file, &format!("lib{}.so", self.name))?, "a file".to_owned()),
            From::Debian { package, file } => {
                let version = install::installed(package).and_then(install::version).unwrap_or_default();
                (install::file(package, file)?, version)
            }
        };
        Ok(Allocator { name: self.name.clone(), file, version })
    }
}

fn build(root: &Path) -> Result<PathBuf> {
    succeed(cargo(root).args(["build", "--quiet", "--release", "--package", "strata-capi"]))?;
    Ok(root.join("target/release/libstrata.so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(offers: &[Offer]) -> Vec<&str> {
        offers.iter().map(|offer| offer.name.as_str()).collect()
    }

    #[test]
    fn strata_comes_first_and_a_library_comes_last_or_in_its_place() {
        let known = known(&["old=a.so".to_owned(), "strata=b.so".to_owned()]).unwrap();
        assert_eq!(names(&known), ["strata", "glibc", "mimalloc", "jemalloc", "tcmalloc", "old"]);
        assert!(matches!(&known[0].from, From::File(file) if file == Path::new("b.so")));
    }

    #[test]
    fn wishes_keep_the_order_of_the_table() {
        let known = known(&[]).unwrap();
        let wish = ["glibc", "strata"].map(str::to_owned);
        assert_eq!(names(&chosen(&known, &wish).unwrap()), ["strata", "glibc"]);
        assert!(chosen(&known, &["hoard".to_owned()]).is_err());
    }
}
