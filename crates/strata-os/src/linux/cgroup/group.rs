//! The files of one group: its limit, and what counts against it.
//!
//! | version | limits                                                    | usage                         | of that, given back first |
//! |---------|-----------------------------------------------------------|-------------------------------|---------------------------|
//! | 1       | `memory.limit_in_bytes`, `hierarchical_memory_limit` (*)  | `memory.usage_in_bytes`       | `total_inactive_file` (*) |
//! | 2       | `memory.max`, `memory.high`                               | `memory.current`              | `inactive_file` (*)       |
//!
//! (*) in `memory.stat`. Beyond `memory.high` a process is slowed down until it hardly moves, so that is a limit, too.

use super::super::small_file::{self, number};
use super::least;
use super::membership::Version;
use super::path::Path;
use crate::machine::MemoryBudget;

/// Version 1 says "no limit" with a number just below 2⁶³.
const NO_LIMIT_FROM: u64 = 1 << 62;

/// One group on the way from this process to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) limit: Option<u64>,
    pub(super) usage: Option<u64>,
}

impl Level {
    /// `None`: there is no such group, or it has no memory controller.
    pub(super) fn read(version: Version, group: &mut Path, buffer: &mut [u8]) -> Option<Self> {
        let usage = read_number(group, version.usage_file());
        let set = version.limit_files().iter().filter_map(|file| limit(read_number(group, file)));
        let set = set.min();
        // The root of version 2 has neither, but version 1's has both.
        if usage.is_none() && set.is_none() {
            return None;
        }
        let stat = group.with(b"/memory.stat", |path| small_file::read(path, buffer)).unwrap_or_default();
        let limit = least(set, version.inherited_limit(stat));
        let idle = entry(stat, version.idle_entry()).unwrap_or(0);
        Some(Level { limit, usage: usage.map(|usage| usage.saturating_sub(idle)) })
    }

    pub(super) fn budget(self) -> Option<MemoryBudget> {
        Some(MemoryBudget { limit: self.limit?, usage: self.usage? })
    }
}

impl Version {
    fn limit_files(self) -> &'static [&'static [u8]] {
        match self {
            Version::One => &[b"/memory.limit_in_bytes"],
            Version::Two => &[b"/memory.max", b"/memory.high"],
        }
    }

    fn usage_file(self) -> &'static [u8] {
        match self {
            Version::One => b"/memory.usage_in_bytes",
            Version::Two => b"/memory.current",
        }
    }

    fn inherited_limit(self, stat: &[u8]) -> Option<u64> {
        match self {
            Version::One => limit(entry(stat, b"hierarchical_memory_limit")),
            Version::Two => None,
        }
    }

    fn idle_entry(self) -> &'static [u8] {
        match self {
            Version::One => b"total_inactive_file",
            Version::Two => b"inactive_file",
        }
    }
}

/// The number in a file that has nothing else; `max` is none.
fn read_number(group: &mut Path, file: &[u8]) -> Option<u64> {
    group.with(file, |path| number(small_file::read(path, &mut [0; 64])?))
}

/// The number behind a name in `memory.stat`.
fn entry(stat: &[u8], name: &[u8]) -> Option<u64> {
    let mut lines = stat.split(|byte| *byte == b'\n');
    lines.find_map(|line| number(line.strip_prefix(name)?.strip_prefix(b" ")?))
}

/// What version 1 writes for it is no limit.
fn limit(bytes: Option<u64>) -> Option<u64> {
    bytes.filter(|bytes| *bytes < NO_LIMIT_FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_just_below_two_to_the_63rd_is_no_limit() {
        assert_eq!(limit(Some(9_223_372_036_854_771_712)), None);
        assert_eq!(limit(Some(512 << 20)), Some(512 << 20));
    }

    #[test]
    fn an_entry_is_found_by_its_whole_name() {
        let stat = b"total_inactive_file 1\ninactive_file 22\nfile 3\n";
        assert_eq!(entry(stat, b"inactive_file"), Some(22));
        assert_eq!(entry(stat, b"file"), Some(3));
        assert_eq!(entry(stat, b"inactive"), None);
    }
}
