//! Statistics against what a test knows to be true: exact when it is quiet, sane while threads work.
//!
//! The tests take turns, and use classes of which no block is promoted and that the harness between them has no use for.

#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use spin::{SpinLock, Turn};
use stratalloc::{ClassStats, Heap, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

static TURN: SpinLock<()> = SpinLock::new(());

fn my_turn() -> Turn<'static, ()> {
    TURN.lock()
}

/// What the statistics say of the class that serves blocks of `bytes`.
fn class(bytes: usize) -> ClassStats {
    let stats = Strata::stats();
    *stats.classes().iter().find(|class| class.block_bytes >= bytes as u64).expect("a class")
}

fn blocks(count: usize, bytes: usize) -> Vec<Box<[u8]>> {
    (0..count).map(|_| vec![1; bytes].into_boxed_slice()).collect()
}

#[test]
fn live_blocks_are_counted_exactly_and_all_come_back() {
    let _turn = my_turn();
    for (bytes, count) in
        [(2300, 1), (2300, 313), (3072, 1000), (5000, 7), (12_000, 33), (24_000, 12), (32_768, 5)]
    {
        let before = class(bytes).live_blocks;
        let live = blocks(count, bytes);
        let during = class(bytes);
        assert_eq!(during.live_blocks - before, count as u64, "{bytes}");
        assert!(during.carved_blocks >= during.live_blocks && during.pools > 0);
        drop(black_box(live));
        assert_eq!(class(bytes).live_blocks, before, "{bytes}");
    }
}

#[test]
fn live_blocks_are_exact_whatever_list_the_free_ones_are_on() {
    let _turn = my_turn();
    const BYTES: usize = 2700;
    let before = class(BYTES).live_blocks;
    let mut live = blocks(500, BYTES);
    // Holes in many pools, then some of them filled again.
    let mut index = 0;
    live.retain(|_| {
        index += 1;
        index % 3 != 0
    });
    assert_eq!(class(BYTES).live_blocks - before, 334);
    live.extend(blocks(41, BYTES));
    assert_eq!(class(BYTES).live_blocks - before, 375);
}

#[test]
fn blocks_that_another_thread_freed_are_not_live() {
    let _turn = my_turn();
    const BYTES: usize = 2500;
    let before = class(BYTES).live_blocks;
    // The threads of the test harness come and go meanwhile, and may hold a few of this size.
    let none_live = || class(BYTES).live_blocks.abs_diff(before) <= 4;
    let live = blocks(203, BYTES);
    let (freed, is_freed) = channel();
    let (end, may_end) = channel::<()>();
    let freer = thread::spawn(move || {
        drop(live);
        freed.send(()).unwrap();
        let _ = may_end.recv();
    });
    is_freed.recv().unwrap();
    // The freeing thread still holds a part of them in its magazine.
    assert!(Strata::stats().ready_blocks > 0);
    assert!(none_live());
    end.send(()).unwrap();
    freer.join().unwrap();
    assert!(none_live());
    Strata::collect();
    assert!(none_live());
}

#[test]
fn blocks_outlive_their_thread_in_the_count() {
    let _turn = my_turn();
    const BYTES: usize = 4200;
    let before = class(BYTES).live_blocks;
    let live = thread::spawn(|| blocks(100, BYTES)).join().unwrap();
    assert_eq!(class(BYTES).live_blocks - before, 100);
    drop(live);
    assert_eq!(class(BYTES).live_blocks, before);
}

