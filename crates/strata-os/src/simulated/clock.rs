//! Time in models: it stands still, since an execution that depended on it could not be played again.
//!
//! Does not know: how long a model runs.

/// Milliseconds since some moment before the program.
pub fn milliseconds() -> u64 {
    1
}

/// The same, for a thread that may not call the C library: there is none here.
pub fn milliseconds_past_the_c_library() -> u64 {
    milliseconds()
}

/// Milliseconds since 1970.
pub fn unix_milliseconds() -> u64 {
    1
}

/// Nanoseconds of processor time that the calling thread has had.
pub fn processor_nanoseconds() -> u64 {
    1_000_000
}
