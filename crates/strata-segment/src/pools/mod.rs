//! Pools: claimed, released, abandoned and adopted, by the words of their segments.
//!
//! Does not know: when memory is given back to the operating system.

mod adopt;
pub(crate) mod claim;
pub(crate) mod release;

use crate::above::Above;
use crate::counters::ClassPools;
use crate::purge::policy::Policy;
use crate::segments::Segments;

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pools<'heap> {
    segments: Segments<'heap>,
    policy: &'heap Policy,
    class_pools: &'heap ClassPools,
    above: &'heap dyn Above,
}

impl<'heap> Pools<'heap> {
    #[inline]
    pub(crate) fn new(
        segments: Segments<'heap>,
        policy: &'heap Policy,
        class_pools: &'heap ClassPools,
        above: &'heap dyn Above,
    ) -> Self {
        Self { segments, policy, class_pools, above }
    }
}