#[test]
fn totals_are_the_sum_of_the_classes() {
    let _turn = my_turn();
    let _live = blocks(10, 12_345);
    let stats = Strata::stats();
    assert_eq!(stats.live_blocks, stats.classes().iter().map(|class| class.live_blocks).sum());
    let bytes = stats.classes().iter().map(|class| class.live_blocks * class.block_bytes).sum();
    assert_eq!(stats.live_bytes, bytes);
    assert_eq!(stats.allocated_bytes(), stats.live_bytes + stats.large_bytes + stats.huge_bytes);
    assert!(stats.active_bytes() >= stats.allocated_bytes(), "{stats}");
    assert!(stats.resident_bytes >= stats.active_bytes(), "{stats}");
    assert!(stats.resident_bytes <= stats.committed_bytes, "{stats}");
    assert!(stats.committed_bytes <= stats.reserved_bytes);
    assert_eq!(stats.used_pools + stats.dirty_pools + stats.clean_pools, stats.arenas * 63);
    assert!(stats.segments > 0 && stats.calls.map > 0);
}

#[test]
fn what_is_counted_in_two_ways_is_the_same() {
    let _turn = my_turn();
    let _live = (blocks(300, 700), blocks(3, 100_000), blocks(2, 3 << 20));
    drop(black_box((blocks(2000, 1100), blocks(4, 60_000))));
    let stats = Strata::stats();
    assert!(stats.ready_bytes > 0 && stats.free_bytes() > 0, "{stats}");
    for identity in stats.identities() {
        assert!(identity.holds(), "{identity:?}\n{stats}");
    }
    let mut ready = 0;
    Strata::each_thread(|thread| ready += thread.ready_bytes);
    assert_eq!(ready, stats.ready_bytes);
}

#[test]
fn large_and_huge_blocks_are_counted_with_their_bytes() {
    let _turn = my_turn();
    // Mappings that wait for reuse may be larger than what is asked for, and so are those of whole huge pages.
    Strata::trim();
    Strata::set_option("huge_pages", "never").unwrap();
    let before = Strata::stats();
    let live = (blocks(3, 300_000), blocks(2, 5 << 20));
    let during = Strata::stats();
    assert_eq!(during.large_blocks - before.large_blocks, 3);
    assert_eq!(during.large_bytes - before.large_bytes, 3 * (320 << 10));
    assert_eq!(during.huge_blocks - before.huge_blocks, 2);
    let huge_bytes = during.huge_bytes - before.huge_bytes;
    assert!((10 << 20..11 << 20).contains(&huge_bytes), "{huge_bytes}");
    drop(live);
    let after = Strata::stats();
    assert_eq!((after.large_blocks, after.huge_blocks), (before.large_blocks, before.huge_blocks));
    assert_eq!((after.large_bytes, after.huge_bytes), (before.large_bytes, before.huge_bytes));
    assert!(after.huge_kept_bytes > 0);
    Strata::trim();
    assert_eq!(Strata::stats().huge_kept_bytes, 0);
    Strata::set_option("huge_pages", "auto").unwrap();
}

#[test]
fn huge_blocks_that_grow_and_shrink_are_counted_as_they_are() {
    let _turn = my_turn();
    Strata::trim();
    let before = Strata::stats();
    for size in [3 << 20, 5 << 20, 9_000_000] {
        let mut bytes = vec![1_u8; size];
        bytes.reserve_exact(size);
        let grown = Strata::stats().huge_bytes - before.huge_bytes;
        assert!((2 * size as u64..2 * size as u64 + (1 << 20)).contains(&grown), "{size}: {grown}");
        bytes.truncate(size / 10 * 9);
        bytes.shrink_to_fit();
        drop(black_box(bytes));
        let after = Strata::stats();
        assert_eq!((after.huge_blocks, after.huge_bytes), (before.huge_blocks, before.huge_bytes), "{size}");
    }
    Strata::trim();
    assert_eq!(Strata::stats().reserved_bytes, before.reserved_bytes);
}

#[test]
fn each_thread_that_allocates_has_a_cache_until_it_ends() {
    let _turn = my_turn();
    let before = Strata::stats().caches_ever;
    let (end, may_end) = channel::<()>();
    let thread = thread::spawn(move || {
        drop(black_box(Box::new(1)));
        let _ = may_end.recv();
    });
    drop(end);
    thread.join().unwrap();
    let after = Strata::stats();
    assert!(after.caches_ever > before && after.caches >= 1 && after.caches <= after.caches_ever);
}

