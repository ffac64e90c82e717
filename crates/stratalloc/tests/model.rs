//! Random operations against a shadow of the address space: no overlap, aligned, contents kept, zeroed is zero, all usable.
//!
//! | test             | threads           | on failure                                                        |
//! |------------------|-------------------|-------------------------------------------------------------------|
//! | many operations  | four at once      | the seed is printed; each thread's sequence follows from it       |
//! | lock step        | one at a time     | the seed is printed, and gives the very same run again            |
//! | shrinking        | one               | the shortest failing sequence is printed                          |

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
mod random;
mod shadow;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use patterned::{Patterned, layout};
use process::is_slow;
use proptest::prelude::*;
use random::Random;
use shadow::Shadow;
use spin::SpinLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// What `STRATA_TEST_SEED` says, or always the same.
fn seed() -> u64 {
    let given = std::env::var("STRATA_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or(0x5742_a1a0);
    println!("  again with STRATA_TEST_SEED={seed}");
    seed
}

/// Mostly small, so that there can be many.
fn any_size(random: &mut Random) -> usize {
    match random.below(20_000) {
        0 => random.between(2 << 20, 6 << 20),
        1..20 => random.between(32 << 10, 2 << 20),
        20..500 => random.between(4 << 10, 64 << 10),
        500..4000 => random.between(256, 4 << 10),
        _ => random.between(1, 256),
    }
}

fn any_align(random: &mut Random) -> usize {
    match random.below(1000) {
        0 => 1 << random.between(13, 23),
        1..10 => 1 << random.between(8, 12),
        10..100 => 1 << random.between(5, 7),
        _ => 1 << random.below(5),
    }
}

/// An operation on the blocks of one thread, with the shadow kept.
struct Model<'all> {
    shadow: &'all Shadow,
    random: Random,
}

impl Model<'_> {
    fn allocate(&mut self) -> Patterned {
        let layout = layout(any_size(&mut self.random), any_align(&mut self.random));
        let seed = self.random.next();
        let block =
            if seed & 3 == 0 { Patterned::zeroed(layout, seed) } else { Patterned::new(layout, seed) };
        let block = block.unwrap();
        self.shadow.enter(block.address(), block.size());
        block
    }

    fn resize(&mut self, block: &mut Patterned) {
        let size = match self.random.below(3) {
            0 => any_size(&mut self.random),
            1 => self.random.between(1, 2 * block.size()),
            _ => self.random.between(block.size().div_ceil(2), block.size() + 32),
        };
        self.shadow.take_out(block.address(), block.size());
        assert!(block.resize(size.min(8 << 20), self.random.next()));
        self.shadow.enter(block.address(), block.size());
    }

    fn free(&mut self, block: Patterned) {
        self.shadow.take_out(block.address(), block.size());
        block.free();
    }
}

const THREADS: usize = 4;
/// Blocks that a thread keeps.
const KEPT: usize = 4000;

struct Worker<'all> {
    model: Model<'all>,
    own: Vec<Patterned>,
    letter_boxes: &'all [SpinLock<Vec<Patterned>>; THREADS],
    number: usize,
}

impl Worker<'_> {
    fn work(mut self, operations: u64, done: &AtomicU64) {
        for _ in 0..operations {
            self.step();
        }
        done.fetch_add(operations, Ordering::Relaxed);
        while let Some(block) = self.own.pop() {
            self.model.free(block);
        }
    }

    fn step(&mut self) {
        let index = self.model.random.below(self.own.len().max(1));
        let draw = self.model.random.below(100);
        if self.own.is_empty() || draw < 40 && self.own.len() < KEPT {
            let block = self.model.allocate();
            return self.own.push(block);
        }
        match draw {
            40..55 => self.model.resize(&mut self.own[index]),
            55..60 => self.send(index),
            60..62 => self.receive(),
            _ => {
                let block = self.own.swap_remove(index);
                self.model.free(block);
            }
        }
    }

    fn send(&mut self, index: usize) {
        let to = (self.number + self.model.random.between(1, THREADS - 1)) % THREADS;
        let block = self.own.swap_remove(index);
        self.letter_boxes[to].lock().push(block);
    }

    /// Frees most of what came, and keeps some.
    fn receive(&mut self) {
        let mail = self.letter_boxes[self.number].with(std::mem::take);
        for block in mail {
            if self.model.random.once_in(4) { self.own.push(block) } else { self.model.free(block) }
        }
    }
}

