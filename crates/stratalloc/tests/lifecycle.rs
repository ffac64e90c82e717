//! The edges of lives: a thread's first and last operations, before `main` and after it.
//!
//! Threads here are bare POSIX threads where it matters that nothing allocates before the test does: the standard library's
//! threads begin with an allocation.

mod bare;
mod churn;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use bare::{Key, in_bare_thread};
use churn::{SIZES, churn};
use patterned::{Patterned, layout};
use process::{
    MIB, address_space_bytes, alone, child_for, expect_code, is_sanitized, is_slow, resident_bytes,
};
use spin::{SpinLock, Turn};
use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use strata_cache::thread::RUNTIME;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Tests that count caches take turns.
fn turn() -> Turn<'static, ()> {
    static TURN: SpinLock<()> = SpinLock::new(());
    TURN.lock()
}

/// The number of caches after all threads of the test have ended.
///
/// The harness starts and ends threads beside us, so a few more or fewer mean nothing.
fn expect_no_caches_left_behind(before: u64, threads: u64) {
    let after = RUNTIME.registry.live();
    assert!(after < before + threads / 2, "{threads} threads left {} caches", after - before);
}

/// The usual number, or fewer where each takes long.
fn times(many: u32) -> u32 {
    if is_slow() { many / 5 } else { many }
}

// First operations.

#[test]
fn a_thread_may_begin_with_an_allocation() {
    for size in SIZES {
        let block = in_bare_thread(move || Patterned::new(layout(size, 8), 1)).unwrap();
        block.free();
    }
}

#[test]
fn a_thread_may_begin_with_a_zeroed_allocation() {
    for size in SIZES {
        let block = in_bare_thread(move || Patterned::zeroed(layout(size, 8), 1)).unwrap();
        block.free();
    }
}

#[test]
fn a_thread_may_begin_with_a_resize_of_what_another_allocated() {
    for size in SIZES {
        for new_size in SIZES {
            let mut block = Patterned::new(layout(size, 8), 1).unwrap();
            let block = in_bare_thread(move || {
                assert!(block.resize(new_size, 2));
                block
            });
            block.free();
        }
    }
}

#[test]
fn a_thread_may_begin_with_a_free_of_what_another_allocated() {
    for size in SIZES {
        let block = Patterned::new(layout(size, 8), 1).unwrap();
        in_bare_thread(move || block.free());
    }
}

#[test]
fn a_thread_may_do_nothing_but_free() {
    let _turn = turn();
    let before = RUNTIME.registry.live();
    for round in 0..100 {
        let mut blocks: Vec<_> =
            (0..2000).filter_map(|index| Patterned::new(layout(1 + index % 700, 8), round)).collect();
        in_bare_thread(move || {
            blocks.drain(..).for_each(Patterned::free);
            std::mem::forget(blocks);
        });
    }
    expect_no_caches_left_behind(before, 100);
}

// Frees after the end.

#[test]
fn blocks_outlive_the_thread_that_allocated_them() {
    for round in 0..50 {
        let blocks = std::thread::spawn(move || {
            (0..3000)
                .map(|index| Patterned::new(layout(1 + index % 900, 8), round).unwrap())
                .collect::<Vec<_>>()
        });
        let mut blocks = blocks.join().unwrap();
        let others = blocks.split_off(blocks.len() / 2);
        blocks.into_iter().for_each(Patterned::free);
        std::thread::spawn(move || others.into_iter().for_each(Patterned::free)).join().unwrap();
    }
}

// Destructors of thread-local storage.

/// Allocates and frees when its thread ends, and hands a block to the next one that does.
struct Farewell(u64);

static FAREWELLS: AtomicU64 = AtomicU64::new(0);

impl Drop for Farewell {
    fn drop(&mut self) {
        churn(self.0);
        // What other destructors left, as far as they still are there.
        let _ = HOARD.try_with(|hoard| {
            let mut hoard = hoard.borrow_mut();
            hoard.extend(Patterned::new(layout(100 + self.0 as usize, 8), self.0));
            hoard.iter().for_each(Patterned::check);
        });
        FAREWELLS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Frees everything in its destructor.
#[derive(Default)]
struct Hoard(Vec<Patterned>);

impl Drop for Hoard {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Patterned::free);
        churn(99);
    }
}

