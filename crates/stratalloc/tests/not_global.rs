//! A program that has Strata built in and another allocator in charge: it is told so, instead of reading zeros.

use std::alloc::Layout;
use stratalloc::watch::{self, Threshold, WatchError};
use stratalloc::{Heap, Strata};

#[test]
fn a_program_with_another_allocator_is_told_so() {
    let theirs = vec![1_u8; 1000];
    assert!(!Strata::owns(theirs.as_ptr()));
    let stats = Strata::stats();
    assert!(!Strata::is_global() && !stats.is_global);
    let report = stats.to_string();
    assert!(
        report.starts_with("nothing was allocated here: Strata is not this program's allocator"),
        "{report}"
    );
    let refused = watch::at(Threshold::held().bytes(1), |_| ()).unwrap_err();
    assert_eq!(refused, WatchError::NotGlobal);
    assert!(refused.to_string().contains("#[global_allocator]"));
    // `None`: a system that does not say what is in memory.
    if let Some(page) = stratalloc::explain().map(|explanation| explanation.to_string()) {
        assert!(page.starts_with("Strata is not this program's allocator"), "{page}");
    }
    // What the process has is the process's, whichever allocator serves it.
    drop(watch::at(Threshold::resident().bytes(u64::MAX), |_| ()).unwrap());
}

#[test]
fn a_heap_serves_and_makes_nothing_global() {
    let layout = Layout::new::<[u64; 100]>();
    let heap = Heap::new().unwrap();
    let block = heap.alloc(layout).unwrap();
    assert!(Strata::owns(block.as_ptr()) && !Strata::is_global());
    // SAFETY: allocated above with this layout, and not used again.
    unsafe { heap.dealloc(block, layout) };
    let text = format!("{heap:?}");
    assert!(text.starts_with("Heap { ready_blocks: ") && text.len() < 100, "{text}");
}
