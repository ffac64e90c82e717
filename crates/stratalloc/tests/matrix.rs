//! How much of what a limit leaves can be had: by kinds of limits, mixes of sizes and threads, beside the C library's allocator.
//!
//! Each case fills all that there is, checks that contents are intact, frees all, and does so twice again. A few run with every test;
//! all, with a table: `cargo test --profile checked -p stratalloc --test matrix -- --ignored --nocapture`. The machine's own limits are the
//! simulated OS's to set: the same with `RUSTFLAGS="--cfg strata_simulated"`.

#[allow(dead_code, reason = "each test file uses its part")]
mod process;
#[allow(dead_code, reason = "each test file uses its part")]
mod random;

use process::{KIB, MIB, child_for, is_slow, limit, status_bytes};
use random::Random;
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::{NonNull, null_mut};
use std::sync::Barrier;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// The case that a child runs: limit, mix, threads and allocator.
const CASE: &str = "STRATA_MATRIX_CASE";

/// Bytes that a limit leaves.
const ROOM: usize = 300 * MIB;

/// Mappings that a process may have where it may have few.
const FEW_MAPPINGS: usize = 300;

/// Sizes of blocks, from and to.
const MIXES: [(&str, usize, usize); 6] = [
    ("small", 32, 512),
    ("medium", 512, 30 * KIB),
    ("around pools", 33 * KIB, 130 * KIB),
    ("large", 130 * KIB, 2 * MIB),
    ("huge", 2 * MIB, 20 * MIB),
    ("all", 32, 4 * MIB),
];

#[cfg(not(strata_simulated))]
const LIMITS: [&str; 6] = ["addresses", "data", "few mappings", "locked", "locked ahead", "locked on fault"];

/// `vm.overcommit_memory` = 2; the same in a cgroup whose limit is as near.
#[cfg(strata_simulated)]
const LIMITS: [&str; 2] = ["promised", "promised in a group"];

/// What starts each block: the next of its thread's, and what tells whether it is intact.
#[repr(C)]
struct Head {
    next: *mut Head,
    size: usize,
    seed: usize,
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).unwrap()
}

/// An allocator, as far as it is needed here.
#[derive(Clone, Copy)]
enum Peer {
    Strata,
    CLibrary,
}

impl Peer {
    fn alloc(self, size: usize) -> Option<NonNull<u8>> {
        NonNull::new(match self {
            // SAFETY: not empty.
            Self::Strata => unsafe { alloc(layout(size)) },
            // SAFETY: asks nothing of the caller.
            Self::CLibrary => unsafe { libc::malloc(size) }.cast(),
        })
    }

    /// # Safety
    /// - The block is one of this peer's, of this size, and not used again.
    unsafe fn free(self, block: *mut u8, size: usize) {
        match self {
            // SAFETY: the same contract.
            Self::Strata => unsafe { dealloc(block, layout(size)) },
            // SAFETY: the same contract.
            Self::CLibrary => unsafe { libc::free(block.cast()) },
        }
    }
}

/// Blocks linked through themselves, so that nothing else needs memory.
struct Blocks {
    first: *mut Head,
    bytes: usize,
    peer: Peer,
}

impl Blocks {
    /// As many blocks of a mix as there are. A refusal counts once four in a row were refused: smaller ones may be there.
    fn all_of(mix: usize, seed: u64, peer: Peer) -> Self {
        let (_, least, most) = MIXES[mix];
        let mut random = Random::new(seed);
        let mut blocks = Self { first: null_mut(), bytes: 0, peer };
        let mut refused = 0;
        while refused < 4 {
            // As many of each magnitude.
            let magnitude = random.between(least.ilog2() as usize, most.ilog2() as usize);
            let size = random.between(1 << magnitude, (2 << magnitude) - 1).clamp(least, most);
            match peer.alloc(size) {
                Some(block) => blocks.push(block, size),
                None => refused += 1,
            }
        }
        blocks
    }

