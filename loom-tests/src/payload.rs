//! What the program writes into its blocks: a checked cell for each address, beside the memory itself.
//!
//! A thread that gets memory writes its mark there, and checks it before giving the memory back. Two owners at once, or a
//! hand-over that is not ordered by a Release and an Acquire, are two accesses that loom reports; lost or mixed-up contents
//! are a mark that is not there.
//!
//! All threads of a model run on one thread of the system, so the table is that thread's, and is not seen by loom.
//!
//! Does not know: blocks, pools; an address is a key.

use loom::cell::UnsafeCell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::rc::Rc;
use strata_os::simulated::Remains;

/// What fresh and purged memory reads as.
pub const ZERO: u64 = 0;
/// What freed memory holds.
const GONE: u64 = u64::MAX;
/// What memory purged with `MADV_FREE` may hold: code that relies on any of it is wrong.
const OLD_OR_ZERO: u64 = u64::MAX - 1;

type Table = BTreeMap<usize, Rc<UnsafeCell<u64>>>;

thread_local! {
    static CELLS: RefCell<Table> = const { RefCell::new(BTreeMap::new()) };
    static MARKS: RefCell<u64> = const { RefCell::new(0) };
}

/// Starts an execution.
pub(crate) fn forget_all() {
    strata_os::simulated::on_purge(purged);
    CELLS.take();
    MARKS.set(0);
}

/// A mark that was not written yet in this execution.
pub fn new_mark() -> u64 {
    MARKS.with_borrow_mut(|last| {
        *last += 1;
        *last
    })
}

/// The cell at `place`, made by the first that asks: memory that was never used reads as zero.
fn cell(place: NonNull<u8>) -> Rc<UnsafeCell<u64>> {
    let fresh = || Rc::new(UnsafeCell::new(ZERO));
    CELLS.with_borrow_mut(|cells| Rc::clone(cells.entry(place.addr().get()).or_insert_with(fresh)))
}

fn put(cell: &UnsafeCell<u64>, value: u64) {
    // SAFETY: loom reports any other access that is not ordered with this one.
    cell.with_mut(|value_place| unsafe { *value_place = value });
}

fn get(cell: &UnsafeCell<u64>) -> u64 {
    // SAFETY: loom reports a write that is not ordered with this read.
    cell.with(|value_place| unsafe { *value_place })
}

/// The program writes to memory that is its own.
pub fn write(place: NonNull<u8>, mark: u64) {
    put(&cell(place), mark);
}

/// The program reads its memory.
pub fn read(place: NonNull<u8>) -> u64 {
    get(&cell(place))
}

/// The program's memory must hold its mark.
///
/// # Panics
/// If it does not.
pub fn expect(place: NonNull<u8>, mark: u64) {
    assert_eq!(read(place), mark, "another thread wrote to this memory");
}

/// The program checks its mark, and gives the memory up.
pub fn give_up(place: NonNull<u8>, mark: u64) {
    expect(place, mark);
    write(place, GONE);
}

/// The OS takes the contents of a range: an access like any other.
fn purged(start: NonNull<u8>, bytes: usize, remains: Remains) {
    let range = start.addr().get()..start.addr().get() + bytes;
    let cells: Vec<_> =
        CELLS.with_borrow(|cells| cells.range(range).map(|(_, cell)| Rc::clone(cell)).collect());
    let contents = match remains {
        Remains::Zero => ZERO,
        Remains::OldOrZero => OLD_OR_ZERO,
    };
    cells.iter().for_each(|cell| put(cell, contents));
}