#[test]
fn ten_million_operations_of_four_threads_break_no_rule() {
    let (seed, shadow) = (seed(), Shadow::new());
    let operations: u64 = if is_slow() { 100_000 } else { 2_500_000 };
    let letter_boxes = std::array::from_fn(|_| SpinLock::default());
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let threads: [_; THREADS] = std::array::from_fn(|number| {
            let random = Random::new(seed ^ (number as u64) << 32);
            let model = Model { shadow: &shadow, random };
            let worker = Worker { model, own: Vec::new(), letter_boxes: &letter_boxes, number };
            let done = &done;
            scope.spawn(move || worker.work(operations, done))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let mut model = Model { shadow: &shadow, random: Random::new(0) };
    for left in letter_boxes {
        left.with(std::mem::take).into_iter().for_each(|block| model.free(block));
    }
    assert!(shadow.is_empty());
    assert_eq!(done.into_inner(), operations * THREADS as u64);
}

/// What a worker in lock step is told.
enum Order {
    Allocate,
    Resize(Patterned),
    Free(Patterned),
}

/// A thread that carries out one order at a time.
struct Puppet {
    orders: Sender<(Order, u64)>,
    answers: Receiver<Option<Patterned>>,
    thread: JoinHandle<()>,
}

impl Puppet {
    fn new(shadow: &'static Shadow) -> Self {
        let (orders, incoming) = channel::<(Order, u64)>();
        let (outgoing, answers) = channel();
        let thread = std::thread::spawn(move || {
            for (order, seed) in incoming {
                let mut model = Model { shadow, random: Random::new(seed) };
                let answer = match order {
                    Order::Allocate => Some(model.allocate()),
                    Order::Resize(mut block) => {
                        model.resize(&mut block);
                        Some(block)
                    }
                    Order::Free(block) => {
                        model.free(block);
                        None
                    }
                };
                outgoing.send(answer).unwrap();
            }
        });
        Self { orders, answers, thread }
    }

    fn obey(&self, order: Order, seed: u64) -> Option<Patterned> {
        self.orders.send((order, seed)).unwrap();
        self.answers.recv().expect("a thread in lock step failed")
    }

    fn end(self) {
        drop(self.orders);
        self.thread.join().unwrap();
    }
}

#[test]
fn threads_in_lock_step_break_no_rule() {
    let mut random = Random::new(seed());
    let shadow: &'static Shadow = Box::leak(Box::new(Shadow::new()));
    let mut puppets: Vec<Puppet> = (0..6).map(|_| Puppet::new(shadow)).collect();
    let mut blocks: Vec<Patterned> = Vec::new();
    for _ in 0..if is_slow() { 10_000 } else { 300_000 } {
        let who = random.below(puppets.len());
        let (seed, index) = (random.next(), random.below(blocks.len().max(1)));
        let order = match random.below(1000) {
            0 => {
                std::mem::replace(&mut puppets[who], Puppet::new(shadow)).end();
                continue;
            }
            1..450 => Order::Allocate,
            _ if blocks.is_empty() => Order::Allocate,
            450..600 => Order::Resize(blocks.swap_remove(index)),
            _ => Order::Free(blocks.swap_remove(index)),
        };
        blocks.extend(puppets[who].obey(order, seed));
    }
    let mut model = Model { shadow, random };
    blocks.into_iter().for_each(|block| model.free(block));
    puppets.into_iter().for_each(Puppet::end);
    assert!(shadow.is_empty());
}

/// A step of a sequence that can be shrunk; an index counts modulo the number of live blocks.
#[derive(Clone, Debug)]
enum Step {
    Allocate { size: usize, align_shift: u32, zeroed: bool },
    Resize { index: usize, size: usize },
    Free { index: usize },
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        10 => 1_usize..=512,
        4 => 1_usize..=40_000,
        1 => 32_000_usize..=300_000,
        1 => 1_900_000_usize..=4_400_000,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let align = prop_oneof![8 => 0_u32..=6, 1 => 7_u32..=23];
    prop_oneof![
        4 => (size(), align, any::<bool>())
            .prop_map(|(size, align_shift, zeroed)| Step::Allocate { size, align_shift, zeroed }),
        2 => (any::<usize>(), size()).prop_map(|(index, size)| Step::Resize { index, size }),
        3 => any::<usize>().prop_map(|index| Step::Free { index }),
    ]
}

fn run(steps: Vec<Step>) {
    let shadow = Shadow::new();
    let mut blocks: Vec<Patterned> = Vec::new();
    for (seed, step) in steps.into_iter().enumerate() {
        let (seed, count) = (seed as u64, blocks.len());
        match step {
            Step::Allocate { size, align_shift, zeroed } => {
                let layout = layout(size, 1 << align_shift);
                let block =
                    if zeroed { Patterned::zeroed(layout, seed) } else { Patterned::new(layout, seed) };
                let block = block.unwrap();
                shadow.enter(block.address(), block.size());
                blocks.push(block);
            }
            Step::Resize { index, size } if count > 0 => {
                let block = &mut blocks[index % count];
                shadow.take_out(block.address(), block.size());
                assert!(block.resize(size, seed));
                shadow.enter(block.address(), block.size());
            }
            Step::Free { index } if count > 0 => {
                let block = blocks.swap_remove(index % count);
                shadow.take_out(block.address(), block.size());
                block.free();
            }
            _ => {}
        }
    }
    blocks.into_iter().for_each(Patterned::free);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if is_slow() { 64 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_sequence_of_one_thread_breaks_no_rule(steps in prop::collection::vec(step(), 1..200)) {
        run(steps);
    }
}
