//! What is done near the limit of the container or of the process: free memory is given back, and caches are asked to flush.
//!
//! Asking for the limit takes a tenth of a millisecond; `policy/pressure` says how often it is worth that.
//!
//! Does not know: where limits come from; `strata-os` does.

use super::Purge;
use super::policy::Distance;
use strata_os::machine;

impl Purge<'_> {
    /// `bytes` more are about to be taken from the OS: near the limit, free memory is given back first.
    pub(crate) fn make_room(&self, bytes: usize) {
        if !self.policy.is_within_headroom(bytes as u64) {
            self.read_limit();
        }
    }

    #[cold]
    #[inline(never)]
    fn read_limit(&self) {
        if let Distance::Eager(_) = self.distance() {
            self.policy.request_flush();
            self.purge_all_for_more();
        }
    }

    /// Whether a pass should give back all that is free.
    pub(super) fn is_near_limit(&self) -> bool {
        let is_near = self.policy.is_worth_asking() && matches!(self.distance(), Distance::Eager(_));
        if is_near {
            self.policy.request_flush();
        }
        is_near
    }

    fn distance(&self) -> Distance {
        self.policy.note_budget(machine::memory_budget())
    }
}
