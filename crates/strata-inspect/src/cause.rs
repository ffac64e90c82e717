//! One cause: its stable name, how sure it is, from what, and what to do.
//!
//! Does not know: when it applies; `causes` does.

use core::fmt::{self, Write};

/// The names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseName {
    /// Live bytes grow.
    LiveGrowth,
    /// They grow as those of a cache without a bound do.
    UnboundedCache,
    /// Blocks that live keep pools full of free ones.
    Fragmentation,
    /// Blocks are ready in threads that do not need them.
    ParkedInThreads,
    /// Free memory goes back later.
    PurgeDelay,
    /// Huge pages on memory of which little is used.
    HugePages,
    /// It is not the allocator's.
    OtherMemory,
    /// There is no problem that can be seen.
    None,
}

impl CauseName {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LiveGrowth => "live-growth",
            Self::UnboundedCache => "unbounded-cache",
            Self::Fragmentation => "fragmentation",
            Self::ParkedInThreads => "parked-in-threads",
            Self::PurgeDelay => "purge-delay",
            Self::HugePages => "huge-pages",
            Self::OtherMemory => "other-memory",
            Self::None => "none",
        }
    }
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cause {
    /// Which.
    pub cause: CauseName,
    /// How sure that is, in hundredths.
    pub percent: u32,
    /// The resident bytes that it explains.
    pub bytes: u64,
    /// What it is concluded from.
    pub evidence: Text,
    /// What to do.
    pub advice: Text,
}

/// A few sentences.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    bytes: [u8; 480],
    len: usize,
}

impl Text {
    pub(crate) fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self { bytes: [0; 480], len: 0 };
        // Fails only when full.
        let _ = text.write_fmt(arguments);
        text
    }

    /// The sentences.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
