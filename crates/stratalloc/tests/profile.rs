//! The profiler's hook from outside: what is told of a program whose allocations are known.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, mpsc};
use std::thread;

use strata_cache::profile::{self, Listener, Sample};
use strata_cache::thread::RUNTIME;
use strata_recorder::distance::draw;
use strata_recorder::sampled::{SLOT_COUNT, Sampled, Slot};
use stratalloc::{Heap, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

static LISTENER: Listener = Listener { allocated, freed, draw, requested: || None };

/// The sampled blocks that live.
static SAMPLED: Sampled = Sampled::new();

thread_local! {
    /// Whether what the thread allocates is the test's.
    static IS_HEARD: Cell<bool> = const { Cell::new(false) };
}

/// What was told, in units that are whole for the sizes and rates here: of samples, and of bytes as estimated.
struct Heard {
    samples: AtomicU64,
    lost: AtomicU64,
    /// Bytes that all of them asked for.
    requested: AtomicU64,
    live: [AtomicU64; 4],
}

static HEARD: Heard = Heard {
    samples: AtomicU64::new(0),
    lost: AtomicU64::new(0),
    requested: AtomicU64::new(0),
    live: [const { AtomicU64::new(0) }; 4],
};

/// For each slot the size of the block, or 0 if it is another thread's.
static RECORDS: [AtomicU64; SLOT_COUNT] = [const { AtomicU64::new(0) }; SLOT_COUNT];

/// The sizes of which live samples are counted.
const SIZES: [usize; 4] = [32, 4096, 40_960, 3 << 20];

fn allocated(sample: Sample) {
    let is_heard = IS_HEARD.get();
    let slot = SAMPLED.insert(sample.block.addr().get() as u64).map(Slot::index);
    if let Some(slot) = slot {
        RECORDS[slot as usize].store(if is_heard { sample.bytes as u64 } else { 0 }, Relaxed);
    }
    if !is_heard {
        return;
    }
    HEARD.samples.fetch_add(1, Relaxed);
    HEARD.lost.fetch_add(u64::from(slot.is_none()), Relaxed);
    HEARD.requested.fetch_add(sample.requested as u64, Relaxed);
    if let Some(size) = SIZES.iter().position(|size| *size == sample.bytes) {
        HEARD.live[size].fetch_add(1, Relaxed);
    }
}

fn freed(block: NonNull<u8>) {
    let Some(slot) = SAMPLED.find(block.addr().get() as u64) else { return };
    let bytes = RECORDS[slot.index() as usize].load(Relaxed);
    if let Some(size) = SIZES.iter().position(|size| *size as u64 == bytes) {
        HEARD.live[size].fetch_sub(1, Relaxed);
    }
    SAMPLED.remove(slot);
}

/// Switches the profile on, or to another rate.
fn start(mean_bytes: u64) {
    profile::start(&LISTENER, SAMPLED.filter(), mean_bytes);
}

/// Profiling belongs to one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    [&HEARD.samples, &HEARD.lost, &HEARD.requested]
        .into_iter()
        .chain(&HEARD.live)
        .for_each(|count| count.store(0, Relaxed));
    guard
}

/// Makes the calling thread take a slow path, and listens to what it allocates from then on.
fn listen() {
    come_to_a_door();
    IS_HEARD.set(true);
}

fn come_to_a_door() {
    drop(black_box(vec![0_u8; 300_000]));
}

fn stop() {
    profile::stop();
    come_to_a_door();
    IS_HEARD.set(false);
}

fn samples() -> u64 {
    HEARD.samples.load(Relaxed)
}

fn live(size: usize) -> u64 {
    profile::settle();
    HEARD.live[SIZES.iter().position(|known| *known == size).unwrap()].load(Relaxed)
}

/// A block whose memory is not touched.
struct Block(*mut u8, Layout);

impl Block {
    fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes, 16).unwrap();
        // SAFETY: a layout of some bytes.
        Self(unsafe { Strata.alloc(layout) }, layout)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and freed once.
        unsafe { Strata.dealloc(self.0, self.1) };
    }
}

// SAFETY: a block may be freed on any thread.
unsafe impl Send for Block {}