#[test]
fn trim_gives_back_what_lies_free_and_says_how_much() {
    let _turn = my_turn();
    drop(blocks(2000, 15_000));
    let before = Strata::stats();
    let trimmed = Strata::trim();
    let bytes = trimmed.given_back_bytes;
    let after = Strata::stats();
    assert!(bytes >= 2000 * 15_000 * 9 / 10, "{bytes}");
    assert!(after.purged_bytes - before.purged_bytes >= bytes);
    assert!(after.dirty_pools < 64 && after.resident_bytes < before.resident_bytes, "{after}");
    let again = Strata::trim().given_back_bytes;
    assert!(trimmed.is_complete && again < 4 << 20, "{again}");
}

#[test]
fn a_trim_with_a_limit_goes_on_where_it_stopped() {
    let _turn = my_turn();
    Strata::trim();
    drop((blocks(3000, 15_000), blocks(4, 40 << 20)));
    let before = Strata::stats();
    let mut calls = 1;
    while !Strata::trim_within(Duration::ZERO).is_complete {
        calls += 1;
        assert!(calls < 10_000, "it does not come to an end");
    }
    let after = Strata::stats();
    assert!(calls > 5, "{calls} calls: each does a step at most");
    assert!(after.purged_bytes - before.purged_bytes >= 3000 * 15_000, "{after}");
    assert!(after.huge_kept_bytes == 0 && after.dirty_pools < 64, "{after}");
}

#[test]
fn what_a_sleeping_thread_has_ready_is_left_and_named() {
    let _turn = my_turn();
    const BYTES: usize = 400;
    let (freed, is_freed) = channel();
    let (end, may_end) = channel::<()>();
    let thread = thread::spawn(move || {
        drop(blocks(100, BYTES));
        freed.send(()).unwrap();
        let _ = may_end.recv();
        // The request is heeded at the next refill or flush.
        drop(black_box(blocks(1000, 3072)));
        freed.send(()).unwrap();
        let _ = may_end.recv();
    });
    is_freed.recv().unwrap();
    // To wait for a message, it allocates.
    thread::sleep(Duration::from_millis(50));
    let left = Strata::trim().left_with_threads_bytes;
    assert!(left >= 10 * BYTES as u64, "{left}");
    end.send(()).unwrap();
    is_freed.recv().unwrap();
    drop(end);
    thread.join().unwrap();
}

#[test]
fn a_program_whose_allocator_this_is_knows_it() {
    let _turn = my_turn();
    drop(black_box(Box::new(1)));
    assert!(Strata::is_global() && Strata::stats().is_global);
    let text = format!("{:?}", Strata::stats());
    assert!(text.starts_with("Stats { is_global: true, allocated_bytes: ") && text.len() < 20_000, "{text}");
}

#[test]
fn a_pointer_is_told_whose_it_is() {
    let _turn = my_turn();
    let (small, large, huge) = (Box::new(1_u64), vec![1_u8; 100_000], vec![1_u8; 5 << 20]);
    assert!(Strata::owns(&raw const *small) && Strata::owns(large.as_ptr()) && Strata::owns(huge.as_ptr()));
    let on_the_stack = 1_u64;
    assert!(!Strata::owns(&raw const on_the_stack) && !Strata::owns(&raw const GLOBAL));
    assert!(!Strata::owns(std::ptr::null::<u8>()) && !Strata::owns(std::ptr::without_provenance::<u8>(16)));
    // A page is there, and no head of ours.
    // SAFETY: a new mapping of two arenas.
    let theirs = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            8 << 20,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(theirs, libc::MAP_FAILED);
    for offset in [0, 4096, 4 << 20, (4 << 20) + 4096] {
        assert!(!Strata::owns(theirs.cast_const().wrapping_byte_add(offset)));
    }
}

