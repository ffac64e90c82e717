//! Pools: claimed, given back, left with live blocks and taken over, along the words of their segments.
//!
//! Does not know: when memory goes back to the operating system.

pub(crate) mod adopt;
pub(crate) mod affine;
pub(crate) mod claim;
pub(crate) mod release;

use crate::above::Above;
use crate::purge::policy::Policy;
use crate::segments::Segments;

/// The room, as far as it reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pools<'heap> {
    pub(crate) segments: Segments<'heap>,
    pub(crate) policy: &'heap Policy,
    pub(crate) above: &'heap dyn Above,
}
