//! No thread that the C library does not know of.

use crate::kernel_thread::Refusal;
pub use crate::lifecycle::abort;
use core::ffi::CStr;

/// Whether there can be one here.
pub const IS_THERE: bool = false;

/// A berth that stays empty.
#[derive(Debug, Default)]
pub struct Berth;

impl Berth {
    /// An empty one.
    pub const fn new() -> Self {
        Self
    }

    /// None.
    pub fn generation(&self) -> u64 {
        0
    }

    /// Never.
    pub fn is_occupied(&self) -> bool {
        false
    }

    /// Never.
    pub fn is_here(&self) -> bool {
        false
    }

    /// Never.
    pub fn is_apart(&self) -> bool {
        false
    }

    /// Does nothing.
    ///
    /// # Safety
    /// - None.
    pub unsafe fn introduce(&self, _body: extern "C" fn(), _name: &'static CStr) {}

    /// Never.
    pub fn can_start(&self) -> bool {
        false
    }

    /// Starts nothing.
    ///
    /// # Safety
    /// - None.
    pub unsafe fn start(&self) -> Result<(), Refusal> {
        Err(Refusal::Refused)
    }

    /// Returns at once.
    pub fn wait_until_empty(&self, _milliseconds: Option<u64>) {}

    /// Does nothing.
    ///
    /// # Safety
    /// - None.
    pub unsafe fn give_stack_back(&self) {}
}