    fn push(&mut self, block: NonNull<u8>, size: usize) {
        let head = block.cast::<Head>().as_ptr();
        let seed = head.addr() ^ size;
        // SAFETY: a new block of at least this size.
        unsafe { head.write(Head { next: self.first, size, seed }) };
        let end = block.as_ptr().wrapping_add(size - 8).cast::<[u8; 8]>();
        // SAFETY: the last eight bytes of the new block.
        unsafe { end.write(seed.to_ne_bytes()) };
        (self.first, self.bytes) = (head, self.bytes + size);
    }

    /// Gives all back, and checks that they are as they were.
    fn free(self) {
        let mut next = self.first;
        while !next.is_null() {
            // SAFETY: a block of ours.
            let Head { next: after, size, seed } = unsafe { next.read() };
            let end = next.cast::<u8>().wrapping_add(size - 8).cast::<[u8; 8]>();
            // SAFETY: its last eight bytes, which `push` wrote.
            let end = unsafe { end.read() };
            assert!(
                seed == next.addr() ^ size && end == seed.to_ne_bytes(),
                "a block of {size} bytes is not as it was"
            );
            // SAFETY: a block of ours, which is not used again.
            unsafe { self.peer.free(next.cast(), size) };
            next = after;
        }
    }
}

/// Sets a limit of `ROOM`; `false`: this process may not.
fn restrict(kind: &str) -> bool {
    let lock = |how| {
        // SAFETY: asks nothing of the caller.
        let locked = unsafe { libc::mlockall(how) } == 0;
        limit(libc::RLIMIT_AS, Some(status_bytes("VmSize:") + ROOM));
        locked
    };
    // What is only reserved is no part of what a program has.
    Strata::trim();
    if kind.starts_with("promised") {
        return promise(kind);
    }
    match kind {
        "addresses" => limit(libc::RLIMIT_AS, Some(status_bytes("VmSize:") + ROOM)),
        "data" => limit(libc::RLIMIT_DATA, Some(status_bytes("VmData:") + ROOM)),
        "few mappings" => {
            limit(libc::RLIMIT_AS, Some(status_bytes("VmSize:") + ROOM + 300 * MIB));
            return take_mappings();
        }
        "locked" => return lock(libc::MCL_CURRENT),
        "locked ahead" => return lock(libc::MCL_CURRENT | libc::MCL_FUTURE),
        _ => return lock(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT),
    }
    true
}

#[cfg(not(strata_simulated))]
fn promise(_: &str) -> bool {
    false
}

#[cfg(strata_simulated)]
fn promise(kind: &str) -> bool {
    use strata_os::simulated::{promise_at_most, promised_bytes, set_memory_limit};
    promise_at_most(ROOM as u64);
    if kind.ends_with("in a group") {
        set_memory_limit(promised_bytes() + ROOM as u64);
    }
    true
}

/// Takes all mappings that the system allows but for a few; the limit itself is the whole machine's.
fn take_mappings() -> bool {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let most: usize = most.trim().parse().unwrap();
    if most > 100_000 {
        return false;
    }
    let used = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let pages = most - used - FEW_MAPPINGS;
    // SAFETY: fresh addresses, which stay.
    let start = unsafe {
        libc::mmap(null_mut(), pages * 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    };
    // Neighbours of one kind would be one mapping.
    (0..pages).step_by(2).all(|page| {
        // SAFETY: pages of the mapping.
        let place = unsafe { start.cast::<u8>().add(page * 4096) };
        // SAFETY: a whole page of the mapping, in which nothing lives.
        unsafe { libc::mprotect(place.cast(), 4096, libc::PROT_READ) == 0 }
    })
}

/// Bytes that threads together got, and the most that they got when they tried again, twice: the last refusals of several threads are a
/// matter of luck. `None`: the limit cannot be set here.
fn obtain(kind: &str, mix: usize, threads: usize, peer: Peer) -> Option<[usize; 2]> {
    let barrier = &Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let fill = |thread| {
            move || {
                barrier.wait();
                [(); 3].map(|()| {
                    barrier.wait();
                    let blocks = Blocks::all_of(mix, thread as u64, peer);
                    let bytes = blocks.bytes;
                    barrier.wait();
                    blocks.free();
                    bytes
                })
            }
        };
        let small = || std::thread::Builder::new().stack_size(64 * KIB);
        let fills: Vec<_> =
            (0..threads).map(|thread| small().spawn_scoped(scope, fill(thread)).unwrap()).collect();
        // What a thread takes to start is no part of what is left.
        barrier.wait();
        let is_limited = restrict(kind);
        (0..6).for_each(|_| _ = barrier.wait());
        let mut sums = [0; 3];
        for fill in fills {
            let got = fill.join().unwrap();
            sums.iter_mut().zip(got).for_each(|(sum, bytes)| *sum += bytes);
        }
        let [first, second, third] = sums;
        is_limited.then_some([first, second.max(third)])
    })
}

