//! For tests that change what belongs to the whole process.
//!
//! Does not know: what is changed.

/// Whether something is true in a child of this process, which keeps what it has for its other tests.
///
/// The child has one thread, and may find a lock of the C library held: `body` makes system calls only.
pub(super) fn is_true_in_a_child(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child makes system calls only, by this function's contract.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let is_true = body();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!is_true)) };
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status == 0
}
