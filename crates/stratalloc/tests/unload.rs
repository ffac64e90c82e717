//! A library with an allocator of its own, opened late and closed early: the threads that used it live on, then end.
//!
//! The library is built by the test, from `tests/fixtures/plugin`, without the network.

#[allow(dead_code, reason = "each test file uses its part")]
mod bare;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use bare::in_bare_thread;
use patterned::{Patterned, layout};
use spin::{SpinLock, Turn};
use std::ffi::{CStr, CString, c_void};
use std::fs;
use std::mem::transmute;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Barrier, OnceLock};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Copies the fixture beside the other outputs and builds it with the versions that the workspace uses.
fn build() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let from = here.join("tests/fixtures/plugin");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin");
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("../../..", here.to_str().unwrap());
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(from.join("src/lib.rs"), folder.join("src/lib.rs")).unwrap();
    fs::copy(here.join("../../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--quiet", "--target-dir"]).arg(folder.join("target"));
    cargo.current_dir(&folder).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join("target/debug/libplugin.so")
}

fn path() -> &'static CStr {
    static PATH: OnceLock<CString> = OnceLock::new();
    PATH.get_or_init(|| CString::new(build().into_os_string().into_encoded_bytes()).unwrap())
}

/// Held while the library, which is one for the process, is open or searched for.
fn turn() -> Turn<'static, ()> {
    static TURN: SpinLock<()> = SpinLock::new(());
    TURN.lock()
}

struct Plugin(*mut c_void);

// SAFETY: a handle of `dlopen` is good in every thread.
unsafe impl Send for Plugin {}
// SAFETY: `dlsym` and `dlclose` take a handle from several threads at once.
unsafe impl Sync for Plugin {}

impl Plugin {
    fn open() -> Self {
        // SAFETY: our own library, which does nothing when opened.
        let handle = unsafe { libc::dlopen(path().as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{:?} cannot be opened", path());
        Self(handle)
    }

    fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the handle is open.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!symbol.is_null(), "{name:?}");
        symbol
    }

    fn work(&self, seed: u64) -> u64 {
        // SAFETY: the type of `plugin_work`.
        let work =
            unsafe { transmute::<*mut c_void, extern "C" fn(u64) -> u64>(self.symbol(c"plugin_work")) };
        work(seed)
    }

    fn keep(&self, count: usize) -> usize {
        // SAFETY: the type of `plugin_keep`.
        let keep =
            unsafe { transmute::<*mut c_void, extern "C" fn(usize) -> usize>(self.symbol(c"plugin_keep")) };
        keep(count)
    }

    fn watch(&self) -> bool {
        // SAFETY: the type of `plugin_watch`.
        let watch =
            unsafe { transmute::<*mut c_void, extern "C" fn() -> bool>(self.symbol(c"plugin_watch")) };
        watch()
    }

    fn burst(&self) -> usize {
        // SAFETY: the type of `plugin_burst`.
        let burst =
            unsafe { transmute::<*mut c_void, extern "C" fn() -> usize>(self.symbol(c"plugin_burst")) };
        burst()
    }

    /// Closes it, and says whether its code is gone.
    fn close(&self) -> bool {
        // SAFETY: the handle is open, and no thread is in the library.
        assert_eq!(unsafe { libc::dlclose(self.0) }, 0);
        // SAFETY: only reads.
        unsafe { libc::dlopen(path().as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD) }.is_null()
    }
}

/// Opens the library, has four threads use it, closes it, and lets the threads end after that.
fn use_and_unload() {
    const THREADS: usize = 4;
    let plugin = Plugin::open();
    let step = &Barrier::new(THREADS + 1);
    let expected = plugin.work(5);
    std::thread::scope(|scope| {
        let plugin = &plugin;
        let threads: [_; THREADS] = std::array::from_fn(|_| {
            scope.spawn(move || {
                assert_eq!(plugin.work(5), expected);
                plugin.keep(1000);
                step.wait();
                step.wait();
                // The program's own allocator goes on, and this thread ends with a dead library's cache.
                Patterned::new(layout(3000, 8), 1).unwrap().free();
            })
        });
        step.wait();
        assert_eq!(plugin.keep(10), 1000);
        assert!(plugin.close(), "the library is still there");
        step.wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the library is not instrumented: the sanitizer does not see what its threads hand one another"
)]
fn threads_that_used_a_library_may_end_after_it_was_unloaded() {
    let _turn = turn();
    (0..20).for_each(|_| use_and_unload());
}

#[test]
fn threads_that_end_before_the_library_is_unloaded_leave_their_blocks_to_others() {
    let _turn = turn();
    let plugin = &Plugin::open();
    plugin.keep(0);
    for count in 1..50 {
        let before = in_bare_thread(move || plugin.keep(count));
        assert_eq!(before, count - 1);
        in_bare_thread(move || plugin.work(count as u64));
    }
    assert!(plugin.close());
}

#[test]
fn a_library_that_watches_takes_its_thread_with_it() {
    let _turn = turn();
    let is_watcher = |task: &Path| fs::read(task.join("comm")).is_ok_and(|name| name == b"strata-watch\n");
    let watchers = || {
        let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        tasks.filter(|task| is_watcher(task)).count()
    };
    for _ in 0..5 {
        let plugin = Plugin::open();
        assert!(plugin.watch());
        assert_eq!(watchers(), 1);
        assert!(plugin.close(), "the library is still there");
        assert_eq!(watchers(), 0, "a thread without code");
    }
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the library is not instrumented: the sanitizer does not see what its threads hand one another"
)]
fn blocks_of_two_allocators_in_one_process_do_not_mix() {
    let _turn = turn();
    let plugin = &Plugin::open();
    let blocks: Vec<_> = (1..2000).map(|size| Patterned::new(layout(size, 8), 1).unwrap()).collect();
    let sums = std::thread::scope(|scope| {
        let threads: [_; 4] = std::array::from_fn(|_| scope.spawn(|| plugin.work(9)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(sums.iter().all(|sum| *sum == sums[0]));
    blocks.into_iter().for_each(Patterned::free);
    assert!(plugin.close());
}

/// Whether this process has a purge thread: the library's, since in the program's own heap too little lies free.
fn purge_thread_is_there() -> bool {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.map(name).any(|name| name.starts_with("strata-purge"))
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer must know each thread that it checks: there is no purge thread (p20_purge_thread is its model)"
)]
fn a_librarys_purge_thread_is_gone_before_its_code_is() {
    let _turn = turn();
    for _ in 0..10 {
        let plugin = &Plugin::open();
        let together = &Barrier::new(2);
        std::thread::scope(|scope| {
            let threads = [(); 2].map(|()| {
                scope.spawn(|| {
                    plugin.work(1);
                    together.wait();
                    assert_eq!(plugin.burst(), 32 << 10);
                    together.wait();
                })
            });
            // The end of the scope alone would not wait for what the threads do as they end, in the library's code.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert!(purge_thread_is_there());
        assert!(plugin.close());
        assert!(!purge_thread_is_there());
    }
}
