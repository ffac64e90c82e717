//! The memory limit of the container that this process runs in, and how much of it is used.
//!
//! A process is in one control group, which lies in others; each may have a limit, and the smallest one counts:
//!
//! ```text
//!  /proc/self/cgroup          0::/user/job        version 2     or     4:memory:/user/job    version 1
//!  /sys/fs/cgroup[/memory]  + /user/job           its limit and usage
//!                           + /user               …
//!                           +                     the root of what this process can see
//! ```
//!
//! In a container the path may be one that only the host has. Levels that are not there are skipped, and the last one,
//! the root, is then the container's own.
//!
//! Does not know: what to do near the limit (`strata-segment` does).

use super::small_file::{self, number};
use core::ffi::CStr;

/// Version 1 says "no limit" with a number just below 2⁶³.
const NO_LIMIT_FROM: u64 = 1 << 62;
const PATH_BYTES: usize = 1024;

/// Bytes of memory that this process and its neighbours in its container may use; `None` if nobody set a limit.
///
/// Opens two files per level of nesting: for start-up and for idle moments.
pub fn cgroup_memory_limit() -> Option<u64> {
    tightest_level()?.limit
}

/// Bytes in use in the group whose limit is [`cgroup_memory_limit`], or in the innermost one if there is no limit.
pub fn cgroup_memory_usage() -> Option<u64> {
    tightest_level()?.usage
}

/// Which of the two kernel interfaces has the memory controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn mount(self) -> &'static [u8] {
        match self {
            Version::One => b"/sys/fs/cgroup/memory",
            Version::Two => b"/sys/fs/cgroup",
        }
    }

    fn limit_file(self) -> &'static [u8] {
        match self {
            Version::One => b"/memory.limit_in_bytes",
            Version::Two => b"/memory.max",
        }
    }

    fn usage_file(self) -> &'static [u8] {
        match self {
            Version::One => b"/memory.usage_in_bytes",
            Version::Two => b"/memory.current",
        }
    }
}

/// One group on the way from this process to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    limit: Option<u64>,
    usage: Option<u64>,
}

fn tightest_level() -> Option<Level> {
    let mut buffer = [0; 4096];
    let (version, group) = membership(small_file::read(c"/proc/self/cgroup", &mut buffer)?)?;
    tightest(levels(group).filter_map(|group| read_level(version, group)))
}

/// The level with the smallest limit, the innermost one of equals.
fn tightest(levels: impl Iterator<Item = Level>) -> Option<Level> {
    levels.min_by_key(|level| level.limit.unwrap_or(u64::MAX))
}

fn read_level(version: Version, group: &[u8]) -> Option<Level> {
    let mut buffer = [0; 64];
    let usage = number(read_in(version, group, version.usage_file(), &mut buffer)?);
    // The root of version 2 has no limit's file.
    let limit = read_in(version, group, version.limit_file(), &mut buffer).and_then(limit);
    Some(Level { limit, usage })
}

fn read_in<'buffer>(
    version: Version,
    group: &[u8],
    file: &[u8],
    buffer: &'buffer mut [u8],
) -> Option<&'buffer [u8]> {
    let mut path = [0; PATH_BYTES];
    small_file::read(join([version.mount(), group, file], &mut path)?, buffer)
}

/// The parts, one behind the other, as a path for C; `None` if they are too long.
fn join<'path>(parts: [&[u8]; 3], path: &'path mut [u8; PATH_BYTES]) -> Option<&'path CStr> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length >= PATH_BYTES {
        return None;
    }
    for (place, byte) in path.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    CStr::from_bytes_until_nul(path).ok()
}

/// The group of this process, by the lines `number:controllers:path`. If both versions are in use, memory is in one.
fn membership(file: &[u8]) -> Option<(Version, &[u8])> {
    let group_of = |version| file.split(|byte| *byte == b'\n').find_map(|line| group_in(line, version));
    let one = group_of(Version::One).map(|group| (Version::One, group));
    one.or_else(|| group_of(Version::Two).map(|group| (Version::Two, group)))
}

