//! In place of flame graphs, in a command that is built without them: which feature has them.
//!
//! Does not know: what a flame graph is.

use anyhow::{Result, bail};
use strata_profile::{Names, Profile};

/// An error.
pub(super) fn write(_: &Profile, _: &mut dyn Names) -> Result<Vec<u8>> {
    bail!(
        "this command is built without flame graphs: build it with `--features flame-graphs`, or write .folded"
    )
}

/// An error.
pub(super) fn change(_: &Profile, after: &Profile, names: &mut dyn Names) -> Result<Vec<u8>> {
    write(after, names)
}
