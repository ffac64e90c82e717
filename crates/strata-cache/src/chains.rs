//! Blocks of several pools sorted into chains, one a pool, in one pass.
//!
//! ```text
//!   block ─► of the pool at hand? in front of its chain
//!             │ no: that chain steps aside
//!             └──pool mod 32──► place: the same pool's chain? goes on · another's? that one is given first · empty? a new chain
//! ```
//!
//! Neighbouring pools have places of their own; of those that share one, a chain may go in two parts.
//!
//! Does not know: where chains go. Idea: remote caches (Liétar et al. 2019, snmalloc).

use core::mem::MaybeUninit;
use strata_core::address::UserPtr;
use strata_core::block::{BlockPtr, Chain};
use strata_core::layout::POOL_SHIFT;
use strata_core::pool::Pool;
use strata_core::sync::mutation::FLUSH_SORTS;

/// Chains that wait aside; in models one, so that pools come into each other's way.
const PLACES: usize = if cfg!(strata_loom) { 1 } else { 32 };

/// Sorts blocks, and gives `each` chain with its pool.
///
/// # Safety
/// - The blocks are of pools, and the caller's.
#[inline]
pub(crate) unsafe fn sort(
    mut blocks: impl Iterator<Item = BlockPtr>,
    mut each: impl FnMut(&'static Pool, Chain),
) {
    let Some(first) = blocks.next() else { return };
    let (mut number, mut chain) = (number_of(first), Chain::of(first));
    let mut aside = Aside::new();
    for block in blocks {
        if number_of(block) != number && FLUSH_SORTS {
            // SAFETY: the caller's promise.
            let mut give = |other: Chain| each(unsafe { pool_of(other.head) }, other);
            aside.put(chain).into_iter().for_each(&mut give);
            number = number_of(block);
            match aside.take(number) {
                Some(waited) => chain = waited,
                None => {
                    chain = Chain::of(block);
                    continue;
                }
            }
        }
        // SAFETY: the caller's block, of the same pool.
        unsafe { chain.prepend(block) };
    }
    // SAFETY: the caller's promise.
    each(unsafe { pool_of(chain.head) }, chain);
    while let Some(chain) = aside.take_any() {
        // SAFETY: the caller's promise.
        each(unsafe { pool_of(chain.head) }, chain);
    }
}

/// Chains that wait until another block of their pool comes, or all have come.
struct Aside {
    /// Places that hold a chain.
    used: u32,
    chains: [MaybeUninit<Chain>; PLACES],
}

impl Aside {
    fn new() -> Self {
        Self { used: 0, chains: [const { MaybeUninit::uninit() }; PLACES] }
    }

    /// The chain at a place.
    fn at(&self, place: usize) -> Option<Chain> {
        let chain = self.chains.get(place)?;
        // SAFETY: what is used was written.
        (self.used >> place & 1 == 1).then(|| unsafe { chain.assume_init() })
    }

    /// Puts a chain into the place of its pool; that of another pool, which was there, comes out.
    fn put(&mut self, chain: Chain) -> Option<Chain> {
        let place = number_of(chain.head) % PLACES;
        let other = self.at(place);
        self.used |= 1 << place;
        self.chains[place].write(chain);
        other
    }

    /// Takes out the chain of a pool, if it waits.
    fn take(&mut self, number: usize) -> Option<Chain> {
        let place = number % PLACES;
        let chain = self.at(place).filter(|chain| number_of(chain.head) == number)?;
        self.used &= !(1 << place);
        Some(chain)
    }

    /// Takes out one of those that are left.
    fn take_any(&mut self) -> Option<Chain> {
        let place = self.used.trailing_zeros() as usize;
        let chain = self.at(place)?;
        self.used &= !(1 << place);
        Some(chain)
    }
}

/// Which pool a block is of.
#[inline(always)]
fn number_of(block: BlockPtr) -> usize {
    block.as_non_null().addr().get() >> POOL_SHIFT
}

/// The pool of a block.
///
/// # Safety
/// - The block is of a pool.
#[inline]
pub(crate) unsafe fn pool_of(block: BlockPtr) -> &'static Pool {
    // SAFETY: the caller's promise.
    unsafe { UserPtr::new(block.as_non_null()).pool() }
}
