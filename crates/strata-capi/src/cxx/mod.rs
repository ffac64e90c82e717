//! C++'s `operator new` and `operator delete`, all twenty, under their names of the Itanium ABI.
//!
//! | form     | out of memory                                                                      |
//! |----------|------------------------------------------------------------------------------------|
//! | throwing | calls the new-handler and tries again; without one, `std::bad_alloc`               |
//! | nothrow  | the same, but null instead of the exception, also if it is the handler that throws |
//!
//! Rust cannot throw a C++ exception, nor catch one, and where panics abort it lets none pass. So the frame that an exception
//! starts from is written in assembly (`throwing`); the exception is thrown by the C++ library (`std::__throw_bad_alloc`) or
//! by the handler, and caught by the C++ library's own nothrow form, which calls our throwing one. Both are found weakly,
//! since most programs that this library serves have no C++ library:
//!
//! 1. linked or loaded together with this one: the weak reference (also in static programs);
//! 2. loaded later: a search of the libraries that are loaded now.
//!
//! Nothing found: the program that could not catch it is told in a line, and aborted. A static program that means to catch
//! `bad_alloc` without having linked anything of the C++ library that throws it, adds `-Wl,-u,_ZSt17__throw_bad_allocv`.
//!
//! A static program has no second nothrow form: there, a handler that throws out of ours ends it.
//!
//! Does not know: what an exception is.

#[cfg_attr(target_arch = "x86_64", path = "throwing/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "throwing/aarch64.rs")]
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), path = "throwing/portable.rs")]
mod throwing;

use crate::free::define_free;
use crate::malloc::{allocate, allocate_aligned};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt::Write;
use core::mem::transmute;
use core::ptr::null_mut;
use strata_core::layout::GRANULE_BYTES;
use strata_os::weak_address;

/// `std::nothrow`: only its type is meant.
type Nothrow = *const c_void;
/// The program's or the C++ library's own: it may throw.
type Step = unsafe extern "C-unwind" fn();

throwing::define! {
    _Znwm _ZnwmSt11align_val_t
    _Znam _ZnamSt11align_val_t
}

macro_rules! define_nothrow {
    ($($plain:ident $aligned:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $plain(size: usize, nothrow: Nothrow) -> *mut c_void {
            let block = allocate(size);
            if block.is_null() { ask_politely(size, nothrow) } else { block.cast() }
        }

        #[unsafe(no_mangle)]
        extern "C" fn $aligned(size: usize, align: usize, nothrow: Nothrow) -> *mut c_void {
            let block = allocate_for_type(size, align);
            if block.is_null() { ask_politely_aligned(size, align, nothrow) } else { block.cast() }
        }
    )*};
}

define_nothrow! {
    _ZnwmRKSt9nothrow_t _ZnwmSt11align_val_tRKSt9nothrow_t
    _ZnamRKSt9nothrow_t _ZnamSt11align_val_tRKSt9nothrow_t
}

define_free! { _ZdlPv _ZdaPv }

// A size or an alignment that comes with the pointer is not asked: the pool knows.
define_free! {
    _ZdlPvRKSt9nothrow_t _ZdaPvRKSt9nothrow_t
    _ZdlPvSt11align_val_t _ZdaPvSt11align_val_t
    _ZdlPvSt11align_val_tRKSt9nothrow_t _ZdaPvSt11align_val_tRKSt9nothrow_t
    _ZdlPvm _ZdaPvm
    _ZdlPvmSt11align_val_t _ZdaPvmSt11align_val_t
}

/// Null also for an alignment that no type has.
extern "C" fn allocate_for_type(size: usize, align: usize) -> *mut u8 {
    if align.is_power_of_two() { allocate_aligned(size, align) } else { null_mut() }
}

/// What a throwing form calls when there is no memory: the new-handler, before it tries again, or what throws.
#[cold]
#[inline(never)]
extern "C" fn next_step(size: usize, align: usize) -> Step {
    match new_handler() {
        Some(handler) if align.is_power_of_two() => handler,
        _ => thrower(size),
    }
}

