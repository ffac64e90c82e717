//! Ctrl-C ends the measuring: the current run is given up, and what was measured before is shown. A second one ends the command.
//!
//! Children are in the terminal's foreground group, too, so they are ended by the same key.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on Ctrl-C and `SIGTERM` are noted; the second of them ends the process.
///
/// # Errors
/// If the system refuses a handler.
pub fn listen() -> io::Result<()> {
    let noted = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds nothing noted yet.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(noted))?;
        flag::register(signal, Arc::clone(noted))?;
    }
    Ok(())
}

/// Whether an end was asked for.
pub fn is_wanted() -> bool {
    INTERRUPTED.get().is_some_and(|noted| noted.load(Ordering::Relaxed))
}