/// Blocks of `size`, in room that was there before.
fn fill(room: &mut Vec<Block>, size: usize, count: usize) {
    (0..count).for_each(|_| room.push(Block::new(size)));
}

#[test]
fn at_a_mean_of_one_every_block_is_told_and_every_free() {
    let _alone = alone();
    let mut room = Vec::with_capacity(1000);
    start(1);
    listen();
    for size in SIZES {
        fill(&mut room, size, 100);
        assert_eq!(live(size), 100, "{size}");
        room.clear();
        assert_eq!(live(size), 0, "{size}");
    }
    assert_eq!((samples(), HEARD.lost.load(Relaxed)), (400, 0));
    stop();
    let before = samples();
    fill(&mut room, 32, 100);
    assert_eq!(samples(), before);
}

#[test]
fn a_sample_says_what_was_asked_for_whichever_way() {
    let _alone = alone();
    start(1);
    listen();
    let asks = |layout: Layout, alloc: unsafe fn(&Strata, Layout) -> *mut u8| {
        let before = (samples(), HEARD.requested.load(Relaxed));
        // SAFETY: a layout of some bytes.
        let block = unsafe { alloc(&Strata, layout) };
        let after = (samples(), HEARD.requested.load(Relaxed));
        // SAFETY: allocated with this layout.
        unsafe { Strata.dealloc(block, layout) };
        assert_eq!(after.0 - before.0, 1, "{layout:?}");
        after.1 - before.1
    };
    for (size, align, expected) in [
        (1, 1, 1),
        (50, 8, 50),
        (1_023, 1, 1_023),
        (1_100, 8, 1_100),
        (3_000, 16, 3_000),
        (32_000, 8, 32_000),
        (70_000, 8, 70_000),
        (3 << 20, 8, 3 << 20),
        // Rounded up to the alignment.
        (40, 64, 64),
    ] {
        let layout = Layout::from_size_align(size, align).unwrap();
        for _ in 0..3 {
            assert_eq!(asks(layout, Strata::alloc), expected, "{layout:?}");
            assert_eq!(asks(layout, Strata::alloc_zeroed), expected, "{layout:?}, zeroed");
        }
    }
    stop();
}

#[test]
fn what_is_freed_in_a_row_is_told_a_little_later() {
    let _alone = alone();
    let told_live =
        |size: usize| HEARD.live[SIZES.iter().position(|known| *known == size).unwrap()].load(Relaxed);
    let mut room = Vec::with_capacity(20_000);
    for (size, mean) in [(32, 4096), (4096, 16_384)] {
        start(mean);
        listen();
        fill(&mut room, size, 20_000);
        let samples = told_live(size);
        assert!(samples > 50, "{samples}");
        let mut freed = 0;
        while let Some(block) = room.pop() {
            drop(block);
            freed += 1;
            // Of the last 8 KiB, or three blocks, nothing may be known yet; nearly all others are.
            let expected = samples * (20_000 - freed) / 20_000;
            assert!(told_live(size) < expected + 2 * samples.isqrt() + 40, "{size}, {freed}");
        }
        // An allocation obeys them, and so does a question.
        drop([Block::new(size), Block::new(size)]);
        assert_eq!(live(size), 0, "{size}");
        stop();
    }
}

/// Turns of some blocks allocated, then as many freed, of all depths that open and close a magazine: each block is handed out once, and
/// the estimate of all bytes is right.
#[test]
fn rows_of_any_length_are_counted() {
    let _alone = alone();
    const MEAN: u64 = 4096;
    start(MEAN);
    listen();
    let mut room = Vec::with_capacity(100);
    let before = samples();
    let mut allocated = 0;
    for turn in 0..40_000 {
        let row = turn % 100;
        fill(&mut room, 32, row);
        allocated += row;
        let mut addresses: Vec<_> =
            if turn < 200 { room.iter().map(|block| block.0).collect() } else { Vec::new() };
        addresses.sort_unstable();
        let distinct = addresses.len();
        addresses.dedup();
        assert_eq!(addresses.len(), distinct);
        room.clear();
    }
    let expected = allocated as f64 * chance(32, MEAN as f64);
    let off = (samples() - before) as f64 - expected;
    assert!(off.abs() < 5.0 * expected.sqrt(), "{off} of {expected}");
    assert_eq!(live(32), 0);
    stop();
}

