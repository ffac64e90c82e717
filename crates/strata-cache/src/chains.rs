//! Blocks of several pools sorted into chains, one a pool, in one pass.
//!
//! ```text
//!   block ─► of the current pool? in front of its chain
//!             │ no: that chain is stored
//!             └──pool mod 64──► the last chain of such pools: this pool's? goes on · another's? a new chain
//!   places   chain 0, chain 1, chain 2 …            in the order in which they began
//! ```
//!
//! Neighbouring pools never collide; of those that do, a chain may be split in two. So are blocks from several pools of a span, of which
//! few are ready at a time.
//!
//! Does not know: where chains go. Idea: remote caches (Liétar et al. 2019, snmalloc).

use crate::magazine::DEPTH;
use core::mem::MaybeUninit;
use strata_core::address::UserPtr;
use strata_core::block::{BlockPtr, Chain};
use strata_core::layout::POOL_SHIFT;
use strata_core::pool::Pool;
use strata_core::sync::mutation::{BLOCKS_LEAD_TO_THE_FIRST, FLUSH_SORTS};

/// Pools that are told apart at once; in models one, so that they collide.
const REMAINDERS: usize = if cfg!(strata_loom) { 1 } else { 64 };

/// Sorts blocks of one magazine, and calls `each` with each chain and its pool.
///
/// By reference: a copy would read in one piece what was written in two just before. The processor cannot forward that, so it waits
/// until all stores are done, among them those of links into cold blocks (half of a flush's time, decision 0026).
///
/// # Safety
/// - The blocks are of pools, and the caller's.
#[inline]
pub(crate) unsafe fn sort(
    mut blocks: impl Iterator<Item = BlockPtr>,
    mut each: impl FnMut(&'static Pool, &Chain),
) {
    let Some(first) = blocks.next() else { return };
    let mut chains = Chains::new();
    let (mut number, mut chain) = (number_of(first), Chain::of(first));
    let mut place = chains.begin(number);
    for block in blocks {
        if number_of(block) != number && FLUSH_SORTS {
            chains.put(place, chain);
            number = number_of(block);
            if let Some(found) = chains.find(number) {
                (place, chain) = found;
            } else {
                (place, chain) = (chains.begin(number), Chain::of(block));
                continue;
            }
        }
        // SAFETY: the caller's block, of the same pool.
        unsafe { chain.prepend(block) };
    }
    chains.put(place, chain);
    for chain in chains.begun() {
        // SAFETY: blocks of pools, by this function's contract.
        each(unsafe { pool_of(chain.head) }, chain);
    }
}

/// Chains in the order in which they began.
struct Chains {
    begun: usize,
    chains: [MaybeUninit<Chain>; DEPTH],
    /// The place of the last chain of the pools that share a remainder.
    lasts: [u8; REMAINDERS],
}

impl Chains {
    #[inline(always)]
    fn new() -> Self {
        Self { begun: 0, chains: [const { MaybeUninit::uninit() }; DEPTH], lasts: [0; REMAINDERS] }
    }

    /// The place of a new chain, of this pool.
    #[inline(always)]
    fn begin(&mut self, number: usize) -> usize {
        let place = self.begun;
        self.lasts[number % REMAINDERS] = place as u8;
        self.begun += 1;
        place
    }

    #[inline(always)]
    fn put(&mut self, place: usize, chain: Chain) {
        self.chains[place].write(chain);
    }

    /// The chain of this pool that was begun before, with its place.
    #[inline(always)]
    fn find(&self, number: usize) -> Option<(usize, Chain)> {
        let place = usize::from(self.lasts[number % REMAINDERS]);
        // SAFETY: each chain that was begun was stored when another became the current one; `lasts` starts with the first.
        let chain = unsafe { self.chains[place].assume_init() };
        (number_of(chain.head) == number).then_some((place, chain))
    }

    /// All of them.
    #[inline(always)]
    fn begun(&self) -> impl Iterator<Item = &Chain> {
        // SAFETY: these were put.
        self.chains.iter().take(self.begun).map(|chain| unsafe { chain.assume_init_ref() })
    }
}

/// Which pool a block is of.
#[inline(always)]
fn number_of(block: BlockPtr) -> usize {
    block.as_non_null().addr().get() >> POOL_SHIFT
}

/// The pool of a block; the first of its span, if it is of one.
///
/// # Safety
/// - The block is of a pool.
#[inline]
pub(crate) unsafe fn pool_of(block: BlockPtr) -> &'static Pool {
    // SAFETY: a block of a pool, by this function's contract.
    let pool = unsafe { UserPtr::new(block.as_non_null()).pool() };
    if BLOCKS_LEAD_TO_THE_FIRST { pool.first() } else { pool }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::scene::{new, runtime};
    use std::collections::BTreeMap;
    use std::vec::Vec;
    use strata_core::size_class::SizeClass;

    #[test]
    fn every_block_is_in_one_chain_of_its_pool_however_pools_alternate() {
        let cache = runtime().enter().unwrap();
        let class = SizeClass::of(2048);
        let all: Vec<_> =
            (0..32 * 5).map(|_| new(cache, class).as_non_null()).map(BlockPtr::from_address).collect();
        for step in [1, 2, 31, 32, 33, 37, 64] {
            let blocks: Vec<_> = (0..DEPTH).map(|index| all[index * step % all.len()]).collect();
            let blocks: BTreeMap<_, _> = blocks.iter().map(|block| (block.as_link(), *block)).collect();
            let mut seen = Vec::new();
            let see = |pool: &'static Pool, chain: &Chain| {
                let mut block = chain.head;
                for left in (0..chain.count).rev() {
                    // SAFETY: a block of a pool.
                    assert!(core::ptr::eq(unsafe { pool_of(block) }, pool));
                    seen.push(block.as_link());
                    if left != 0 {
                        // SAFETY: the test's own blocks, linked.
                        block = BlockPtr::from_link(unsafe { block.next() }).unwrap();
                    }
                }
                assert_eq!(block, chain.tail);
            };
            // SAFETY: the test's own blocks.
            unsafe { sort(blocks.values().copied(), see) };
            seen.sort_unstable();
            assert_eq!(seen, blocks.keys().copied().collect::<Vec<_>>(), "step {step}");
        }
    }
}
