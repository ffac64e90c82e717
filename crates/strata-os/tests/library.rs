//! The thread word and the thread-exit key in a library that is opened late and closed early.
//!
//! The library is `examples/library.rs`, which cargo builds beside the tests.

use core::ffi::{CStr, c_int, c_void};
use std::env::current_exe;
use std::ffi::CString;
use std::mem::transmute;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// Held by a test while it works with the library, which is one for the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Library {
    handle: *mut c_void,
    path: CString,
}

// SAFETY: a handle of `dlopen` is good in every thread.
unsafe impl Send for Library {}
// SAFETY: `dlsym` and `dlclose` take a handle from several threads at once.
unsafe impl Sync for Library {}

impl Library {
    fn open() -> Self {
        let exe = current_exe().unwrap();
        let path = exe.ancestors().nth(2).unwrap().join("examples/libstrata_os_library.so");
        let path = CString::new(path.into_os_string().into_encoded_bytes()).unwrap();
        // SAFETY: our own library, which does nothing when opened.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "{path:?} cannot be opened");
        Library { handle, path }
    }

    fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the handle is open.
        let symbol = unsafe { libc::dlsym(self.handle, name.as_ptr()) };
        assert!(!symbol.is_null());
        symbol
    }

    fn word(&self) -> *mut () {
        // SAFETY: the type of `library_word`.
        let word =
            unsafe { transmute::<*mut c_void, extern "C" fn() -> *mut ()>(self.symbol(c"library_word")) };
        word()
    }

    fn has_initial_word(&self) -> bool {
        type Initial = extern "C" fn() -> *const u64;
        // SAFETY: the type of `library_initial`.
        let initial = unsafe { transmute::<*mut c_void, Initial>(self.symbol(c"library_initial")) };
        self.word().cast_const().cast() == initial()
    }

    fn set_word(&self, word: *mut ()) {
        // SAFETY: the type of `library_set_word`.
        let set =
            unsafe { transmute::<*mut c_void, extern "C" fn(*mut ())>(self.symbol(c"library_set_word")) };
        set(word);
    }

    fn arm(&self, count: &'static AtomicU32) -> bool {
        type Arm = extern "C" fn(&'static AtomicU32) -> bool;
        // SAFETY: the type of `library_arm`.
        let arm = unsafe { transmute::<*mut c_void, Arm>(self.symbol(c"library_arm")) };
        arm(count)
    }

    /// Closes it, and says whether it is gone.
    fn close(&self) -> bool {
        // SAFETY: the handle is open, and no thread is in the library.
        let closed: c_int = unsafe { libc::dlclose(self.handle) };
        assert_eq!(closed, 0);
        // SAFETY: only reads.
        unsafe { libc::dlopen(self.path.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD) }.is_null()
    }
}

#[test]
fn a_word_works_in_a_library_that_is_opened_after_the_threads_started() {
    let _alone = alone();
    let (go, wait) = mpsc::channel::<Arc<Library>>();
    let early = std::thread::spawn(move || wait.recv().is_ok_and(|library| library.has_initial_word()));
    let library = Arc::new(Library::open());
    assert!(library.has_initial_word());
    library.set_word((&raw const library).cast_mut().cast());
    go.send(Arc::clone(&library)).unwrap();
    assert!(early.join().unwrap());
    assert_eq!(library.word(), (&raw const library).cast_mut().cast());
    assert!(library.close());
}

#[test]
fn a_thread_that_exits_while_the_library_is_there_is_seen_off() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let _alone = alone();
    let library = Library::open();
    std::thread::scope(|scope| assert!(scope.spawn(|| library.arm(&COUNT)).join().unwrap()));
    assert_eq!(COUNT.load(Ordering::Relaxed), 1);
    assert!(library.close());
}

#[test]
fn a_thread_may_outlive_the_library_that_it_armed() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let _alone = alone();
    let library = Library::open();
    let (armed, is_armed) = mpsc::channel();
    let (closed, is_closed) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let library = &library;
        let thread = scope.spawn(move || {
            armed.send(library.arm(&COUNT)).unwrap();
            is_closed.recv().unwrap();
        });
        assert!(is_armed.recv().unwrap());
        assert!(library.close(), "the library is still there");
        closed.send(()).unwrap();
        thread.join().unwrap();
    });
    assert_eq!(COUNT.load(Ordering::Relaxed), 0);
}
