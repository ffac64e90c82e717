//! Growing, cutting and moving a mapping together with its pages.
//!
//! ```text
//!  grow_in_place      ├── old ──┤ + ├ fresh ┤        only where nothing lies behind
//!  shrink_in_place    ├─ new ─┤ ├ given back ┤
//!  relocate           ├── old ──┤  ──►  ├── old's pages ──┼─ fresh ─┤   page tables move, bytes do not
//! ```
//!
//! Does not know: when moving pays (`stratalloc` does).

use super::kernel;
use super::machine::page_size;
use super::map::{map, release, reserve};
use crate::call;
use crate::counters::Call;
use core::ptr::{NonNull, null_mut};

/// # Safety
/// - As for [`crate::memory::grow_in_place`].
pub(crate) unsafe fn grow_in_place(ptr: NonNull<u8>, old: usize, new: usize) -> bool {
    // SAFETY: M3; without `MREMAP_MAYMOVE` the addresses stay, and only free ones are added (M1).
    call::address(Call::Remap, || unsafe { kernel::mremap(ptr, old, new, 0, null_mut()) }).is_some()
}

/// # Safety
/// - As for [`crate::memory::shrink_in_place`].
pub(crate) unsafe fn shrink_in_place(ptr: NonNull<u8>, old: usize, new: usize) -> bool {
    // SAFETY: `new < old`, so this is inside the range.
    let tail = unsafe { ptr.byte_add(new) };
    // SAFETY: the caller gives up the tail.
    unsafe { release(tail, old - new) }
}

/// # Safety
/// - As for [`crate::memory::relocate`].
pub(crate) unsafe fn relocate(ptr: NonNull<u8>, old: usize, new: usize, align: usize) -> Option<NonNull<u8>> {
    let target = reserve(new, align)?;
    if !may_grow_by(new - old) {
        // SAFETY: reserved a moment ago, and not shared yet.
        unsafe { release(target, new) };
        return None;
    }
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // On refusal the target is not given back. Kernels before 6.17 unmap it first and may fail after, so by now it may belong
    // to another thread; what is lost, if anything, is addresses without memory. Hence the question before.
    call::address(Call::Remap, || {
        // SAFETY: M3 for the old range; the target was reserved a moment ago, and not shared yet.
        unsafe { kernel::mremap(ptr, old, new, flags, target.as_ptr()) }
    })
}

/// Whether a limit lets the process have that many bytes more at this moment.
fn may_grow_by(bytes: usize) -> bool {
    let Some(probe) = (bytes != 0).then(|| map(bytes, page_size())) else { return true };
    probe
        .inspect(|probe| {
            // SAFETY: mapped a moment ago, and not shared yet.
            unsafe { release(*probe, bytes) };
        })
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn fill(ptr: NonNull<u8>, size: usize) {
        for offset in (0..size).step_by(page_size()) {
            // SAFETY: the caller mapped `size` bytes.
            let place = unsafe { ptr.byte_add(offset) };
            // SAFETY: the caller mapped `size` bytes.
            unsafe { place.write((offset / page_size()) as u8 | 1) };
        }
    }

    fn is_filled(ptr: NonNull<u8>, size: usize) -> bool {
        (0..size).step_by(page_size()).all(|offset| {
            // SAFETY: the caller mapped `size` bytes.
            let place = unsafe { ptr.byte_add(offset) };
            // SAFETY: the caller mapped `size` bytes, and `fill` wrote them.
            unsafe { place.read() == (offset / page_size()) as u8 | 1 }
        })
    }

    #[test]
    fn relocation_keeps_contents_and_alignment_and_adds_zeroes() {
        let ptr = map(2 * MIB, MIB).unwrap();
        fill(ptr, 2 * MIB);
        // SAFETY: mapped above.
        let moved = unsafe { relocate(ptr, 2 * MIB, 6 * MIB, 4 * MIB) }.unwrap();
        assert_ne!(moved, ptr);
        assert_eq!(moved.addr().get() % (4 * MIB), 0);
        assert!(is_filled(moved, 2 * MIB));
        // SAFETY: within the six.
        let fresh = unsafe { moved.byte_add(2 * MIB) };
        // SAFETY: within the six.
        assert_eq!(unsafe { fresh.read() }, 0);
        fill(moved, 6 * MIB);
        // SAFETY: ours.
        assert!(unsafe { release(moved, 6 * MIB) });
    }

    #[test]
    fn a_relocation_that_cannot_be_leaves_the_old_range() {
        let ptr = map(MIB, MIB).unwrap();
        fill(ptr, MIB);
        let absurd = (isize::MAX as usize) & !(page_size() - 1);
        // SAFETY: mapped above.
        assert_eq!(unsafe { relocate(ptr, MIB, absurd, MIB) }, None);
        assert!(is_filled(ptr, MIB));
        // SAFETY: ours.
        assert!(unsafe { release(ptr, MIB) });
    }

    #[test]
    fn nothing_grows_over_a_neighbour() {
        let ptr = map(2 * MIB, MIB).unwrap();
        // SAFETY: the second half of the mapping is the neighbour.
        assert!(!unsafe { grow_in_place(ptr, MIB, 2 * MIB) });
        // SAFETY: ours.
        assert!(unsafe { release(ptr, 2 * MIB) });
    }

    #[test]
    fn what_was_cut_off_can_be_grown_again_and_is_zero() {
        // Another test may take the gap meanwhile, so growing may fail here.
        let ptr = map(4 * MIB, MIB).unwrap();
        fill(ptr, 4 * MIB);
        // SAFETY: ours.
        assert!(unsafe { shrink_in_place(ptr, 4 * MIB, MIB) });
        // SAFETY: ours.
        let grown = unsafe { grow_in_place(ptr, MIB, 2 * MIB) };
        assert!(is_filled(ptr, MIB));
        if grown {
            // SAFETY: grown.
            let fresh = unsafe { ptr.byte_add(MIB) };
            // SAFETY: grown.
            assert_eq!(unsafe { fresh.read() }, 0);
        }
        // SAFETY: ours.
        assert!(unsafe { release(ptr, if grown { 2 * MIB } else { MIB }) });
    }
}
