//! Where the workspace is, and the text files in it.
//!
//! Does not know: what any chore wants from them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, Package};
use ignore::WalkBuilder;

use crate::source::Source;

/// The workspace's folder: the parent of this package's.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The members, as cargo knows them.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec();
    Ok(metadata.context("asking cargo for the crates")?.packages)
}

/// The files of the workspace that the rules check.
#[derive(Default)]
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) files: Vec<Source>,
}

impl Tree {
    /// Every text file below `root` that git would not ignore.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let not_made = |entry: &ignore::DirEntry| {
            entry.depth() != 1 || !matches!(entry.file_name().to_str(), Some(".git" | "target"))
        };
        // An unpacked archive has no `.git`, and its `.gitignore` counts all the same.
        let walk = WalkBuilder::new(root)
            .hidden(false)
            .parents(false)
            .require_git(false)
            .filter_entry(not_made)
            .build();
        for entry in walk {
            let entry = entry.context("walking the workspace")?;
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            // A file that vanishes meanwhile, or that is no text, is no source.
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
                files.push(Source::new(path.to_string_lossy().replace('\\', "/"), text));
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A tree of what a test says, as (path, text).
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| Source::new(*path, *text)).collect() }
    }

    /// The file at exactly this path.
    pub(crate) fn get(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files whose path starts with one of `folders`.
    pub(crate) fn rust_below<'a>(&'a self, folders: &'a [&str]) -> impl Iterator<Item = &'a Source> {
        self.files
            .iter()
            .filter(move |f| f.is_rust() && folders.iter().any(|folder| f.path.starts_with(folder)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_holds_this_file_and_nothing_that_git_ignores() {
        let tree = Tree::load(&root()).expect("the workspace can be read");
        assert!(tree.get("xtask/src/workspace.rs").is_some());
        let is_made = |path: &str| path.starts_with("target/") || path.starts_with(".git/");
        assert!(!tree.files.iter().any(|file| is_made(&file.path)));
    }
}
