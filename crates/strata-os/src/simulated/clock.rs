//! Time in models: it stands still, since an execution that depended on it could not be played again.
//!
//! Does not know: how long a model runs.

/// Milliseconds since some moment before the program.
pub fn milliseconds() -> u64 {
    1
}

/// The same in nanoseconds.
pub fn nanoseconds() -> u64 {
    1_000_000
}
