//! Inspecting a process or a core file: how its memory is read, and what is said when it cannot be.

mod build_id;
pub(crate) mod cells;
pub(crate) mod code;
pub(crate) mod core_file;
pub(crate) mod moment;
pub(crate) mod pagemap;
pub(crate) mod process;
pub(crate) mod reading;
pub(crate) mod recorder;
pub(crate) mod refusal;
pub(crate) mod snapshot;

use strata_inspect::{Found, Heap, Target};

/// The allocators in a target, at least one; if there is none, the version of one that this command cannot read.
fn heaps_in<T: Target>(target: &T) -> Result<Vec<Heap<'_, T>>, Option<u32>> {
    let (mut heaps, mut other) = (Vec::new(), None);
    Heap::find(target, &mut |found| match found {
        Found::Heap(heap) => heaps.push(heap),
        Found::OtherVersion(version) => other = Some(version),
    });
    if heaps.is_empty() { Err(other) } else { Ok(heaps) }
}