#[test]
fn a_reader_is_never_held_up_and_never_counts_more_live_than_there_are() {
    let _turn = my_turn();
    const BYTES: usize = 700;
    let before = class(BYTES).live_blocks;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (give, take) = channel::<Vec<Box<[u8]>>>();
        let freer = scope.spawn(move || take.into_iter().for_each(drop));
        let makers = [0; 3].map(|_| {
            let (give, stop) = (give.clone(), &stop);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    let mut live = blocks(300, BYTES);
                    live.truncate(150);
                    give.send(live).unwrap();
                    thread::spawn(|| drop(blocks(20, BYTES))).join().unwrap();
                }
            })
        });
        drop(give);
        for _ in 0..300 {
            let stats = Strata::stats();
            for class in stats.classes() {
                assert!(class.live_blocks <= class.carved_blocks, "{class:?}");
            }
            assert!(stats.live_bytes <= stats.committed_bytes);
            assert!(stats.to_string().lines().count() > 10);
        }
        stop.store(true, Relaxed);
        makers.into_iter().for_each(|maker| maker.join().unwrap());
        freer.join().unwrap();
    });
    assert_eq!(class(BYTES).live_blocks, before);
}

#[test]
fn a_usable_size_is_at_least_what_was_asked_for_and_may_be_written() {
    let _turn = my_turn();
    for size in (1..40).map(|step| step * step * step * 61) {
        for align in [1, 64, 4096, 1 << 17] {
            let layout = Layout::from_size_align(size, align).unwrap();
            // SAFETY: the layout has a size.
            let block = NonNull::new(unsafe { Strata.alloc(layout) }).unwrap();
            // SAFETY: allocated just now.
            let usable = unsafe { Strata::usable_size(block) };
            assert!(usable >= size, "{size} {align}: {usable}");
            // SAFETY: as many bytes as may be used.
            unsafe { block.as_ptr().write_bytes(0xA5, usable) };
            let whole = Layout::from_size_align(usable, align).unwrap();
            // SAFETY: the block, with the layout that its usable size allows.
            unsafe { Strata.dealloc(block.as_ptr(), whole) };
        }
    }
}

#[test]
fn the_report_is_a_table_without_classes_that_are_not_used() {
    let _turn = my_turn();
    let live = blocks(4, 28_000);
    let stats = Strata::stats();
    let text = stats.to_string();
    drop(live);
    let used = stats.classes().iter().filter(|class| class.pools > 0).count();
    let (head, classes) = text.split_once("\nclass ").expect(&text);
    assert_eq!(head.lines().count(), 24, "{text}");
    assert_eq!(classes.lines().count(), used + 1, "{text}");
    assert!(classes.lines().skip(1).all(|line| line.contains(" B ")), "{text}");
    let widths: Vec<usize> = classes.lines().skip(1).map(str::len).collect();
    assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
}

/// What does not add up in the statistics: blocks that left a pool and did not go back are live or ready, class by class.
fn what_differs() -> Option<String> {
    let stats = Strata::stats();
    let wrong = stats.classes().iter().find(|class| {
        let outside = class.taken_blocks - class.returned_blocks;
        class.live_blocks + class.ready_blocks != outside || class.pools != class.pool_flow.current
    });
    let broken = || stats.identities().into_iter().find(|identity| !identity.holds());
    wrong
        .map(|class| format!("{class:?}"))
        .or_else(|| broken().map(|identity| format!("{identity:?}\n{stats}")))
}

/// What is read while the harness's own threads end or print need not add up; what was counted wrongly never does.
fn assert_turnover_adds_up() {
    const READINGS: u32 = 200;
    let mut differs = what_differs();
    for _ in 1..READINGS {
        if differs.is_none() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
        differs = what_differs();
    }
    assert_eq!(differs, None);
}

