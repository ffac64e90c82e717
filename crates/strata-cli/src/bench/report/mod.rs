//! `--report`: one self-contained HTML page with the tables and what tables cannot show.

mod bars;
mod chart;
mod latency;
mod page;
mod palette;
mod plot;
mod scaling;
mod story;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::results::Results;
pub(crate) use chart::write as write_chart;

/// Writes the page into `directory`, which is made if need be, and says where it is.
pub(crate) fn write(results: &Results, directory: &Path) -> Result<PathBuf> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let path = directory.join("index.html");
    let page = page::of(results)?.into_string();
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
