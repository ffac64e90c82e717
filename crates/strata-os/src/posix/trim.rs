//! An alignment that the kernel does not give: `align - page` more are asked for, and both ends cut off.
//!
//! ```text
//!   whole ─►├─ head ─┼────────── size ──────────┼─ tail ─┤       head + tail = align - page
//!                    ├─ front ─▲ multiple of align
//! ```
//!
//! Does not know: how addresses are taken, and for what.

use crate::call;
use crate::counters::Call;
use crate::system::kernel;
use core::ptr::NonNull;

/// `size` bytes, those behind `front` at a multiple of `align`, all whole pages of `page_bytes`, cut out of what `map` gives.
///
/// `map` answers with fresh addresses, as many bytes as it is asked for.
#[cold]
pub(crate) fn aligned_by_trimming(
    size: usize,
    align: usize,
    front: usize,
    page_bytes: usize,
    map: impl FnOnce(usize) -> Option<NonNull<u8>>,
) -> Option<NonNull<u8>> {
    let slack = align.saturating_sub(page_bytes);
    let whole = map(size.checked_add(slack)?)?;
    let head = head_bytes(whole, align, front);
    // SAFETY: `head <= slack`, as both are whole pages, so `start` lies in the mapping.
    let start = unsafe { whole.byte_add(head) };
    // SAFETY: `head + size <= slack + size`, the end of the mapping.
    let end = unsafe { start.byte_add(size) };
    for (ptr, size) in [(whole, head), (end, slack - head)] {
        if size != 0 {
            // An end that the kernel refuses to take back is untouched: it costs addresses only.
            // SAFETY: an end of the fresh mapping, which is not shared yet.
            let _ = unsafe { unmap(ptr, size) };
        }
    }
    Some(start)
}

/// Whether what lies `front` bytes behind `ptr` is at a multiple of `align`, a power of two.
pub(crate) fn is_aligned_behind(front: usize, ptr: NonNull<u8>, align: usize) -> bool {
    head_bytes(ptr, align, front) == 0
}

/// Addresses go back; the kernel refuses where a hole would be one mapping too many.
///
/// # Safety
/// - As for [`crate::memory::release`].
pub(crate) unsafe fn unmap(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3, and the range is not used any more.
    call::is_done(Call::Unmap, || unsafe { kernel::munmap(ptr, size) })
}

/// The bytes from `ptr` to where a range whose rest behind `front` is at a multiple of `align`, a power of two, begins next.
fn head_bytes(ptr: NonNull<u8>, align: usize, front: usize) -> usize {
    ptr.addr().get().wrapping_add(front).wrapping_neg() & (align - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::memory::{map, page_size, release};

    const MIB: usize = 1 << 20;

    fn trimmed(size: usize, align: usize) -> Option<NonNull<u8>> {
        aligned_by_trimming(size, align, 0, page_size(), |size| map(size, page_size()))
    }

    #[test]
    fn the_head_ends_at_the_next_multiple() {
        for align in [1_usize, 2, 4, 64] {
            for address in 1..300_usize {
                let ptr = NonNull::new(core::ptr::without_provenance_mut(address)).unwrap();
                for front in [0, align / 2] {
                    let head = head_bytes(ptr, align, front);
                    assert!(head < align);
                    assert_eq!((address + head + front) % align, 0);
                }
            }
        }
    }

    #[test]
    fn trimming_leaves_the_whole_size_usable_at_the_alignment() {
        let page = page_size();
        for align in [page, 64 << 10, 4 * MIB, 64 * MIB] {
            for size in [page, 3 * page, 4 * MIB] {
                let ptr = trimmed(size, align).unwrap();
                assert!(is_aligned_behind(0, ptr, align));
                for offset in [0, size - 1] {
                    // SAFETY: within the mapping.
                    let place = unsafe { ptr.byte_add(offset) };
                    // SAFETY: within the mapping.
                    unsafe { place.write(1) };
                }
                // SAFETY: mapped above.
                assert!(unsafe { release(ptr, size) });
            }
        }
    }

    #[test]
    fn what_is_longer_than_all_addresses_is_refused() {
        assert_eq!(trimmed(usize::MAX & !(page_size() - 1), 4 * MIB), None);
    }
}
