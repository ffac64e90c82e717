//! A whole runtime for one execution, and threads that allocate from it as a program would.
//!
//! Everything that an actor does goes the way of the shipped build: `Cache::alloc`, `Cache::free`, refills, flushes, remote
//! words, arenas, the simulated OS. A block's contents are a [`payload`].
//!
//! Does not know: which handshake is on trial.

use crate::{JoinHandle, alone, payload, spawn};
use std::ptr::NonNull;
use std::thread::panicking;
use strata_cache::{Cache, Runtime, thread};
use strata_core::address::UserPtr;
use strata_core::pool::Memory;
use strata_core::size_class::SizeClass;
use strata_core::sync::Ordering::Relaxed;

/// Two blocks to a pool.
pub const HALF: SizeClass = SizeClass::of(4096);
/// Four blocks to a pool, carved two at a time.
pub const QUARTER: SizeClass = SizeClass::of(2048);

/// Four blocks to a span of three pools: all of an arena.
pub const SPAN: SizeClass = SizeClass::of(6144);

/// A runtime of this execution's own.
#[derive(Clone, Copy, Debug)]
pub struct World {
    runtime: &'static Runtime,
    stand_in: &'static Cache,
}

/// A thread's view: the cache that it would find in its thread word.
#[derive(Debug)]
pub struct Actor {
    cache: &'static Cache,
}

/// A block in the hands of the program, with what the program wrote into it.
#[derive(Debug)]
#[must_use = "a dropped block is lost memory"]
pub struct Block {
    place: NonNull<u8>,
    class: SizeClass,
    mark: u64,
}

// SAFETY: memory is handed from thread to thread all the time; that this is sound is what the models check.
unsafe impl Send for Block {}

impl World {
    /// A runtime without memory. Nothing is purged unless a model asks for it: time must not steer an execution.
    pub fn new() -> Self {
        let runtime: &'static Runtime = Box::leak(Box::new(Runtime::new()));
        runtime.page_heap.tuning.purge_delay_ms.store(u64::MAX, Relaxed);
        thread::share(runtime);
        Self { runtime, stand_in: Box::leak(Box::new(Cache::new())) }
    }

    /// A world in which a thread has left a pool with one live block and, on another page, room for another.
    pub fn with_a_left_pool() -> (Self, Block) {
        let world = Self::new();
        let gone = world.enter();
        let (live, free) = (gone.alloc(HALF), gone.alloc(HALF));
        gone.free(free);
        world.leave(gone);
        (world, live)
    }

    /// A thread starts whose magazine of `class` is empty, and takes two blocks before its older half goes.
    pub fn enter_with_room(self, class: SizeClass) -> Actor {
        let actor = self.enter();
        let blocks = [(); 3].map(|()| actor.alloc(class));
        blocks.into_iter().for_each(|block| actor.free(block));
        let ready = [(); 2].map(|()| actor.alloc(class));
        ready.into_iter().for_each(|block| self.without_cache().free(block));
        actor
    }

    /// A thread starts that is busy with `class`: it keeps the pool of its next refill. Its magazine is empty, and takes nothing at
    /// first.
    pub fn enter_busy(self, class: SizeClass) -> Actor {
        let actor = self.enter();
        let blocks = [(); 4].map(|()| actor.alloc(class));
        blocks.into_iter().for_each(|block| actor.free(block));
        actor.collect();
        actor
    }

    /// A purge pass over all free memory.
    pub fn purge(self) {
        self.runtime.page_heap.purge_all();
    }

