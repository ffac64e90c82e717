//! A thread that the C library does not know of: what it is, and what it is not.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![cfg(not(any(strata_unix, strata_loom, strata_tsan)))]

use std::fs;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use strata_os::futex;
use strata_os::kernel_thread::{Berth, IS_THERE, Refusal};

static BERTH: Berth = Berth::new();
/// One test at a time uses the berth.
static TURN: Mutex<()> = Mutex::new(());
/// 0 while the thread is to stay.
static MAY_GO: AtomicU32 = AtomicU32::new(0);
static RAN: AtomicU64 = AtomicU64::new(0);

extern "C" fn stay() {
    RAN.fetch_add(1, SeqCst);
    while MAY_GO.load(SeqCst) == 0 {
        // SAFETY: a word of a static.
        unsafe { futex::wait(NonNull::new(MAY_GO.as_ptr()).unwrap(), 0, None) };
    }
}

/// Starts the thread, inspects it, and lets it end.
fn beside_a_thread<R>(look: impl FnOnce() -> R) -> R {
    let _turn = TURN.lock();
    beside_one(look)
}

/// The same, by the one whose turn it is.
fn beside_one<R>(look: impl FnOnce() -> R) -> R {
    MAY_GO.store(0, SeqCst);
    let before = RAN.load(SeqCst);
    // SAFETY: the body waits, and touches statics.
    unsafe { BERTH.introduce(stay, c"strata-test") };
    // SAFETY: one test at a time.
    assert_eq!(unsafe { BERTH.start() }, Ok(()));
    assert!(BERTH.is_occupied());
    while RAN.load(SeqCst) == before {
        std::thread::yield_now();
    }
    let answer = look();
    MAY_GO.store(1, SeqCst);
    futex::wake(NonNull::new(MAY_GO.as_ptr()).unwrap());
    BERTH.wait_until_empty(None);
    assert!(!BERTH.is_occupied());
    answer
}

/// The folder of the thread below `/proc`.
fn task() -> String {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let mut paths = tasks.map(|task| task.path().display().to_string());
    let is_ours =
        |path: &String| fs::read_to_string(format!("{path}/comm")).is_ok_and(|name| name == "strata-test\n");
    paths.find(is_ours).expect("a thread of this name")
}

/// What a line of the thread's `status` says.
fn status(task: &str, name: &str) -> String {
    let status = fs::read_to_string(format!("{task}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim_start_matches(':').trim().to_owned()
}

extern "C" fn give_up() {
    strata_os::kernel_thread::abort();
}

#[test]
fn the_process_ends_by_abort_on_a_thread_that_the_c_library_does_not_know_whatever_the_program_handles() {
    static LAST: Berth = Berth::new();
    extern "C" fn handler(_: libc::c_int) {
        // SAFETY: ends the child.
        unsafe { libc::_exit(3) };
    }
    // SAFETY: the child makes system calls only.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: the handler makes one system call.
        unsafe { libc::signal(libc::SIGABRT, handler as extern "C" fn(libc::c_int) as libc::sighandler_t) };
        // SAFETY: the body ends the process.
        unsafe { LAST.introduce(give_up, c"strata-test") };
        // SAFETY: no other thread starts one.
        let _ = unsafe { LAST.start() };
        std::thread::sleep(std::time::Duration::from_secs(60));
        // SAFETY: ends the child.
        unsafe { libc::_exit(4) };
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT, "{status:#x}");
}

#[test]
fn a_thread_knows_whether_it_is_the_one_of_a_berth() {
    static IS_HERE: AtomicU32 = AtomicU32::new(0);
    static PLACE: Berth = Berth::new();
    extern "C" fn look() {
        IS_HERE.store(u32::from(PLACE.is_here()), SeqCst);
    }
    // SAFETY: the body touches statics.
    unsafe { PLACE.introduce(look, c"strata-test") };
    // SAFETY: no other thread starts one.
    assert_eq!(unsafe { PLACE.start() }, Ok(()));
    PLACE.wait_until_empty(None);
    assert!(IS_HERE.load(SeqCst) == 1 && !PLACE.is_here());
}

fn in_a_child(body: impl FnOnce() -> bool) {
    // SAFETY: the child does little, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let well = body();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
}

#[test]
fn it_runs_ends_and_another_takes_its_place() {
    const { assert!(IS_THERE) };
    let before = RAN.load(SeqCst);
    (0..100).for_each(|_| beside_a_thread(|| ()));
    assert!(RAN.load(SeqCst) >= before + 100);
}

#[test]
fn a_berth_holds_one() {
    beside_a_thread(|| {
        // SAFETY: refused: the berth is occupied.
        assert_eq!(unsafe { BERTH.start() }, Err(Refusal::Occupied));
    });
}

#[test]
fn it_blocks_all_signals_and_its_starter_none_more_than_before() {
    beside_a_thread(|| {
        // All but SIGKILL and SIGSTOP, those of the C library's own included.
        assert_eq!(status(&task(), "SigBlk"), "fffffffffffbfeff");
        assert_eq!(status("/proc/thread-self", "SigBlk"), "0000000000000000");
    });
}

#[test]
fn it_has_no_descriptors() {
    let task = beside_a_thread(|| {
        let task = task();
        // It may be about to give them up.
        while fs::read_dir(format!("{task}/fd")).unwrap().count() != 0 {
            std::thread::yield_now();
        }
        task
    });
    // The berth is empty as soon as the thread needs its stack no more; the system forgets it a moment later.
    while fs::metadata(&task).is_ok() {
        std::thread::yield_now();
    }
    assert!(fs::read_dir("/proc/self/fd").unwrap().count() > 2, "ours are open");
}

#[test]
fn it_is_not_pinned_by_a_starter_that_is() {
    let processors = |task: &str| status(task, "Cpus_allowed_list");
    let all = processors("/proc/self");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: all zeros are an empty set.
            let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
            // SAFETY: asks for a number.
            let here = unsafe { libc::sched_getcpu() } as usize;
            // SAFETY: a number of a processor.
            unsafe { libc::CPU_SET(here, &mut set) };
            // SAFETY: the calling thread's; reads the set.
            assert_eq!(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) }, 0);
            // Not all may be started as real-time threads.
            let priority = libc::sched_param { sched_priority: 1 };
            // SAFETY: the calling thread's; reads the number.
            let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) };
            beside_a_thread(|| {
                let task = task();
                assert_eq!(processors(&task), all);
                let stat = fs::read_to_string(format!("{task}/stat")).unwrap();
                assert_eq!(stat.rsplit(' ').nth(11), Some("0"), "its policy is the ordinary one: {stat}");
            });
        });
    });
}

