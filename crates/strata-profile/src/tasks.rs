//! Tasks of tokio whose samples say where they were spawned.
//!
//! tokio tells when a task is spawned, and polled, through hooks that are unstable (`tokio_unstable`). So what is spawned is wrapped here instead.
//!
//! Does not know: runtimes.

use crate::Label;
use std::future::Future;
use tokio::task::JoinHandle;

/// [`tokio::spawn`], with a label called `task`: the file and line that this is called from. Within it are the labels that the calling thread
/// has, so a task that a request spawns belongs to the request's tenant, too.
///
/// # Panics
/// As tokio's, if it is not called from within a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(Label::here().scope(future))
}
