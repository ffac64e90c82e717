//! The first word of a free block.
//!
//! Under loom a link is a checked cell, larger than a word, so a chain whose links were not published by a Release is
//! *seen*; `BlockPtr::prepare` puts one there. In the shipped build a link is a plain pointer and `prepare` is nothing.
//!
//! Does not know: where the block lies.

use crate::layout::GRANULE_BYTES;
use crate::sync::OwnedPtr;
use core::ptr::NonNull;

/// The word that leads to the next free block.
#[repr(transparent)]
#[derive(Debug)]
pub struct Link {
    pub(super) next: OwnedPtr<Link>,
}

/// A block that is ours: free, or about to be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct BlockPtr(NonNull<Link>);

impl BlockPtr {
    /// The block at `address`.
    #[inline(always)]
    pub const fn from_address(address: NonNull<u8>) -> Self {
        Self(address.cast())
    }

    /// The block that a link led to.
    #[inline(always)]
    pub fn from_link(link: *mut Link) -> Option<Self> {
        NonNull::new(link).map(Self)
    }

    /// As what `next` of another block says.
    #[inline(always)]
    pub const fn as_link(self) -> *mut Link {
        self.0.as_ptr()
    }

    /// As what the program gets.
    #[inline(always)]
    pub const fn as_non_null(self) -> NonNull<u8> {
        self.0.cast()
    }

    /// Prefetches the block's first cache line, to be written soon.
    #[inline(always)]
    pub fn prefetch(self) {
        // SAFETY: a hint, which neither reads nor writes nor faults, whatever the address.
        #[cfg(all(target_arch = "x86_64", not(strata_loom)))]
        unsafe {
            core::arch::asm!("prefetchw [{}]", in(reg) self.0.as_ptr(), options(nostack, preserves_flags));
        }
        // SAFETY: a hint, which neither reads nor writes nor faults, whatever the address.
        #[cfg(all(target_arch = "aarch64", not(strata_loom)))]
        unsafe {
            core::arch::asm!("prfm pstl1keep, [{}]", in(reg) self.0.as_ptr(), options(nostack, preserves_flags));
        }
    }

    /// Reads the link.
    ///
    /// # Safety
    /// - The block is free and the caller's, and its link was set.
    #[inline(always)]
    pub unsafe fn next(self) -> *mut Link {
        // SAFETY: the block is mapped and no program writes to it, by this function's contract.
        unsafe { self.0.as_ref() }.next.get()
    }

    /// The last of `count` linked blocks, this one first. `None`: one of them is none that `is_block` takes for one.
    ///
    /// # Safety
    /// - The blocks are free and the caller's, and their links were set; memory of which `is_block` says so may be read.
    pub unsafe fn last_of(self, count: u32, is_block: impl Fn(Self) -> bool) -> Option<Self> {
        let mut last = self;
        for _ in 1..count {
            // SAFETY: free blocks of the caller's, with links, by this function's contract.
            last = Self::from_link(unsafe { last.next() }).filter(|next| is_block(*next))?;
        }
        Some(last)
    }

    /// Whether it lies where a block may begin: at a multiple of a granule.
    #[inline(always)]
    pub fn is_aligned(self) -> bool {
        self.0.addr().get().is_multiple_of(GRANULE_BYTES)
    }

    /// Writes the link.
    ///
    /// # Safety
    /// - The block is free and the caller's.
    #[inline(always)]
    pub unsafe fn set_next(self, next: *mut Link) {
        // SAFETY: a free block of the caller's, by this function's contract.
        unsafe { self.0.as_ref() }.next.set(next);
    }

    /// Makes never-used memory a block: nothing in the shipped build.
    ///
    /// # Safety
    /// - The memory is the caller's, mapped, and holds no link yet.
    #[inline(always)]
    pub unsafe fn prepare(self) {
        // SAFETY: mapped, and without a link yet, by this function's contract; a link is an owned pointer and nothing else (repr(transparent)).
        unsafe { OwnedPtr::prepare(self.0.as_ptr().cast::<OwnedPtr<Link>>()) };
    }
}
