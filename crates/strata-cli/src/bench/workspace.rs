//! Finds the Strata checkout to build the benchmark binaries from, and which allocators it has.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Target};

use super::preload::{self, LIBRARIES, Library};

/// The package of workloads, and how its binaries are called.
pub(crate) const PACKAGE: &str = "strata-benches";
const PREFIX: &str = "bench-";

/// Compared unless one says otherwise, in this order.
const DEFAULT: [&str; 4] = ["strata", "mimalloc", "system", "gil"];

/// A benchmark binary that can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allocator {
    /// What one types.
    pub(crate) name: String,
    /// The cargo features that it needs.
    pub(crate) features: Vec<String>,
    /// The library that makes the C library's binary its own.
    pub(crate) preload: Option<PathBuf>,
}

impl Allocator {
    pub(crate) fn binary(&self) -> String {
        let name = if self.preload.is_some() { preload::HOST } else { &self.name };
        format!("{PREFIX}{name}")
    }
}

/// A checkout.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// The default ones first.
    pub(crate) allocators: Vec<Allocator>,
}

impl Workspace {
    /// Opens the checkout at `given`, or looks for one: around the current directory, where cargo says that the command
    /// comes from, and around the command itself.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self> {
        let root = given.map_or_else(search, |path| Ok(path.to_path_buf()))?;
        let metadata = MetadataCommand::new()
            .current_dir(&root)
            .no_deps()
            .exec()
            .with_context(|| format!("cargo cannot read the workspace in {}", root.display()))?;
        Ok(Self { allocators: allocators(&metadata, &root)?, root })
    }

    /// Those that were asked for by name, in the order asked; `all`; or the default ones. A library that is not installed is
    /// left out, with a word.
    pub(crate) fn choose(&self, names: &[String]) -> Result<Vec<Allocator>> {
        if names.iter().any(|name| name == "all") {
            return Ok(self.allocators.clone());
        }
        let default = || DEFAULT.map(str::to_owned).to_vec();
        let names = if names.is_empty() { default() } else { names.to_vec() };
        let mut chosen: Vec<Allocator> = Vec::new();
        for name in &names {
            if let Some(library) = self.missing(name) {
                eprintln!("{}", library.missing());
                continue;
            }
            let allocator = self.find(name)?;
            if !chosen.contains(allocator) {
                chosen.push(allocator.clone());
            }
        }
        Ok(chosen)
    }

    /// The library of this name, if it is one that this machine does not have.
    fn missing(&self, name: &str) -> Option<&'static Library> {
        let library = LIBRARIES.iter().find(|library| library.name == name)?;
        self.allocators.iter().all(|allocator| allocator.name != name).then_some(library)
    }

    fn find(&self, name: &str) -> Result<&Allocator> {
        self.allocators.iter().find(|allocator| allocator.name == name).with_context(|| {
            let names: Vec<_> = self.allocators.iter().map(|allocator| allocator.name.as_str()).collect();
            format!("no allocator is called {name:?}; choose from {} or `all`", names.join(", "))
        })
    }
}

fn search() -> Result<PathBuf> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let starts = [env::current_dir().ok(), manifest, env::current_exe().ok()];
    let found = starts.iter().flatten().flat_map(|start| start.ancestors()).find(|path| is_checkout(path));
    match found {
        Some(root) => Ok(root.to_path_buf()),
        None => bail!(
            "no Strata checkout here: the benchmarks are built from its source. \
             Run `strata bench` inside a checkout, or give --workspace DIR"
        ),
    }
}

fn is_checkout(path: &Path) -> bool {
    path.join("benches/src/workloads").is_dir() && path.join("Cargo.toml").is_file()
}

fn allocators(metadata: &Metadata, root: &Path) -> Result<Vec<Allocator>> {
    let package = metadata.packages.iter().find(|package| package.name.as_str() == PACKAGE);
    let Some(package) = package else {
        bail!("{} has no package {PACKAGE}: is it a checkout of Strata?", root.display());
    };
    let mut found: Vec<Allocator> = package.targets.iter().filter_map(allocator).collect();
    found.push(own_library(metadata));
    found.extend(LIBRARIES.iter().filter_map(preloaded));
    found.sort_by_key(|allocator| (rank(&allocator.name), allocator.features.len(), allocator.name.clone()));
    Ok(found)
}

fn allocator(target: &Target) -> Option<Allocator> {
    let name = target.name.strip_prefix(PREFIX).filter(|_| target.is_bin())?;
    Some(Allocator { name: name.to_owned(), features: target.required_features.clone(), preload: None })
}

/// Where cargo will have built it by the time it runs.
fn own_library(metadata: &Metadata) -> Allocator {
    let file = metadata.target_directory.join("release").join(preload::OWN_FILE);
    Allocator { name: preload::OWN.to_owned(), features: Vec::new(), preload: Some(file.into()) }
}

fn preloaded(library: &Library) -> Option<Allocator> {
    let preload = Some(library.installed()?);
    Some(Allocator { name: library.name.to_owned(), features: Vec::new(), preload })
}

fn rank(name: &str) -> usize {
    DEFAULT.iter().position(|default| *default == name).unwrap_or(DEFAULT.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        let allocator = |name: &str, features: &[&str]| Allocator {
            name: name.to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            preload: None,
        };
        let mut allocators: Vec<Allocator> = DEFAULT.iter().map(|name| allocator(name, &[])).collect();
        allocators.push(allocator("jemalloc", &["jemalloc"]));
        Workspace { root: PathBuf::new(), allocators }
    }

    fn chosen(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        workspace().choose(&names).unwrap().into_iter().map(|allocator| allocator.name).collect()
    }

    #[test]
    fn without_a_wish_the_four_default_ones_run() {
        assert_eq!(chosen(&[]), DEFAULT);
    }

    #[test]
    fn wishes_keep_their_order_and_count_once() {
        assert_eq!(chosen(&["jemalloc", "strata", "jemalloc"]), ["jemalloc", "strata"]);
        assert_eq!(chosen(&["all"]).len(), 5);
    }

    #[test]
    fn a_library_that_is_not_installed_is_left_out() {
        assert_eq!(chosen(&["tcmalloc", "strata"]), ["strata"]);
    }

    #[test]
    fn a_library_runs_in_the_binary_of_the_c_library() {
        let preload = Some(PathBuf::from("/lib/libtcmalloc_minimal.so.4"));
        let tcmalloc = Allocator { name: "tcmalloc".to_owned(), features: Vec::new(), preload };
        assert_eq!(tcmalloc.binary(), "bench-system");
    }

    #[test]
    fn an_unknown_name_gets_the_list() {
        let error = workspace().choose(&["hoard".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("strata, mimalloc, system, gil, jemalloc or `all`"), "{error}");
    }

    #[test]
    fn this_checkout_is_found_and_has_the_default_ones() {
        let workspace = Workspace::open(None).unwrap();
        assert_eq!(
            workspace.allocators.iter().take(4).map(|one| one.name.as_str()).collect::<Vec<_>>(),
            DEFAULT
        );
        let own = workspace.find(preload::OWN).unwrap();
        assert_eq!(own.binary(), "bench-system");
        assert!(own.preload.as_ref().unwrap().ends_with("release/libstrata.so"));
    }
}
