//! A stack by the tables that compilers emit for exceptions, read by the unwinder that the process has: libgcc's or LLVM's.
//!
//! From glibc 2.35 on, libgcc finds the tables of a module without a lock (`_dl_find_object`); before, under the loader's, which a thread may
//! take twice. It allocates nothing, with one exception: of a program that is statically linked with libgcc the tables are registered, after
//! constructors have run, and the first search sorts them into memory that it allocates, under a lock. A sample within that
//! would wait for itself, so such a program has frame pointers or none.
//!
//! Does not know: which unwinder it is.

use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;
use strata_core::sync::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

type Step = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
type Backtrace = unsafe extern "C" fn(Step, *mut c_void) -> c_int;
type Address = unsafe extern "C" fn(*mut c_void) -> usize;

static BACKTRACE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static ADDRESS: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

const GO_ON: c_int = 0;
/// `_URC_NORMAL_STOP`.
const STOP: c_int = 4;

/// Searches for an unwinder. Returns whether there is one.
pub(super) fn prepare() -> bool {
    if are_registered() {
        return false;
    }
    // SAFETY: names with their ends.
    let symbols = || unsafe {
        [c"_Unwind_GetIP", c"_Unwind_Backtrace"].map(|name| libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()))
    };
    let mut found = symbols();
    if found.iter().any(|symbol| symbol.is_null()) {
        if prepare_at_hand() {
            return true;
        }
        load_unwinder();
        found = symbols();
    }
    keep(found)
}

/// The same without a look-up, which would take the loader's lock: finds the unwinder that this library or program
/// was linked with, or started with.
pub(super) fn prepare_at_hand() -> bool {
    if are_registered() {
        return false;
    }
    // Acquire: as in `walk`; pairs with Release in stack/tables.rs::keep.
    if !BACKTRACE.load(Acquire).is_null() {
        return true;
    }
    keep([strata_os::weak_address!("_Unwind_GetIP"), strata_os::weak_address!("_Unwind_Backtrace")])
}

/// Whether the program registers its tables: it has libgcc's function for that in it, and no loader (the kernel says so).
fn are_registered() -> bool {
    // SAFETY: asks for a number.
    let is_static = unsafe { libc::getauxval(libc::AT_BASE) } == 0;
    is_static && !strata_os::weak_address!("__register_frame_info").is_null()
}

fn keep([address, backtrace]: [*mut c_void; 2]) -> bool {
    // Relaxed: carried by the Release below.
    ADDRESS.store(address, Relaxed);
    // Release: carries the other; pairs with Acquire in stack/tables.rs::walk.
    BACKTRACE.store(backtrace, Release);
    !address.is_null() && !backtrace.is_null()
}

/// Loads libgcc's, for good, if anything can be loaded: `dlopen` is asked for by its name, since linkers warn of it in static programs.
fn load_unwinder() {
    type Load = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
    // SAFETY: a name with its end.
    let load = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"dlopen".as_ptr()) };
    if !load.is_null() {
        // SAFETY: the function of this name, as POSIX has it.
        let load = unsafe { core::mem::transmute::<*mut c_void, Load>(load) };
        // SAFETY: a name with its end.
        let _ = unsafe { load(c"libgcc_s.so.1".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    }
}

struct Walk<'addresses> {
    addresses: &'addresses mut [usize],
    found: usize,
    address: Address,
}

/// Fills `addresses` with the calling thread's return addresses; how many there were.
pub(super) fn walk(addresses: &mut [usize]) -> usize {
    // Acquire: the other; pairs with Release in stack/tables.rs::keep.
    let backtrace = BACKTRACE.load(Acquire);
    // Relaxed: see above.
    let address = ADDRESS.load(Relaxed);
    if backtrace.is_null() || address.is_null() {
        return 0;
    }
    // SAFETY: the function of this name, as the C++ ABI has it.
    let address = unsafe { core::mem::transmute::<*mut c_void, Address>(address) };
    // SAFETY: the function of this name, as the C++ ABI has it.
    let backtrace = unsafe { core::mem::transmute::<*mut c_void, Backtrace>(backtrace) };
    let mut walk = Walk { addresses, found: 0, address };
    // SAFETY: `step` gets what it is given here.
    unsafe { backtrace(step, (&raw mut walk).cast()) };
    walk.found
}

unsafe extern "C" fn step(context: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: from `walk`, which waits.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: the unwinder's own context.
    let address = unsafe { (walk.address)(context) };
    match walk.addresses.get_mut(walk.found) {
        Some(place) if address != 0 => {
            *place = address;
            walk.found += 1;
            GO_ON
        }
        _ => STOP,
    }
}