#[test]
fn what_another_thread_frees_is_told() {
    let _alone = alone();
    let mut room = Vec::with_capacity(400);
    start(1);
    listen();
    SIZES.iter().for_each(|size| fill(&mut room, *size, 20));
    assert_eq!(SIZES.map(live), [20; 4]);
    // A thread tells of what it has ready at its end, for which a scope does not wait.
    let other = thread::spawn(|| {
        listen();
        drop(room);
    });
    other.join().unwrap();
    assert_eq!(SIZES.map(live), [0; 4]);
    stop();
}

#[test]
fn what_is_resized_is_another_allocation() {
    let _alone = alone();
    start(1);
    listen();
    let mut grown: Vec<u8> = Vec::with_capacity(40_960);
    assert_eq!((live(40_960), live(3 << 20)), (1, 0));
    grown.reserve_exact(3 << 20);
    assert_eq!((live(40_960), live(3 << 20)), (0, 1));
    grown.reserve_exact(4 << 20);
    assert_eq!(live(3 << 20), 0);
    drop(grown);
    stop();
}

/// How often a block of this size is sampled.
fn chance(size: usize, mean: f64) -> f64 {
    1.0 - (-(size as f64) / mean).exp()
}

/// The truth: how many blocks of each size are live. Each seed's estimate has the standard deviation of a binomial distribution; the
/// mean of all of them has a thousandth of its variance.
#[test]
fn estimates_are_unbiased_for_sizes_far_below_at_and_above_the_mean() {
    const SEEDS: u64 = 1000;
    const MEAN: u64 = 4096;
    const COUNT: usize = 100;
    let sizes = &SIZES[..3];
    let _alone = alone();
    start(MEAN);
    let mut sums = [0.0; 3];
    let mut far_off = 0;
    for seed in 1..=SEEDS {
        profile::set_seed(seed);
        let counted = thread::spawn(move || {
            let mut room = Vec::with_capacity(2 * COUNT * sizes.len());
            listen();
            // Interleaved, and every second one is freed again.
            for number in 0..2 * COUNT {
                sizes.iter().for_each(|size| room.push(Block::new(*size)));
                if number % 2 == 1 {
                    room.truncate(room.len() - sizes.len());
                }
            }
            let counted = [live(sizes[0]), live(sizes[1]), live(sizes[2])];
            drop(room);
            counted
        });
        for ((sum, size), counted) in sums.iter_mut().zip(sizes).zip(counted.join().unwrap()) {
            let chance = chance(*size, MEAN as f64);
            let (truth, estimate) = (COUNT as f64, counted as f64 / chance);
            *sum += estimate;
            let deviation = (truth * (1.0 - chance) / chance).sqrt();
            far_off += u32::from((estimate - truth).abs() > 4.0 * deviation + 1.0);
        }
    }
    stop();
    for (sum, size) in sums.iter().zip(sizes) {
        let chance = chance(*size, MEAN as f64);
        let deviation = (COUNT as f64 * (1.0 - chance) / chance / SEEDS as f64).sqrt();
        let mean = sum / SEEDS as f64;
        assert!((mean - COUNT as f64).abs() < 4.0 * deviation + 1e-3, "{size}: {mean} ± {deviation}");
    }
    // Of blocks of 32 bytes a seed has a sample or none, which is far from normally distributed.
    assert!(far_off <= 15, "{far_off} of {} estimates are more than four standard deviations off", 3 * SEEDS);
    assert_eq!(SIZES.map(live), [0; 4], "every sampled block that was freed was told");
}

