//! Pools: claimed, released, abandoned and adopted, by the words of their segments.
//!
//! Does not know: when memory is given back to the operating system.

pub(crate) mod adopt;
pub(crate) mod affine;
pub(crate) mod claim;
pub(crate) mod release;

use crate::above::Above;
use crate::purge::policy::Policy;
use crate::segments::Segments;

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pools<'heap> {
    pub(crate) segments: Segments<'heap>,
    pub(crate) policy: &'heap Policy,
    pub(crate) above: &'heap dyn Above,
}
