//! What can be typed after `strata`: one file for each verb.

pub(crate) mod bench;