#[test]
fn totals_count_the_batches_of_threads_and_heaps_that_come_and_go() {
    let _turn = my_turn();
    assert_turnover_adds_up();
    let (size, before) = (2600, class(2600));
    let worker = thread::spawn(move || {
        let kept = blocks(700, size);
        drop(blocks(500, size));
        kept
    });
    let kept = worker.join().expect("it ends");
    assert_turnover_adds_up();
    let heap = Heap::new().expect("memory");
    let layout = Layout::from_size_align(size, 8).expect("a layout");
    let of_heap: Vec<_> = (0..300).map(|_| heap.alloc(layout).expect("memory")).collect();
    let mut taken_by_heaps = 0;
    Strata::each_thread(|of| taken_by_heaps += if of.thread == 0 { of.taken_blocks } else { 0 });
    assert!(taken_by_heaps >= 300, "{taken_by_heaps}");
    assert_turnover_adds_up();
    let during = class(size);
    assert!(during.taken_blocks - before.taken_blocks >= 1300, "{before:?} {during:?}");
    assert!(during.pool_flow.peak >= during.pools && during.pools >= 1000 * 2688 / 65536, "{during:?}");
    for block in of_heap {
        // SAFETY: allocated above by this layout, and not used again.
        unsafe { heap.dealloc(block, layout) };
    }
    drop((heap, kept));
    Strata::collect();
    assert_turnover_adds_up();
    let after = class(size);
    assert!(after.returned_blocks - before.returned_blocks >= 1300, "{before:?} {after:?}");
    assert_eq!(after.pool_flow.peak, during.pool_flow.peak);
}

#[test]
fn peaks_stay_until_they_are_reset_and_totals_for_ever() {
    let _turn = my_turn();
    const BYTES: u64 = 40 << 20;
    // Peaks of blocks are sampled: to within 32 KiB for each thread and class.
    const SAMPLED: u64 = 2 << 20;
    Strata::reset_peaks();
    let before = Strata::stats().flows;
    let (huge, large) = (vec![1_u8; BYTES as usize], blocks(30, 500 << 10));
    let small = blocks(2000, 3072);
    let most = class(3072).peak_blocks;
    assert!((2000..2200).contains(&most), "{most}");
    let during = Strata::stats().flows;
    for (before, during, least) in [
        (before.huge_bytes, during.huge_bytes, BYTES),
        (before.huge_blocks, during.huge_blocks, 1),
        (before.large_bytes, during.large_bytes, 30 * 512_000),
        (before.large_blocks, during.large_blocks, 30),
        // Pools that others have ready may go meanwhile.
        (before.used_pools, during.used_pools, 30 * 6),
        (before.block_bytes, during.block_bytes, 2000 * 3072),
    ] {
        assert!(during.current - before.current >= least && during.peak >= during.current, "{during:?}");
        assert!(during.total_in - before.total_in >= least, "{before:?} {during:?}");
    }
    assert!(during.committed_bytes.peak >= BYTES + 30 * 512_000);
    let mut of_threads = 0;
    Strata::each_thread(|of| of_threads = of.peak_bytes.max(of_threads));
    assert!(of_threads >= 2000 * 3072 - SAMPLED, "{of_threads}");
    drop(black_box((huge, large, small)));
    Strata::collect();
    let after = Strata::stats().flows;
    assert_eq!(
        (after.huge_bytes.peak, after.large_bytes.peak),
        (during.huge_bytes.peak, during.large_bytes.peak)
    );
    assert!(after.block_bytes.peak >= during.block_bytes.current - SAMPLED, "{after:?}");
    // Of the class not more than 32 KiB were untold.
    assert!(class(3072).peak_blocks.abs_diff(most) <= 32 * 1024 / 3072 + 1);
    assert!(after.huge_bytes.total_out - before.huge_bytes.total_out >= BYTES);
    Strata::reset_peaks();
    let reset = Strata::stats().flows;
    for (name, flow) in reset.by_name() {
        let off = if name == "block_bytes" { SAMPLED } else { 0 };
        assert!(flow.peak >= flow.current && flow.peak <= flow.current + off, "{name}: {flow:?}");
        assert_eq!(flow.current, flow.total_in - flow.total_out, "{name}");
    }
    assert_eq!(reset.huge_bytes.total_in, after.huge_bytes.total_in);
}
