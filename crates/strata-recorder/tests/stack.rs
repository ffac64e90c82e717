//! Stacks as they are found without the C library, against what the process's own unwinder says: the same addresses.

use std::ffi::{CString, c_int, c_void};
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use strata_recorder::stack::{DEPTH, Rules, walk_tables};

static RULES: Rules = Rules::new();

unsafe extern "C" {
    fn _Unwind_Backtrace(
        step: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

extern "C" fn step(context: *mut c_void, found: *mut c_void) -> c_int {
    // SAFETY: from `by_the_process`, which waits.
    let found = unsafe { &mut *found.cast::<Vec<usize>>() };
    // SAFETY: the unwinder's own context.
    found.push(unsafe { _Unwind_GetIP(context) });
    0
}

#[inline(never)]
fn by_the_process() -> Vec<usize> {
    let mut found = Vec::<usize>::new();
    // SAFETY: `step` gets what it is given here.
    unsafe { _Unwind_Backtrace(step, (&raw mut found).cast()) };
    found.retain(|address| *address != 0);
    found
}

#[inline(never)]
fn by_tables() -> Vec<usize> {
    let mut addresses = [0; DEPTH];
    let depth = walk_tables(&mut addresses, &RULES);
    addresses[..depth].to_vec()
}

/// Whether both stacks are the same but for the innermost frames.
fn are_same(expected: &[usize], got: &[usize]) -> bool {
    let same = expected.iter().rev().zip(got.iter().rev()).take_while(|(one, other)| one == other).count();
    same + 3 >= expected.len() && same + 3 >= got.len()
}

#[inline(never)]
fn compare(least: usize) {
    // Twice: by a search, and by what was kept.
    for _ in 0..2 {
        let (expected, got) = (by_the_process(), by_tables());
        assert!(expected.len() >= least && expected.len() < DEPTH, "{}", expected.len());
        assert!(are_same(&expected, &got), "{expected:x?}\n{got:x?}");
    }
}

#[inline(never)]
fn deep(left: usize, then: &dyn Fn()) {
    let held = [left; 24];
    black_box(&held);
    if left == 0 {
        then()
    } else {
        deep(left - 1, then)
    }
    black_box(&held);
}

/// What is aligned to more than the stack is.
#[repr(align(128))]
struct Aligned([u8; 128]);

#[inline(never)]
fn aligned(then: &dyn Fn()) {
    let held = Aligned([1; 128]);
    black_box(&held.0);
    then();
    black_box(&held.0);
}

#[test]
fn a_stack_is_what_the_unwinder_of_the_process_says() {
    compare(5);
    deep(40, &|| compare(45));
    deep(3, &|| aligned(&|| compare(8)));
    aligned(&|| deep(3, &|| aligned(&|| compare(9))));
}

#[test]
fn through_the_c_library_and_back() {
    extern "C" fn order(_: *const c_void, _: *const c_void) -> c_int {
        compare(8);
        0
    }
    unsafe extern "C" {
        fn qsort(
            base: *mut c_void,
            count: usize,
            bytes: usize,
            order: extern "C" fn(*const c_void, *const c_void) -> c_int,
        );
    }
    let mut numbers = [2_u32, 1];
    // SAFETY: two numbers of four bytes.
    unsafe { qsort(numbers.as_mut_ptr().cast(), 2, 4, order) };
}

#[test]
fn a_signals_frame_leads_to_what_was_interrupted() {
    static SEEN: Mutex<Option<(Vec<usize>, Vec<usize>)>> = Mutex::new(None);
    extern "C" fn handler(_: c_int) {
        *SEEN.lock().unwrap() = Some((by_the_process(), by_tables()));
    }
    let action: extern "C" fn(c_int) = handler;
    // SAFETY: a handler that is called synchronously below.
    unsafe { libc::signal(libc::SIGUSR1, action as *const () as libc::sighandler_t) };
    deep(5, &|| {
        // SAFETY: raises the signal on this thread.
        unsafe { libc::raise(libc::SIGUSR1) };
    });
    let (expected, got) = SEEN.lock().unwrap().take().unwrap();
    assert!(expected.len() > 14 && are_same(&expected, &got), "{expected:x?}\n{got:x?}");
}

#[test]
fn a_small_stack_is_enough() {
    let body = || deep(4, &|| compare(8));
    std::thread::Builder::new().stack_size(32 << 10).spawn(body).unwrap().join().unwrap();
}

/// What a stack costs: shown, since times depend on the machine.
#[test]
fn a_stack_is_found_in_microseconds() {
    fn time(turns: u32, mut body: impl FnMut() -> usize) -> (u128, usize) {
        body();
        let start = std::time::Instant::now();
        let depth = (0..turns).map(|_| body()).last().unwrap_or_default();
        (start.elapsed().as_nanos() / u128::from(turns), depth)
    }
    deep(30, &|| {
        let mut addresses = [0; DEPTH];
        let tables = time(2000, || walk_tables(&mut addresses, &RULES));
        let process = time(200, || by_the_process().len());
        println!("by tables {tables:?}, by the process's unwinder {process:?} (ns, frames)");
    });
}

/// A library with a function that has `bytes` on its stack and calls back, called by way of it once, then unloaded; where its code was.
fn through_a_library(bytes: usize, then: extern "C" fn()) -> usize {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (folder.join(format!("{bytes}.c")), folder.join(format!("{bytes}.so")));
    let text = format!(
        "void through(void (*then)(void)) {{ volatile char room[{bytes}]; room[0] = 1; then(); room[1] = 2; }}"
    );
    std::fs::write(&source, text).unwrap();
    let built =
        Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.unwrap().success());
    let name = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: a library without constructors.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
    // SAFETY: a handle, and a name with its end.
    let function = unsafe { libc::dlsym(handle, c"through".as_ptr()) };
    // SAFETY: the function of this name, as the text above has it.
    let through = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(extern "C" fn())>(function) };
    through(then);
    // SAFETY: nothing of it is in use any more.
    unsafe { libc::dlclose(handle) };
    function.addr()
}

#[test]
fn where_a_library_was_unloaded_and_another_came_the_tables_of_that_one_count() {
    extern "C" fn keep() {
        assert!(are_same(&by_the_process(), &by_tables()));
    }
    extern "C" fn renew() {
        let expected = by_the_process();
        println!("by what was kept: {}", are_same(&expected, &by_tables()));
        assert!(RULES.forget_old(u64::MAX));
        assert!(are_same(&expected, &by_tables()));
    }
    let places = [through_a_library(512, keep), through_a_library(1024, renew)];
    println!("at {places:x?}");
    let rules = Rules::new();
    assert_eq!([1000, 1999, 2000].map(|now| rules.forget_old(now)), [true, false, true]);
}