    /// What all threads share.
    pub fn runtime(self) -> &'static Runtime {
        self.runtime
    }

    /// A thread starts.
    pub fn enter(self) -> Actor {
        self.try_enter().expect("the registry has room")
    }

    /// A thread starts, unless the registry is full or memory is refused.
    pub fn try_enter(self) -> Option<Actor> {
        self.runtime.enter().map(|cache| Actor { cache })
    }

    /// A thread that is ending: it has no cache any more, and gets none.
    pub fn without_cache(self) -> Actor {
        Actor { cache: self.stand_in }
    }

    /// A thread ends.
    pub fn leave(self, actor: Actor) {
        // SAFETY: the actor's own cache, which it gives up here.
        unsafe { self.runtime.leave(actor.cache) };
    }

    /// The program makes a heap: a cache that no thread has.
    pub fn new_heap(self) -> Actor {
        self.enter()
    }

    /// The program makes a heap, and is busy with `class` there: it keeps the pool of its next refill.
    pub fn new_busy_heap(self, class: SizeClass) -> Actor {
        self.enter_busy(class)
    }

    /// The thread `own` deletes a heap.
    pub fn delete(self, heap: Actor, own: &Actor) {
        // SAFETY: the heap's cache, which is given up here, and the actor's own.
        unsafe { self.runtime.delete(heap.cache, own.cache) };
    }

    /// Once all is quiet: no pool is in use, although threads and heaps may still be there.
    ///
    /// # Panics
    /// If one is.
    pub fn expect_no_pool_in_use(self) {
        assert_eq!(
            self.runtime.page_heap.snapshot().used_pools,
            0,
            "every block was freed and none held back"
        );
    }

    /// The program is over: all threads leave, nothing may be left behind, and the memory goes back.
    ///
    /// # Panics
    /// If a pool is still in use although every block was freed: a free was lost.
    pub fn end(self, actors: impl IntoIterator<Item = Actor>) {
        alone();
        actors.into_iter().for_each(|actor| self.leave(actor));
        let page_heap = &self.runtime.page_heap;
        assert_eq!(page_heap.snapshot().used_pools, 0, "every block was freed, but pools are still in use");
        assert_eq!(self.runtime.registry.live(), 0);
        self.dismantle();
    }

    /// The memory goes back, whatever is in use.
    pub fn dismantle(self) {
        if panicking() {
            return;
        }
        // SAFETY: the model is over: its threads are joined.
        unsafe { self.runtime.dismantle() };
        let runtime = std::ptr::from_ref(self.runtime).cast_mut();
        // SAFETY: from `Box::leak` in `new`; not used any more.
        drop(unsafe { Box::from_raw(runtime) });
        let stand_in = std::ptr::from_ref(self.stand_in).cast_mut();
        // SAFETY: from `Box::leak` in `new`; nothing leads to it any more.
        drop(unsafe { Box::from_raw(stand_in) });
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Actor {
    /// Whether both are the same slot of the registry.
    pub fn is_in_the_slot_of(&self, other: usize) -> bool {
        self.slot() == other
    }

    /// The slot of the registry, as a number to compare.
    pub fn slot(&self) -> usize {
        std::ptr::from_ref(self.cache).addr()
    }

    /// Allocates, and writes into the block.
    pub fn alloc(&self, class: SizeClass) -> Block {
        self.try_alloc(class).expect("the simulated OS has memory")
    }

    /// Allocates, unless memory is refused, and writes into the block.
    pub fn try_alloc(&self, class: SizeClass) -> Option<Block> {
        // SAFETY: the actor's own cache.
        let place = unsafe { self.cache.alloc(class) }?.as_non_null();
        Some(Block::written(place, class))
    }

    /// Allocates as for zeroed memory: what is said to be zero must be, and no other thread may be writing there.
    pub fn alloc_zeroable(&self, class: SizeClass) -> Block {
        // SAFETY: the actor's own cache.
        let (block, memory) = unsafe { self.cache.alloc_zeroable(class, class.block_bytes()) }
            .expect("the simulated OS has memory");
        if memory == Memory::Zero {
            pieces(block.as_non_null(), class).for_each(|piece| payload::expect(piece, payload::ZERO));
        }
        Block::written(block.as_non_null(), class)
    }

    /// Checks what the block holds, and frees it.
    pub fn free(&self, block: Block) {
        pieces(block.place, block.class).for_each(|piece| payload::give_up(piece, block.mark));
        // SAFETY: the actor's own cache; the block is the program's, which gives it back.
        unsafe { self.cache.free(UserPtr::new(block.place), block.class) };
    }

    /// The same, as a program does that knows no size.
    pub fn free_unsized(&self, block: Block) {
        pieces(block.place, block.class).for_each(|piece| payload::give_up(piece, block.mark));
        // SAFETY: as in `free`.
        unsafe { self.cache.free_unsized(UserPtr::new(block.place)) };
    }

    /// Its thread frees blocks of others, and ends without leaving.
    pub fn frees(self, blocks: impl IntoIterator<Item = Block> + 'static) -> JoinHandle<Self> {
        spawn(move || {
            blocks.into_iter().for_each(|block| self.free(block));
            self
        })
    }

    /// Its thread frees a block of another, and collects, so that it is with its pool.
    pub fn frees_and_collects(self, block: Block) -> JoinHandle<Self> {
        spawn(move || {
            self.free(block);
            self.collect();
            self
        })
    }

    /// Its thread gives back what waits in its magazines.
    pub fn collects(self) -> JoinHandle<Self> {
        spawn(move || {
            self.collect();
            self
        })
    }

    /// Gives back what waits in the magazines, and abandons the active pools.
    pub fn collect(&self) {
        // SAFETY: the actor's own cache.
        unsafe { self.cache.collect() };
    }
}

/// The payloads of a block: one at every place where a block could start.
fn pieces(place: NonNull<u8>, class: SizeClass) -> impl Iterator<Item = NonNull<u8>> {
    let step = QUARTER.block_bytes();
    (0..class.block_bytes() / step)
        .map(move |piece| place.map_addr(|start| start.saturating_add(piece * step)))
}

impl Block {
    fn written(place: NonNull<u8>, class: SizeClass) -> Self {
        let mark = payload::new_mark();
        pieces(place, class).for_each(|piece| payload::write(piece, mark));
        Self { place, class, mark }
    }

    /// Its address.
    pub fn place(&self) -> NonNull<u8> {
        self.place
    }

    /// The program checks its block.
    ///
    /// # Panics
    /// If it does not hold what was written.
    pub fn expect_intact(&self) {
        pieces(self.place, self.class).for_each(|piece| payload::expect(piece, self.mark));
    }
}
