//! Panics where they unwind, as in tests: the standard library's.
//!
//! Does not know: anything; naming the library is all it takes.

extern crate std;
