//! The profile as a file (`.strata`): appended to while the program runs, checked chunk by chunk, readable as far as it goes.
//!
//! ```text
//!   magic │ chunk │ chunk │ …          chunk: kind u32 │ bytes u32 │ checksum u64 │ payload      all little-endian
//!
//!   PROCESS   version, process id, milliseconds since 1970 at the start                    once
//!   MAPS      a part of /proc/self/maps; MAPS_FIRST begins it anew                         with each state
//!   LABEL     number, the label that it is within, name, 0, value                          of each label, before sites that have it
//!   SITE      number, bytes, mean, label, frames                                           of each site, once
//!   COUNTS    number, allocated, freed, freed by others, peak: number and live, lifetimes  of each site that changed
//!   STATE     milliseconds since the start, unheard, without site, number of the peak      ends a state
//! ```
//!
//! What a site keeps for the last peak is what lived there then; if it has kept nothing for that number, what lives now (`peak`).
//!
//! A reader takes the last STATE whose chunks are whole; what comes behind it was cut short. A state is written every
//! second or so by a thread that takes a sample, and when the program ends. A child of `fork` writes a file of its own.
//!
//! Does not know: where samples come from.

mod file;
mod writer;

pub use writer::{close, open, write, write_if_due};

/// What a file begins with.
pub const MAGIC: [u8; 8] = *b"\x89STRATA\n";
/// The version of all this.
pub const VERSION: u32 = 2;

/// Kinds of chunks.
pub mod kind {
    /// The process.
    pub const PROCESS: u32 = 1;
    /// The first part of the process's mappings.
    pub const MAPS_FIRST: u32 = 2;
    /// More of them.
    pub const MAPS: u32 = 3;
    /// A site.
    pub const SITE: u32 = 4;
    /// A site's counts.
    pub const COUNTS: u32 = 5;
    /// Everything so far is of one moment.
    pub const STATE: u32 = 6;
    /// A label.
    pub const LABEL: u32 = 7;
}

/// Bytes in front of a payload.
pub const CHUNK_HEAD: usize = 16;

/// The checksum of a chunk: FNV-1a, of its kind and payload.
pub fn checksum(kind: u32, payload: &[u8]) -> u64 {
    let all = kind.to_le_bytes().into_iter().chain(payload.iter().copied());
    all.fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
