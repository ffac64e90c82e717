//! Time in models: it stands still, since an execution that depended on it could not be played again.
//!
//! Does not know: how long a model runs.

/// Milliseconds since some moment before the program.
pub fn milliseconds() -> u64 {
    1
}

/// Nanoseconds of processor time that the calling thread has had.
pub fn processor_nanoseconds() -> u64 {
    1_000_000
}
