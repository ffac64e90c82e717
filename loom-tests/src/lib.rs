//! What the models share: how one is run and reported, and small worlds for it to play in.
//!
//! ```text
//!   model ── one execution after another ──► world   a whole runtime, with threads that allocate and free
//!                                            ground  one arena and one pool, for the verbs below a cache
//!                                            payload what the program writes into its blocks, checked by loom
//! ```
//!
//! Nothing here exists without `--cfg strata_loom`; see README.md.
//!
//! Does not know: what the models claim.
#![cfg(strata_loom)]

mod ground;
mod model;
pub mod payload;
mod world;

pub use ground::{Ground, blocks_of};
pub use model::model;
pub use world::{Actor, Block, HALF, QUARTER, SPAN, World};

pub use loom::thread::JoinHandle;

/// Starts a thread of the model.
pub fn spawn<T: 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    strata_core::sync::one_more_thread();
    loom::thread::spawn(body)
}

/// All threads are joined: what the first one does from now on is no part of the race.
pub use strata_core::sync::alone;

/// Waits for a thread of the model, and returns what it returns.
pub fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("loom reports a panic itself")
}
