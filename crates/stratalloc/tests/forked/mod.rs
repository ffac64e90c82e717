//! A child of `fork`: its body runs, its end is waited for.

use std::time::Duration;

/// A child needs milliseconds; one that hangs hangs for ever.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two questions whether it ended. These are counted, not seconds: a process that is stopped for a while does not become impatient.
const PAUSE: Duration = Duration::from_micros(200);

/// Waits for it; panics unless it ended with 0.
pub(crate) fn expect_good_end(child: libc::pid_t) {
    let mut status = 0;
    for question in 0_u128.. {
        // SAFETY: a child of ours.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if ended == child {
            break;
        }
        if question > PATIENCE.as_micros() / PAUSE.as_micros() {
            // SAFETY: a child of ours.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("child {child} hangs");
        }
        std::thread::sleep(PAUSE);
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "child ended with status {status:#x}");
}

/// Forks; the child runs `body` and ends with 0, or with a signal if it panics.
pub(crate) fn forked(body: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child allocates, which is what is tested, and otherwise only makes system calls.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_ok();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    child
}
