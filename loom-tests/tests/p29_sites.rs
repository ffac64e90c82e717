//! P29: the table of sites: a stack has one site, whichever threads come to it first, and no count is lost.
#![cfg(strata_loom)]

use std::sync::Arc;
use strata_loom_tests::{join, model, spawn};
use strata_recorder::sites::{Key, Sites};

const KEY: Key<'static> = Key { bytes: 64, mean: 4096, label: 0, frames: &[0x1000] };
const OTHER: Key<'static> = Key { bytes: 64, mean: 4096, label: 0, frames: &[0x2000] };

fn note(sites: &Sites, key: Key<'_>) -> u32 {
    let site = sites.find_or_add(key).expect("room");
    site.note_allocated();
    site.number()
}

#[test]
fn two_threads_add_the_same_site() {
    model("two_threads_add_the_same_site", None, || {
        let sites = Arc::new(Sites::new());
        let there = Arc::clone(&sites);
        let other = spawn(move || note(&there, KEY));
        let ours = note(&sites, KEY);
        assert_eq!(join(other), ours);
        assert_eq!(sites.iter().map(|site| site.allocated()).collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn a_site_is_found_while_it_is_added() {
    model("a_site_is_found_while_it_is_added", None, || {
        let sites = Arc::new(Sites::new());
        let there = Arc::clone(&sites);
        let other = spawn(move || note(&there, KEY));
        // Whatever is in the index, all of it is there.
        for site in sites.iter() {
            assert_eq!((site.bytes(), site.mean(), site.frames().next()), (64, 4096, Some(0x1000)));
        }
        let ours = note(&sites, KEY);
        assert_eq!(join(other), ours);
        assert_eq!(sites.iter().count(), 1);
    });
}

#[test]
fn two_sites_want_the_same_place() {
    model("two_sites_want_the_same_place", None, || {
        let sites = Arc::new(Sites::new());
        let there = Arc::clone(&sites);
        let other = spawn(move || note(&there, OTHER));
        let ours = note(&sites, KEY);
        assert_ne!(join(other), ours);
        assert_eq!(sites.iter().map(|site| site.allocated()).sum::<u64>(), 2);
    });
}