#[test]
fn one_case() {
    let Some(case) = std::env::var(CASE).ok() else { return };
    let [kind, mix, threads, peer] = case.split('/').collect::<Vec<_>>().try_into().unwrap();
    let peer = if peer == "strata" { Peer::Strata } else { Peer::CLibrary };
    let got = obtain(kind, mix.parse().unwrap(), threads.parse().unwrap(), peer);
    [libc::RLIMIT_AS, libc::RLIMIT_DATA].into_iter().for_each(|kind| limit(kind, None));
    match got {
        Some([first, second]) => println!("\n  got {first} {second}"),
        None => println!("\n  none"),
    }
}

/// What a child of its own got. `None`: the limit cannot be set here.
fn run(kind: &str, mix: usize, threads: usize, peer: &str) -> Option<[usize; 2]> {
    let mut command = child_for("one_case");
    let output = command.env(CASE, format!("{kind}/{mix}/{threads}/{peer}")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    if text.lines().any(|line| line == "  none") {
        return None;
    }
    let line = text.lines().find_map(|line| line.strip_prefix("  got ")).unwrap();
    Some([0, 1].map(|index| line.split(' ').nth(index).unwrap().parse().unwrap()))
}

/// A few cases, for every test run.
fn quick() -> impl Iterator<Item = (&'static str, usize, usize)> {
    let mixes = [(0, 4), (3, 1), (5, 4)];
    let thorough = LIMITS[..2].iter().flat_map(move |kind| mixes.map(|(mix, threads)| (*kind, mix, threads)));
    let others = LIMITS[2..].iter().map(|kind| (*kind, 5, 4));
    thorough.chain(others).filter(|(_, mix, _)| !is_slow() || *mix != 0)
}

#[test]
fn what_a_limit_leaves_can_be_had_and_again_after_it_was_freed() {
    for (kind, mix, threads) in quick() {
        let Some([first, second]) = run(kind, mix, threads, "strata") else {
            println!("skipped: {kind} cannot be set here");
            continue;
        };
        let name = MIXES[mix].0;
        assert!(first * 100 >= ROOM * 70, "{kind}, {name}, {threads}: {} MiB", first / MIB);
        assert!(second * 100 >= first * 95, "{kind}, {name}, {threads}: {first} and {second} bytes");
    }
}

#[test]
#[ignore = "takes minutes"]
fn all_limits_mixes_and_threads() {
    println!(
        "  limit            sizes         threads   MiB of {}   again   the C library's   part",
        ROOM / MIB
    );
    for kind in LIMITS {
        for (mix, (name, ..)) in MIXES.into_iter().enumerate() {
            for threads in [1, 16] {
                let Some([first, second]) = run(kind, mix, threads, "strata") else {
                    println!("  {kind}: cannot be set here");
                    continue;
                };
                let theirs = if cfg!(strata_simulated) { None } else { run(kind, mix, threads, "libc") };
                let [theirs, _] = theirs.unwrap_or([ROOM; 2]);
                let part = first as f64 / theirs as f64;
                let [first, second, theirs] = [first, second, theirs].map(|bytes| bytes / MIB);
                println!(
                    "  {kind:<16} {name:<13} {threads:>7} {first:>12} {second:>7} {theirs:>17} {part:>6.2}"
                );
                assert!(second * 100 >= first * 95, "not all can be had again");
            }
        }
    }
}
