//! Finds the Strata checkout to build the benchmark binaries from, and which allocators it has.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Target};

use super::plan::Reach;
use super::preload::{self, LIBRARIES, Library};
use super::variants::{VARIANTS, Variant};

/// The package of workloads, and how its binaries are called.
pub(crate) const PACKAGE: &str = "strata-benches";
const PREFIX: &str = "bench-";

/// Compared unless one says otherwise, in this order; the first table has the first three.
const DEFAULT: [&str; 4] = ["strata", "mimalloc", "system", "gil"];
const FIRST: usize = 3;

/// A benchmark binary that can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allocator {
    /// What one types.
    pub(crate) name: String,
    /// The cargo features that it needs.
    pub(crate) features: Vec<String>,
    /// The library that makes the C library's binary its own.
    pub(crate) preload: Option<PathBuf>,
    /// How a binary is set up that another allocator has as it comes.
    pub(crate) variant: Option<&'static Variant>,
}

impl Allocator {
    pub(crate) fn binary(&self) -> String {
        let name = match (self.variant, &self.preload) {
            (Some(variant), _) => variant.of,
            (None, Some(_)) => preload::HOST,
            (None, None) => &self.name,
        };
        format!("{PREFIX}{name}")
    }
}

/// A checkout.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The default ones first.
    pub(crate) allocators: Vec<Allocator>,
}

impl Workspace {
    /// Opens the checkout at `given`, or searches for one: around the current directory, where cargo says that the command
    /// comes from, and around the command itself.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self> {
        let root = given.map_or_else(search, |path| Ok(path.to_path_buf()))?;
        let metadata = MetadataCommand::new()
            .current_dir(&root)
            .no_deps()
            .exec()
            .with_context(|| format!("cargo cannot read the workspace in {}", root.display()))?;
        let target = metadata.target_directory.clone().into();
        Ok(Self { allocators: allocators(&metadata, &root)?, target, root })
    }

    /// Those that were asked for by name, in the order asked; `all`; or the default ones. A library that is not installed is
    /// left out, with a word.
    pub(crate) fn choose(&self, names: &[String], reach: Reach) -> Result<Vec<Allocator>> {
        if names.iter().any(|name| name == "all") {
            return Ok(self.allocators.clone());
        }
        let count = if reach == Reach::First { FIRST } else { DEFAULT.len() };
        let default = || DEFAULT.iter().take(count).copied().map(str::to_owned).collect();
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

    /// An error if a workload is none of this checkout: before anything is built, so by their names in the source.
    pub(crate) fn check_workloads(&self, names: &[String]) -> Result<()> {
        let folder = self.root.join("benches/src/workloads");
        let mut known = Vec::new();
        names_in(&folder, &mut known).with_context(|| format!("reading {}", folder.display()))?;
        match names.iter().find(|name| !known.contains(name)) {
            Some(unknown) => bail!("no workload is called {unknown:?}; choose from {}", known.join(", ")),
            None => Ok(()),
        }
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

/// What follows `name: ` in quotes, in every file of a folder, but for nothing.
fn names_in(folder: &Path, known: &mut Vec<String>) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for path in entries.iter().map(std::fs::DirEntry::path) {
        if path.is_dir() {
            names_in(&path, known)?;
        } else {
            let text = std::fs::read_to_string(&path)?;
            let quoted = text.split("name: \"").skip(1).filter_map(|rest| rest.split('"').next());
            known.extend(quoted.filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
    Ok(())
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
    let variants: Vec<_> = VARIANTS.iter().filter_map(|variant| variant_of(&found, variant)).collect();
    found.extend(variants);
    found.push(own_library(metadata));
    found.extend(LIBRARIES.iter().filter_map(preloaded));
    found.sort_by_key(|allocator| (rank(&allocator.name), allocator.features.len(), allocator.name.clone()));
    Ok(found)
}

fn allocator(target: &Target) -> Option<Allocator> {
    let name = target.name.strip_prefix(PREFIX).filter(|_| target.is_bin())?;
    Some(Allocator {
        name: name.to_owned(),
        features: target.required_features.clone(),
        preload: None,
        variant: None,
    })
}

/// Where cargo will have built it by the time it runs.
fn own_library(metadata: &Metadata) -> Allocator {
    let file = metadata.target_directory.join("release").join(preload::OWN_FILE);
    Allocator {
        name: preload::OWN.to_owned(),
        features: Vec::new(),
        preload: Some(file.into()),
        variant: None,
    }
}

fn preloaded(library: &Library) -> Option<Allocator> {
    let preload = Some(library.installed()?);
    Some(Allocator { name: library.name.to_owned(), features: Vec::new(), preload, variant: None })
}

/// The allocator with other settings, if there is one to set.
fn variant_of(found: &[Allocator], variant: &'static Variant) -> Option<Allocator> {
    let as_it_comes = found.iter().find(|allocator| allocator.name == variant.of)?;
    Some(Allocator { name: variant.name.to_owned(), variant: Some(variant), ..as_it_comes.clone() })
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
            variant: None,
        };
        let mut allocators: Vec<Allocator> = DEFAULT.iter().map(|name| allocator(name, &[])).collect();
        allocators.push(allocator("jemalloc", &["jemalloc"]));
        Workspace { root: PathBuf::new(), target: PathBuf::new(), allocators }
    }

    fn chosen(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        workspace().choose(&names, Reach::Full).unwrap().into_iter().map(|allocator| allocator.name).collect()
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
        let tcmalloc =
            Allocator { name: "tcmalloc".to_owned(), features: Vec::new(), preload, variant: None };
        assert_eq!(tcmalloc.binary(), "bench-system");
    }

    #[test]
    fn a_workload_is_known_before_anything_is_built() {
        let workspace = Workspace::open(None).unwrap();
        let check = |name: &str| workspace.check_workloads(&[name.to_owned()]);
        for known in ["json", "replace_boxes_4k", "sleeping_threads", "order_service", "independent"] {
            check(known).unwrap();
        }
        assert!(check("jsn").unwrap_err().to_string().contains("json"));
    }

    #[test]
    fn a_first_table_has_three_columns() {
        assert_eq!(workspace().choose(&[], Reach::First).unwrap().len(), FIRST);
    }

    #[test]
    fn a_variant_runs_in_the_binary_of_what_it_is_a_variant_of() {
        let workspace = Workspace::open(None).unwrap();
        let variant = workspace.find("jemalloc-bg").unwrap();
        assert_eq!(
            (variant.binary(), &*variant.features),
            ("bench-jemalloc".to_owned(), &["jemalloc".to_owned()][..])
        );
    }

    #[test]
    fn an_unknown_name_gets_the_list() {
        let error = workspace().choose(&["hoard".to_owned()], Reach::Full).unwrap_err().to_string();
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