#[test]
fn a_class_that_is_sampled_often_takes_no_sample_from_another() {
    let _alone = alone();
    profile::set_seed(99);
    start(64 << 10);
    let counted = thread::spawn(|| {
        let mut room = Vec::with_capacity(64);
        listen();
        let mut few = 0;
        for _ in 0..200_000 {
            // Seven small blocks that are freed, for each larger one that is counted.
            fill(&mut room, 32, 7);
            let before = samples();
            room.push(Block::new(48));
            few += samples() - before;
            room.clear();
        }
        few
    });
    let few = counted.join().unwrap() as f64;
    let expected = 200_000.0 * chance(48, f64::from(64 << 10));
    assert!((few - expected).abs() < 5.0 * expected.sqrt(), "{few} samples instead of {expected}");
    stop();
}

/// The one kind of thread that does not learn of `start` at once, and what it takes for it to learn.
#[test]
fn a_thread_that_stays_within_its_magazines_is_profiled_from_its_next_cold_door_on() {
    let _alone = alone();
    let (say, hear) = mpsc::channel::<()>();
    let (say_ready, hear_ready) = mpsc::channel::<()>();
    let turns = thread::spawn(move || {
        // A magazine with room and blocks.
        drop((0..40).map(|_| Block::new(32)).collect::<Vec<_>>());
        drop(Block::new(32));
        IS_HEARD.set(true);
        say_ready.send(()).unwrap();
        hear.recv().unwrap();
        let turn = || (0..1000).for_each(|_| drop(black_box(Block::new(32))));
        turn();
        let unseen = samples();
        come_to_a_door();
        let before = samples();
        turn();
        let seen = samples() - before;
        profile::stop();
        let before = samples();
        turn();
        (unseen, seen, samples() - before)
    });
    hear_ready.recv().unwrap();
    start(1);
    say.send(()).unwrap();
    let (unseen, seen, after) = turns.join().unwrap();
    assert!(unseen < 100, "{unseen}: the thread came to a door by itself");
    assert_eq!(seen, 1000);
    assert_eq!(after, 0, "it learns of the end on its next slow path");
    stop();
}

/// Blocks of a size in a heap, the heap, and how many samples of them live when there are `count`, then half, then none.
fn live_of_heap(heap: &Heap, size: usize, count: usize) -> [u64; 3] {
    let layout = Layout::from_size_align(size, 16).unwrap();
    let mut blocks = Vec::with_capacity(count);
    (0..count).for_each(|_| blocks.push(heap.alloc(layout).unwrap()));
    let all = live(size);
    // SAFETY: blocks of this layout, each freed once: by the heap.
    blocks.drain(count / 2..).for_each(|block| unsafe { heap.dealloc(block, layout) });
    let half = live(size);
    // SAFETY: blocks of this layout, each freed once: by the thread.
    blocks.drain(..).for_each(|block| unsafe { Strata.dealloc(block.as_ptr(), layout) });
    [all, half, live(size)]
}

#[test]
fn heaps_are_sampled_whether_they_are_there_before_or_come_after() {
    let _alone = alone();
    let before = Heap::new().unwrap();
    assert_eq!(live_of_heap(&before, 32, 100), [0; 3]);
    start(1);
    listen();
    let after = Heap::new().unwrap();
    assert_eq!(live_of_heap(&after, 32, 100), [100, 50, 0]);
    after.collect();
    assert_eq!(live_of_heap(&after, 4096, 100), [100, 50, 0], "also after it was collected");
    // The first refill is the one that learns.
    live_of_heap(&before, 4096, 1000);
    assert_eq!(live_of_heap(&before, 32, 100), [100, 50, 0]);
    stop();
    let count = samples();
    for heap in [before, after] {
        live_of_heap(&heap, 32, 1000);
        assert_eq!(samples(), count, "none after the end");
    }
}

#[test]
fn threads_that_are_profiled_leave_nothing_behind() {
    let _alone = alone();
    start(64 << 10);
    // Threads of other tests come and go meanwhile, a few.
    let before = RUNTIME.registry.live() + 8;
    for _ in 0..50 {
        let work = || {
            let kept: Vec<_> = (0..2000).map(|size| Block::new(size % 700 + 1)).collect();
            come_to_a_door();
            drop(kept);
        };
        thread::spawn(work).join().unwrap();
    }
    stop();
    assert!(RUNTIME.registry.live() < before);
    assert!((RUNTIME.registry.caches().count() as u64) < 2 * before, "counting caches stay behind");
}