/// Lets the C++ library's nothrow form call our throwing one and catch what comes; without it, only the handler is asked.
#[cold]
#[inline(never)]
extern "C" fn ask_politely(size: usize, nothrow: Nothrow) -> *mut c_void {
    // SAFETY: the name has this type.
    let theirs = unsafe {
        transmute::<*mut c_void, Option<extern "C" fn(usize, Nothrow) -> *mut c_void>>(look_up_next(
            c"_ZnwmRKSt9nothrow_t",
        ))
    };
    match theirs {
        Some(theirs) => theirs(size, nothrow),
        None => ask_handler(size, GRANULE_BYTES),
    }
}

#[cold]
#[inline(never)]
extern "C" fn ask_politely_aligned(size: usize, align: usize, nothrow: Nothrow) -> *mut c_void {
    // SAFETY: the name has this type.
    let theirs = unsafe {
        transmute::<*mut c_void, Option<extern "C" fn(usize, usize, Nothrow) -> *mut c_void>>(look_up_next(
            c"_ZnwmSt11align_val_tRKSt9nothrow_t",
        ))
    };
    match theirs {
        Some(theirs) => theirs(size, align, nothrow),
        None => ask_handler(size, align),
    }
}

fn ask_handler(size: usize, align: usize) -> *mut c_void {
    let mut block: *mut u8 = null_mut();
    while block.is_null()
        && align.is_power_of_two()
        && let Some(handler) = new_handler()
    {
        // SAFETY: the program's own function.
        unsafe { handler() };
        block = allocate_for_type(size, align);
    }
    block.cast()
}

fn new_handler() -> Option<Step> {
    type GetNewHandler = unsafe extern "C" fn() -> Option<Step>;
    let address = either(weak_address!("_ZSt15get_new_handlerv"), c"_ZSt15get_new_handlerv");
    // SAFETY: the name has this type.
    let get = unsafe { transmute::<*mut c_void, Option<GetNewHandler>>(address) }?;
    // SAFETY: asks nothing of the caller.
    unsafe { get() }
}

/// The function of the C++ library that throws `std::bad_alloc`.
fn thrower(size: usize) -> Step {
    let address = either(weak_address!("_ZSt17__throw_bad_allocv"), c"_ZSt17__throw_bad_allocv");
    // SAFETY: the name has this type, but for the promise not to return.
    if let Some(throw) = unsafe { transmute::<*mut c_void, Option<Step>>(address) } {
        return throw;
    }
    let mut line = strata_os::Line::new();
    let _ =
        write!(line, "strata: operator new({size}): out of memory, and no C++ library to throw bad_alloc");
    line.emit();
    strata_os::abort()
}

/// What was there at the start, or else a function of whatever is loaded by now.
fn either(linked: *mut c_void, name: &CStr) -> *mut c_void {
    if linked.is_null() { look_up_in(libc::RTLD_DEFAULT, name) } else { linked }
}

/// A function of those behind this library: not our own.
fn look_up_next(name: &CStr) -> *mut c_void {
    look_up_in(libc::RTLD_NEXT, name)
}

/// A function that `libraries` show to all, or else of a C++ library that was opened for few.
fn look_up_in(libraries: *mut c_void, name: &CStr) -> *mut c_void {
    type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
    type Dlopen = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
    let dlsym = weak_address!("dlsym");
    // SAFETY: the name has this type.
    let Some(dlsym) = (unsafe { transmute::<*mut c_void, Option<Dlsym>>(dlsym) }) else { return null_mut() };
    // SAFETY: a name with its end.
    let found = unsafe { dlsym(libraries, name.as_ptr()) };
    if !found.is_null() {
        return found;
    }
    // A static program that named `dlopen` would be warned of by its linker.
    // SAFETY: a name with its end; the search reads nothing else.
    let dlopen = unsafe { dlsym(libc::RTLD_DEFAULT, c"dlopen".as_ptr()) };
    // SAFETY: the name has this type.
    let Some(dlopen) = (unsafe { transmute::<*mut c_void, Option<Dlopen>>(dlopen) }) else {
        return null_mut();
    };
    for library in [c"libstdc++.so.6", c"libc++.so.1", c"libc++abi.so.1"] {
        // SAFETY: a name with its end; opens nothing that is not open.
        let handle = unsafe { dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            continue;
        }
        // SAFETY: an open library; it is kept open, once more than needed.
        let found = unsafe { dlsym(handle, name.as_ptr()) };
        if !found.is_null() {
            return found;
        }
    }
    null_mut()
}
