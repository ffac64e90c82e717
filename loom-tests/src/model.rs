//! Running a model: all executions, or all with few preemptions, and one line that says which.
//!
//! ```text
//! model NAME iterations=N EXHAUSTIVE|BOUNDED … seconds=S
//! ```
//!
//! *Exhaustive*: loom came to the end of all executions, whatever the number of preemptions. *Bounded*: of those with at most
//! as many as the model allows; `LOOM_MAX_PREEMPTIONS` allows more or fewer to those models. A model that does not come to
//! its end in time has failed: a stop is not a pass.
//!
//! Does not know: any protocol.

use crate::payload;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Steps of one execution; what needs more spins.
const MOST_BRANCHES: usize = 10_000;
/// What a model may take where much else is running; alone, the longest takes a tenth of it.
const LIMIT: Duration = Duration::from_secs(300);
/// Executions between two reads of the clock.
const EXECUTIONS_BETWEEN_LOOKS: usize = 512;

/// Runs `execution` once for each order of its threads' steps (and each value that a weak load may return), with at most
/// `preemptions` of them cutting a thread short; `None`: all.
///
/// # Panics
/// If loom finds a race, an assertion of the model fails, or time runs out.
pub fn model(name: &str, preemptions: Option<usize>, execution: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    let asked = builder.preemption_bound;
    builder.preemption_bound = preemptions.map(|chosen| asked.unwrap_or(chosen));
    builder.max_branches = MOST_BRANCHES;
    builder.max_duration = Some(LIMIT);
    builder.checkpoint_interval = EXECUTIONS_BETWEEN_LOOKS;
    let bound = builder.preemption_bound;
    let count = Arc::new(Mutex::new(0_u64));
    let counted = Arc::clone(&count);
    let start = Instant::now();
    builder.check(move || {
        *counted.lock().expect("never poisoned: loom ends with the first panic") += 1;
        strata_core::sync::alone();
        payload::forget_all();
        execution();
    });
    let seconds = start.elapsed().as_secs_f64();
    let iterations = *count.lock().expect("as above");
    assert!(seconds < LIMIT.as_secs_f64(), "{name}: stopped after {iterations} executions: make it smaller");
    let kind = match bound {
        None => "EXHAUSTIVE".to_owned(),
        Some(bound) => format!("BOUNDED preemptions={bound}"),
    };
    println!("model {name} iterations={iterations} {kind} seconds={seconds:.2}");
}
