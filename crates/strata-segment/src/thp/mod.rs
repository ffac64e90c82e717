//! Transparent huge pages: which memory is asked for in them, on what evidence.
//!
//! Does not know: what the memory is for.

pub(crate) mod evidence;
pub(crate) mod growth;
pub(crate) mod knowledge;
pub(crate) mod pages;

use crate::segments::Segments;
use crate::tuning::Tuning;
use knowledge::ThpPolicy;

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thp<'heap> {
    tuning: &'heap Tuning,
    knowledge: &'heap ThpPolicy,
    segments: Segments<'heap>,
}

impl<'heap> Thp<'heap> {
    #[inline]
    pub(crate) fn new(tuning: &'heap Tuning, knowledge: &'heap ThpPolicy, segments: Segments<'heap>) -> Self {
        Self { tuning, knowledge, segments }
    }
}
