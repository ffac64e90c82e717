//! `stratalloc::explain`: the process tells of itself what is seen from outside.
//!
//! One test, so that the harness does nothing meanwhile.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::thread;

use stratalloc::{Line, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

#[test]
fn a_process_explains_itself() {
    if stratalloc::explain().is_none() {
        println!("skipped: this system does not say what is in memory");
        return;
    }
    lines_add_up_to_what_the_kernel_counts_and_live_bytes_show();
    it_says_the_same_as_json_and_allocates_nothing();
    a_dump_allocates_nothing_and_needs_no_more_stack_than_it_says();
}

fn lines_add_up_to_what_the_kernel_counts_and_live_bytes_show() {
    let before = stratalloc::explain().expect("as before");
    let live = (vec![1_u8; 30 << 20], (0..20_000).map(|number| vec![number as u8; 900]).collect::<Vec<_>>());
    let after = stratalloc::explain().expect("as before");
    let grew = |line| after.waterfall().bytes(line).saturating_sub(before.waterfall().bytes(line));
    assert!((30 << 20..31 << 20).contains(&grew(Line::LiveHuge)), "{after}");
    assert!((17 << 20..20 << 20).contains(&grew(Line::LiveSmall)), "{after}");
    for explanation in [&before, &after] {
        let fall = explanation.waterfall();
        let top = fall.bytes(Line::Strata) + fall.bytes(Line::Rest);
        assert_eq!(top, fall.rss_bytes());
    }
    black_box(live);
}

fn it_says_the_same_as_json_and_allocates_nothing() {
    let mut text = String::with_capacity(1 << 16);
    let before = Strata::stats();
    let explanation = stratalloc::explain().expect("as before");
    explanation.write_json(&mut text).expect("room for it");
    let after = Strata::stats();
    assert_eq!((after.live_blocks, after.live_bytes), (before.live_blocks, before.live_bytes));
    assert!(text.starts_with(&format!("{{\"version\":1,\"pid\":{},", std::process::id())), "{text}");
    let mut causes = Vec::new();
    explanation.causes(|cause| causes.push(cause.cause.name()));
    assert!(
        !causes.is_empty() && causes.iter().all(|cause| text.contains(&format!("\"{cause}\""))),
        "{text}"
    );
}

/// What a dump is said to need, and what a thread of Rust's needs itself.
const STACK_BYTES: usize = (100 << 10) + (24 << 10);

fn a_dump_allocates_nothing_and_needs_no_more_stack_than_it_says() {
    let path = std::env::temp_dir().join(format!("strata-own-dump-{}", std::process::id()));
    let file = File::create(&path).expect("a file");
    let descriptor = file.as_raw_fd();
    let dump = move || {
        let before = Strata::stats();
        assert!(Strata::dump(descriptor));
        let after = Strata::stats();
        assert_eq!((after.live_blocks, after.live_bytes), (before.live_blocks, before.live_bytes));
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(dump).expect("a thread").join().expect("it ends");
    let text = fs::read_to_string(&path).expect("a dump");
    fs::remove_file(path).expect("it is there");
    assert!(text.starts_with("strata: the program asks for a dump: process "), "{text}");
    let last = text.lines().last().expect("a line");
    assert!(last.starts_with("{\"strata_snapshot\":2,") && last.ends_with("]}"), "{last}");
    assert!(text.contains("\nRSS "), "{text}");
}