impl std::ops::Deref for Hoard {
    type Target = Vec<Patterned>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for Hoard {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

thread_local! {
    static FIRST: RefCell<Farewell> = const { RefCell::new(Farewell(10)) };
    static HOARD: RefCell<Hoard> = RefCell::default();
    static SECOND: RefCell<Farewell> = const { RefCell::new(Farewell(20)) };
}

#[test]
fn destructors_of_thread_locals_may_allocate_and_free_in_any_order() {
    let _turn = turn();
    let (before, farewells) = (RUNTIME.registry.live(), FAREWELLS.load(Ordering::Relaxed));
    let orders: [fn(); 4] = [
        || FIRST.with(|_| HOARD.with(|_| SECOND.with(|_| {}))),
        || SECOND.with(|_| FIRST.with(|_| HOARD.with(|_| {}))),
        || HOARD.with(|_| SECOND.with(|_| FIRST.with(|_| {}))),
        || {
            churn(1);
            FIRST.with(|_| churn(2));
            SECOND.with(|_| HOARD.with(|hoard| hoard.borrow_mut().extend(Patterned::new(layout(50, 8), 3))));
        },
    ];
    for order in orders.into_iter().cycle().take(times(40) as usize) {
        std::thread::spawn(order).join().unwrap();
        in_bare_thread(order);
    }
    assert_eq!(FAREWELLS.load(Ordering::Relaxed) - farewells, u64::from(4 * times(40)));
    expect_no_caches_left_behind(before, u64::from(2 * times(40)));
}

/// Runs of key destructors that POSIX promises to a thread that goes on arming its keys.
///
/// ThreadSanitizer's own key is the first of all and forgets the thread in the last run: whatever instrumented code
/// comes after it in that run reads a state that is gone.
fn rounds() -> u32 {
    if is_sanitized() { 3 } else { 4 }
}

/// What a key holds: a block that each round checks, frees and replaces.
struct Diary {
    key: Key,
    round: u32,
    block: Patterned,
}

static ENTRIES: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn next_entry(diary: *mut c_void) {
    // SAFETY: the key holds what `keep_diary` or the line below gave it.
    let mut diary = unsafe { Box::from_raw(diary.cast::<Diary>()) };
    diary.round += 1;
    churn(u64::from(diary.round));
    let next = Patterned::new(layout(64 << diary.round, 8), 7).unwrap();
    std::mem::replace(&mut diary.block, next).free();
    ENTRIES.fetch_add(1, Ordering::Relaxed);
    if diary.round < rounds() {
        let key = diary.key;
        key.arm(Box::into_raw(diary).cast());
    } else {
        diary.block.free();
    }
}

fn keep_diary(key: Key) {
    let block = Patterned::new(layout(64, 8), 7).unwrap();
    key.arm(Box::into_raw(Box::new(Diary { key, round: 0, block })).cast());
}

#[test]
fn destructors_of_keys_older_and_younger_than_ours_may_allocate_in_every_round() {
    let _turn = turn();
    let (before, early) = (RUNTIME.registry.live(), *EARLY_KEY.get().unwrap());
    let late = Key::new(next_entry);
    assert!(early < late);
    for _ in 0..times(50) {
        in_bare_thread(move || {
            keep_diary(early);
            keep_diary(late);
        });
    }
    assert_eq!(ENTRIES.load(Ordering::Relaxed), times(50) * 2 * rounds());
    expect_no_caches_left_behind(before, times(50).into());
}

unsafe extern "C" fn churn_at_last(_: *mut c_void) {
    churn(5);
}

#[test]
fn a_thread_may_begin_in_the_destructor_of_a_key() {
    let _turn = turn();
    let before = RUNTIME.registry.live();
    let key = Key::new(churn_at_last);
    for _ in 0..times(50) {
        in_bare_thread(move || key.arm((&raw const EARLY_KEY).cast_mut().cast()));
    }
    expect_no_caches_left_behind(before, times(50).into());
}

// Before main, and after it.

/// Made before anything was allocated, so its destructors run before ours.
static EARLY_KEY: OnceLock<Key> = OnceLock::new();
static FROM_BEFORE_MAIN: AtomicPtr<Vec<Patterned>> = AtomicPtr::new(std::ptr::null_mut());

extern "C" fn before_main() {
    let _ = EARLY_KEY.set(Key::new(next_entry));
    churn(0);
    let blocks: Vec<_> = SIZES.iter().filter_map(|size| Patterned::new(layout(*size, 16), 11)).collect();
    FROM_BEFORE_MAIN.store(Box::into_raw(Box::new(blocks)), Ordering::Release);
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

#[test]
fn what_was_allocated_before_main_is_there_and_can_be_freed() {
    let blocks = FROM_BEFORE_MAIN.swap(std::ptr::null_mut(), Ordering::Acquire);
    // SAFETY: `before_main` made it, and the swap gives it to us alone.
    let blocks = unsafe { Box::from_raw(blocks) };
    assert_eq!(blocks.len(), SIZES.len());
    blocks.into_iter().for_each(Patterned::free);
}

/// How a process ends that allocated in every handler on its way out.
const GOOD_END: i32 = 77;

static HANDLERS: AtomicU32 = AtomicU32::new(0);

extern "C" fn at_exit() {
    churn(21);
    HANDLERS.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn at_the_very_end() {
    if HANDLERS.load(Ordering::Relaxed) == 1 {
        churn(22);
        // SAFETY: ends the process.
        unsafe { libc::_exit(GOOD_END) };
    }
}

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_THE_VERY_END: extern "C" fn() = at_the_very_end;

#[test]
fn handlers_after_main_may_allocate_while_other_threads_go_on() {
    let name = "handlers_after_main_may_allocate_while_other_threads_go_on";
    let mut is_child = false;
    if std::env::var_os("STRATA_TEST_CHILD").is_some() {
        alone(name, || is_child = true);
    }
    if !is_child {
        return expect_code(child_for(name).spawn().unwrap(), GOOD_END);
    }
    for thread in 0..2 {
        std::thread::spawn(move || (0..u64::MAX / 4).for_each(|round| churn(thread << 32 | round)));
    }
    // SAFETY: the handler asks nothing.
    let registered = unsafe { libc::atexit(at_exit) };
    assert_eq!(registered, 0);
}

// Many.

fn short_life(number: usize, left: &SpinLock<Vec<Patterned>>) {
    let size = |index: usize| 1 + (number * 37 + index * 411) % 20_000;
    let mut blocks: Vec<_> =
        (0..12).filter_map(|index| Patterned::new(layout(size(index), 8), number as u64)).collect();
    if number.is_multiple_of(100) {
        churn(number as u64);
    }
    let mine = blocks.pop();
    let from_before = std::mem::replace(&mut *left.lock(), mine.into_iter().collect());
    from_before.into_iter().chain(blocks).for_each(Patterned::free);
}

#[test]
fn a_hundred_thousand_short_lived_threads_leave_no_growth() {
    alone("a_hundred_thousand_short_lived_threads_leave_no_growth", || {
        let left = &SpinLock::new(Vec::new());
        let run = |numbers: std::ops::Range<usize>| {
            numbers.step_by(2).for_each(|number| {
                std::thread::scope(|scope| {
                    let threads =
                        [number, number + 1].map(|life| scope.spawn(move || short_life(life, left)));
                    // Joined, so that their stacks are free for the next ones.
                    threads.into_iter().for_each(|thread| thread.join().unwrap());
                });
            });
        };
        let measured = || {
            RUNTIME.page_heap.purge_all();
            (resident_bytes(), address_space_bytes())
        };
        run(0..1000);
        let (resident, addresses) = measured();
        run(1000..if is_slow() { 3000 } else { 100_000 });
        let (resident_after, addresses_after) = measured();
        println!("  resident {} KiB, then {} KiB", resident >> 10, resident_after >> 10);
        println!("  addresses {} KiB, then {} KiB", addresses >> 10, addresses_after >> 10);
        assert!(
            is_sanitized() || resident_after < resident + MIB,
            "{resident} bytes grew to {resident_after}"
        );
        assert!(
            is_sanitized() || addresses_after < addresses + MIB,
            "{addresses} bytes of addresses grew to {addresses_after}"
        );
        assert!(RUNTIME.registry.live() <= 4);
    });
}