/// What `sched_setattr` wants to know.
#[repr(C)]
#[derive(Default)]
struct Scheduling {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// Gives the calling thread a policy; whether it may have it.
fn schedule(policy: libc::c_int) -> bool {
    let deadline = policy == libc::SCHED_DEADLINE;
    let [runtime, period] = if deadline { [1_000_000, 100_000_000] } else { [0, 0] };
    let size = size_of::<Scheduling>() as u32;
    let wanted = Scheduling {
        size,
        policy: policy as u32,
        runtime,
        deadline: period,
        period,
        ..Scheduling::default()
    };
    // SAFETY: reads the words.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) == 0 }
}

#[test]
fn a_modest_policy_stays_and_a_deadline_starts_none() {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(schedule(libc::SCHED_BATCH));
            beside_a_thread(|| {
                let stat = fs::read_to_string(format!("{}/stat", task())).unwrap();
                assert_eq!(stat.rsplit(' ').nth(11), Some("3"), "it is a batch, too: {stat}");
            });
        });
        scope.spawn(|| {
            static PLACE: Berth = Berth::new();
            if !schedule(libc::SCHED_DEADLINE) {
                println!("skipped: no deadlines here");
                return;
            }
            // SAFETY: the body touches statics; none is started.
            unsafe { PLACE.introduce(stay, c"strata-test-3") };
            // SAFETY: no other thread starts one.
            assert_eq!(unsafe { PLACE.start() }, Err(Refusal::Refused));
        });
    });
}

#[test]
fn the_c_library_goes_on_believing_in_one_thread() {
    unsafe extern "C" {
        #[link_name = "__libc_single_threaded"]
        static SINGLE: u8;
    }
    // The harness has several threads: what counts is a child, which has one.
    let _turn = TURN.lock();
    in_a_child(|| {
        // The C library does not take a child for one of a single thread again; what the thread changes is what counts.
        // SAFETY: a byte of the C library's.
        let single = || unsafe { (&raw const SINGLE).read_volatile() };
        let before = single();
        beside_one(|| single() == before)
    });
}

#[test]
fn a_child_of_fork_is_of_another_generation_and_has_its_own_thread() {
    let generation = BERTH.generation();
    assert!(generation != 0 && BERTH.generation() == generation);
    beside_a_thread(|| {
        in_a_child(|| {
            let is_other = BERTH.generation() > generation && !BERTH.is_occupied();
            MAY_GO.store(1, SeqCst);
            // SAFETY: this thread is the only one.
            let started = unsafe { BERTH.start() };
            BERTH.wait_until_empty(None);
            is_other && started == Ok(())
        });
        assert!(BERTH.is_occupied());
    });
    assert_eq!(BERTH.generation(), generation);
}

#[test]
fn an_errno_of_its_starter_is_left_alone() {
    static BERTH: Berth = Berth::new();
    extern "C" fn refused() {
        let word = AtomicU32::new(0);
        // Refused, as the time is over.
        // SAFETY: a live word.
        unsafe { futex::wait(NonNull::new(word.as_ptr()).unwrap(), 0, Some(1)) };
    }
    // SAFETY: answers a place of the thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the thread's own place.
    unsafe { errno.write(77) };
    // SAFETY: the body makes one call.
    unsafe { BERTH.introduce(refused, c"strata-test-2") };
    // SAFETY: the only one to start here.
    assert_eq!(unsafe { BERTH.start() }, Ok(()));
    BERTH.wait_until_empty(None);
    // SAFETY: empty, and ours.
    unsafe { BERTH.give_stack_back() };
    // SAFETY: the thread's own place, which lives as long as the thread.
    assert_eq!(unsafe { errno.read() }, 77);
}
