//! Files that will be written at the end, tried at the start: an hour's numbers are not lost to a folder that is not there.

use std::fs::{self, OpenOptions};
use std::path::Path;

use anyhow::{Context, Result};

/// Whether a file can be written; one that is there stays as it is, one that is not is not left behind.
///
/// # Errors
/// If it cannot.
pub fn file(path: &Path) -> Result<()> {
    let was_there = path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.with_context(|| format!("{} cannot be written", path.display()))?;
    if !was_there {
        fs::remove_file(path).with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    Ok(())
}

/// Whether files can be written into a folder, which is made.
///
/// # Errors
/// If it is none, or cannot be made, or cannot be written to.
pub fn folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("the folder {} cannot be made", path.display()))?;
    file(&path.join(".strata-harness"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_refused_and_one_that_can_is_not_left() {
        let folder_of_ours = std::env::temp_dir().join(format!("strata-harness-{}", std::process::id()));
        folder(&folder_of_ours.join("a/b")).unwrap();
        let path = folder_of_ours.join("c.json");
        file(&path).unwrap();
        assert!(!path.exists());
        fs::write(&path, "kept").unwrap();
        file(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        assert!(file(&path.join("d")).unwrap_err().to_string().contains("cannot be written"));
        assert!(folder(&path).is_err());
        fs::remove_dir_all(folder_of_ours).unwrap();
    }
}