fn group_in(line: &[u8], version: Version) -> Option<&[u8]> {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    let (number, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
    let found = match version {
        Version::One => controllers.split(|byte| *byte == b',').any(|name| name == b"memory"),
        Version::Two => number == b"0" && controllers.is_empty(),
    };
    found.then_some(group)
}

/// The group, the group around it, and so on to the root, which is empty.
fn levels(group: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::successors(Some(innermost(group)), |group| parent(group))
}

fn innermost(group: &[u8]) -> &[u8] {
    // A group outside of the namespace is written with dots: of that branch only the root can be seen.
    let outside = group.split(|byte| *byte == b'/').any(|name| name == b"..");
    if outside { b"" } else { group.strip_suffix(b"/").unwrap_or(group) }
}

fn parent(group: &[u8]) -> Option<&[u8]> {
    let slash = group.iter().rposition(|byte| *byte == b'/')?;
    group.get(..slash)
}

/// `max`, and what version 1 writes for it, are no limit.
fn limit(file: &[u8]) -> Option<u64> {
    number(file).filter(|bytes| *bytes < NO_LIMIT_FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_version_two_is_the_line_without_controllers() {
        assert_eq!(membership(b"0::/user/job\n"), Some((Version::Two, &b"/user/job"[..])));
        assert_eq!(membership(b"0::/a:b\n"), Some((Version::Two, &b"/a:b"[..])));
    }

    #[test]
    fn the_memory_controller_of_version_one_goes_first() {
        let file = b"9:name=systemd:/\n4:cpu,memory:/docker/x\n0::/ignored\n";
        assert_eq!(membership(file), Some((Version::One, &b"/docker/x"[..])));
    }

    #[test]
    fn other_controllers_are_no_membership() {
        assert_eq!(membership(b"4:memory_of_something:/x\n3:cpu:/y\n"), None);
        assert_eq!(membership(b"nonsense\n\n::\n"), None);
        assert_eq!(membership(b""), None);
    }

    #[test]
    fn levels_go_from_the_group_to_the_root() {
        let all: std::vec::Vec<_> = levels(b"/a/b").collect();
        assert_eq!(all, [&b"/a/b"[..], b"/a", b""]);
        assert_eq!(levels(b"/").collect::<std::vec::Vec<_>>(), [b""]);
        assert_eq!(levels(b"/../../x").collect::<std::vec::Vec<_>>(), [b""]);
    }

    #[test]
    fn no_limit_is_written_in_two_ways() {
        assert_eq!(limit(b"536870912\n"), Some(512 << 20));
        assert_eq!(limit(b"max\n"), None);
        assert_eq!(limit(b"9223372036854771712\n"), None);
    }

    #[test]
    fn the_smallest_limit_counts_with_its_own_usage() {
        let level = |limit, usage| Level { limit, usage: Some(usage) };
        let tight = tightest([level(None, 1), level(Some(9), 5), level(Some(20), 6)].into_iter());
        assert_eq!(tight, Some(level(Some(9), 5)));
        let open = tightest([level(None, 1), level(None, 2)].into_iter());
        assert_eq!(open, Some(level(None, 1)));
        assert_eq!(tightest(core::iter::empty()), None);
    }

    #[test]
    fn a_path_that_is_too_long_is_none() {
        let mut path = [0; PATH_BYTES];
        assert_eq!(join([b"/a", b"/b", b"/c"], &mut path), Some(c"/a/b/c"));
        assert_eq!(join([&[b'x'; PATH_BYTES], b"", b""], &mut [0; PATH_BYTES]), None);
    }

    #[test]
    fn whatever_this_machine_says_usage_is_below_the_limit() {
        if let (Some(limit), Some(usage)) = (cgroup_memory_limit(), cgroup_memory_usage()) {
            assert!(usage <= limit + (1 << 20));
        }
    }
}
