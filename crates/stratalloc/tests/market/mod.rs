//! Where blocks wait for another thread to free them.

use crate::patterned::Patterned;
use crate::spin::SpinLock;

pub(crate) type Market = SpinLock<Vec<Patterned>>;

/// Frees what was left.
pub(crate) fn close(market: &Market) {
    market.with(std::mem::take).into_iter().for_each(Patterned::free);
}
