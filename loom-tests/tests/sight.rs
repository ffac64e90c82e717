//! What the models can see: small races with known outcomes, all of which must be played.
//!
//! loom alone misses the first of these (see `strata-core/src/sync/model/readers.rs`).
#![cfg(strata_loom)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use strata_core::arena::PoolBits;
use strata_core::sync::Ordering::{Acquire, Relaxed, Release, SeqCst};
use strata_core::sync::{AtomicU64, fence};
use strata_loom_tests::{join, model, spawn};

type Pair = (u64, u64);

/// All outcomes that the executions of a model have.
fn outcomes(name: &str, execution: impl Fn() -> Pair + Sync + Send + 'static) -> BTreeSet<Pair> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&seen);
    model(name, None, move || {
        let outcome = execution();
        noted.lock().unwrap_or_else(PoisonError::into_inner).insert(outcome);
    });
    let outcomes = seen.lock().unwrap_or_else(PoisonError::into_inner);
    outcomes.clone()
}

fn words() -> Arc<(AtomicU64, AtomicU64)> {
    Arc::new((AtomicU64::new(0), AtomicU64::new(0)))
}

#[test]
fn a_load_before_its_own_exchange_hides_no_other_load() {
    let seen = outcomes("a_load_before_its_own_exchange_hides_no_other_load", || {
        let here = words();
        let there = Arc::clone(&here);
        let other = spawn(move || {
            let seen = there.0.load(Relaxed);
            there.0.compare_exchange(seen, seen + 1, Relaxed, Relaxed).is_ok()
        });
        let seen = here.0.load(Relaxed);
        (seen, u64::from(join(other)))
    });
    assert_eq!(seen, BTreeSet::from([(0, 1), (1, 1)]));
}

#[test]
fn stores_may_be_seen_late() {
    let seen = outcomes("stores_may_be_seen_late", || {
        let here = words();
        let there = Arc::clone(&here);
        let other = spawn(move || {
            there.0.store(1, Relaxed);
            there.1.load(Relaxed)
        });
        here.1.store(1, Relaxed);
        let first = here.0.load(Relaxed);
        (first, join(other))
    });
    assert_eq!(seen, BTreeSet::from([(0, 0), (0, 1), (1, 0), (1, 1)]));
}

#[test]
fn a_fence_on_both_sides_orders_them() {
    let seen = outcomes("a_fence_on_both_sides_orders_them", || {
        let here = words();
        let there = Arc::clone(&here);
        let other = spawn(move || {
            there.0.store(1, Relaxed);
            fence(SeqCst);
            there.1.load(Relaxed)
        });
        here.1.store(1, Relaxed);
        fence(SeqCst);
        let first = here.0.load(Relaxed);
        (first, join(other))
    });
    assert_eq!(seen, BTreeSet::from([(0, 1), (1, 0), (1, 1)]));
}

#[test]
fn a_release_carries_what_was_before_it_and_a_relaxed_store_does_not() {
    let message = |name, order| {
        outcomes(name, move || {
            let here = words();
            let there = Arc::clone(&here);
            let other = spawn(move || {
                there.0.store(1, Relaxed);
                there.1.store(1, order);
            });
            let flag = here.1.load(Acquire);
            let data = here.0.load(Relaxed);
            join(other);
            (flag, data)
        })
    };
    assert!(!message("a_release_carries", Release).contains(&(1, 0)));
    assert!(message("a_relaxed_store_does_not", Relaxed).contains(&(1, 0)));
}

#[test]
fn two_exchanges_win_in_either_order() {
    let seen = outcomes("two_exchanges_win_in_either_order", || {
        let bits = Arc::new(PoolBits::none());
        bits.release(0b110);
        let there = Arc::clone(&bits);
        let other = spawn(move || there.claim_lowest().map_or(0, u64::from));
        let first = bits.claim_lowest().map_or(0, u64::from);
        (first, join(other))
    });
    assert_eq!(seen, BTreeSet::from([(1, 2), (2, 1)]));
}
