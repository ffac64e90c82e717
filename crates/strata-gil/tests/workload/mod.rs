//! What a program does with its global allocator: several threads, all sizes, gifts between threads, and `fork`.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

/// What a program does on any global allocator.
macro_rules! tests_of_a_program {
    () => {
        #[test]
        fn threads_allocate_and_pass_on() {
            workload::threads_allocate_and_pass_on();
        }

        #[test]
        fn a_fork_under_load_leaves_a_usable_child() {
            workload::a_fork_under_load_leaves_a_usable_child();
        }
    };
}

/// The same, and what only a pymalloc tells.
#[allow(unused_macros, reason = "each test file uses its part")]
macro_rules! tests_of_a_pymalloc {
    ($global:expr) => {
        tests_of_a_program!();

        #[test]
        fn a_refused_arena_gives_null_and_harms_nothing() {
            workload::a_refused_arena_gives_null_and_harms_nothing(&$global);
        }

        #[test]
        fn the_statistics_of_a_running_program_add_up() {
            let keep: Vec<_> = (0..10_000_u64).map(Box::new).collect();
            let stats = $global.stats();
            assert!(stats.blocks_in_use() >= keep.len());
            assert_eq!(stats.accounted_bytes(), stats.mapped_bytes());
            // Printing allocates, from the heap that is printed.
            assert!(stats.to_string().contains("# arenas allocated current"));
        }
    };
}

/// Four threads that grow, shrink and drop strings, maps and boxes, and pass half of them on to the next one.
pub(crate) fn threads_allocate_and_pass_on() {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel::<Vec<String>>()).unzip();
    let workers: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(i, inbox)| {
            let next = senders[(i + 1) % 4].clone();
            thread::spawn(move || work(i, &next, &inbox))
        })
        .collect();
    drop(senders);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

fn work(name: usize, next: &mpsc::Sender<Vec<String>>, inbox: &mpsc::Receiver<Vec<String>>) {
    let mut kept = BTreeMap::new();
    for round in 0..300 {
        let texts: Vec<String> = (0..40).map(|i| text(name, round * 40 + i)).collect();
        // The neighbour may be done already.
        let _ = next.send(texts.clone());
        kept.insert(round, texts);
        kept.remove(&round.wrapping_sub(20));
        inbox.try_iter().flatten().for_each(|text| check(&text));
    }
    kept.into_values().flatten().for_each(|text| check(&text));
}

/// Between 1 and about 1300 bytes, grown byte by byte so that `realloc` has work.
fn text(name: usize, i: usize) -> String {
    let mut text = format!("{name}:");
    let length = i * 7919 % 37 * (i % 37);
    (0..length).for_each(|at| text.push(char::from(b'a' + (at % 26) as u8)));
    text
}

fn check(text: &str) {
    let (_, letters) = text.split_once(':').unwrap();
    assert!(letters.bytes().enumerate().all(|(at, byte)| byte == b'a' + (at % 26) as u8));
}

/// Three threads keep the lock busy while the main one forks; each child must be able to allocate.
pub(crate) fn a_fork_under_load_leaves_a_usable_child() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let workers: Vec<_> = (0..3)
        .map(|_| {
            thread::spawn(|| {
                while !STOP.load(Relaxed) {
                    drop(text(0, 12))
                }
            })
        })
        .collect();
    (0..60).for_each(|_| assert_eq!(in_child(|| drop((0..200).map(|i| text(1, i)).collect::<Vec<_>>())), 0));
    STOP.store(true, Relaxed);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// When the system gives nothing more, the allocator answers null, and goes on with what it has.
#[allow(dead_code, reason = "not for allocators that only pass calls on")]
pub(crate) fn a_refused_arena_gives_null_and_harms_nothing(allocator: &impl GlobalAlloc) {
    assert_eq!(in_child(|| run_out_and_recover(allocator)), 0);
}

fn run_out_and_recover(allocator: &impl GlobalAlloc) {
    let nothing = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid structure; only this child is limited.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const nothing) }, 0);
    let blocks = take_all(allocator);
    assert_ne!(blocks.count, 0);
    give_all(allocator, blocks.last);
    assert_ne!(take_all(allocator).count, 0);
}

const BLOCK: Layout = Layout::new::<[usize; 32]>();

/// The first word of a block, a link to the one before: a `Vec` would need memory.
struct Link(*mut Link);

struct Chain {
    last: *mut Link,
    count: usize,
}

fn take_all(allocator: &impl GlobalAlloc) -> Chain {
    let mut chain = Chain { last: std::ptr::null_mut(), count: 0 };
    loop {
        // SAFETY: the layout is not empty.
        let block = as_link(unsafe { allocator.alloc(BLOCK) });
        if block.is_null() {
            return chain;
        }
        // SAFETY: a fresh block, long enough and aligned.
        unsafe { block.write(Link(chain.last)) };
        chain = Chain { last: block, count: chain.count + 1 };
    }
}

fn as_link(block: *mut u8) -> *mut Link {
    block.cast()
}

fn give_all(allocator: &impl GlobalAlloc, mut block: *mut Link) {
    while !block.is_null() {
        // SAFETY: `take_all` wrote it.
        let Link(before) = unsafe { block.read() };
        // SAFETY: a block of `take_all`, given back once.
        unsafe { allocator.dealloc(block.cast(), BLOCK) };
        block = before;
    }
}

/// Runs `work` in a forked child and returns its wait status: 0 is a clean end, SIGALRM a deadlock.
fn in_child(work: impl FnOnce()) -> i32 {
    // SAFETY: the child calls nothing but `work`, which allocates: that this is allowed is what is tested.
    match unsafe { libc::fork() } {
        0 => end_child(work),
        child => wait_for(child),
    }
}

fn end_child(work: impl FnOnce()) -> ! {
    // SAFETY: no handler is set, so it ends the process.
    unsafe { libc::alarm(20) };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    // SAFETY: ends the child without running the parent's exit handlers.
    unsafe { libc::_exit(i32::from(outcome.is_err())) }
}

fn wait_for(child: libc::pid_t) -> i32 {
    assert!(child > 0, "fork refused");
    let mut status = -1;
    // SAFETY: our own child, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}
