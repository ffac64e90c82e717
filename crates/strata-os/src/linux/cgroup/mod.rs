//! The memory limits of the containers that this process runs in, and how much of each is used.
//!
//! A process is in one control group, which lies in others; each may have a limit, and all of them hold:
//!
//! ```text
//!  membership   /proc/self/cgroup         0::/user/job        version 2     or     4:memory:/user/job    version 1
//!  mount        /proc/self/mountinfo      where that hierarchy is to be seen, and which part of it
//!  group        MOUNT/user/job            its limit and usage
//!               MOUNT/user                …
//!               MOUNT                     the root of what this process can see
//! ```
//!
//! Nothing is remembered: a process may be moved, and a limit may change while it runs. The kernel writes the files when
//! they are read, some 10 µs each, so this is for a few times a second.
//!
//! What lies above the root of a cgroup namespace cannot be seen in version 2. Version 1 tells the smallest limit of the
//! whole way up in each group's `memory.stat`, and that is taken.
//!
//! Does not know: what to do near the limit.

mod desk;
mod group;
mod membership;
mod mount;
mod path;

use super::small_file;
use crate::machine::MemoryBudget;
use desk::{Desk, Papers};
use group::Level;
use membership::Version;
use mount::Mount;
use path::Path;

/// Bytes of memory that this process and its neighbours in its container may use; `None` if there is no limit.
pub fn cgroup_memory_limit() -> Option<u64> {
    Seen::HERE.fold(None, |limit: Option<u64>, level| least(limit, level.limit))
}

/// Bytes in use in the group of this process, without what the kernel takes back before it refuses memory: pages of files
/// that were not used recently.
pub fn cgroup_memory_usage() -> Option<u64> {
    Seen::HERE.fold(None, |usage: Option<u64>, level| usage.or(level.usage))
}

/// The group with the least room left under its limit.
pub(crate) fn budget() -> Option<MemoryBudget> {
    Seen::HERE.budget()
}

/// Below which folder `/proc` and `/sys` are: none, but for tests.
#[derive(Clone, Copy)]
struct Seen<'root>(&'root [u8]);

impl Seen<'static> {
    const HERE: Self = Seen(b"");
}

impl Seen<'_> {
    fn budget(self) -> Option<MemoryBudget> {
        self.fold(None, |tightest: Option<MemoryBudget>, level| {
            MemoryBudget::tighter(tightest, level.budget())
        })
    }

    /// Visits the levels from the group of this process to the root of what it sees.
    fn fold<T>(self, start: T, mut visit: impl FnMut(T, Level) -> T) -> T {
        let Some(mut desk) = Desk::take() else { return start };
        let Papers { membership, text, mount, path } = &mut *desk;
        let Some((version, group)) = self.membership(path, membership) else { return start };
        if self.find_mount(version, group, mount, path, text).is_none() {
            return start;
        }
        levels(mount.below(group)).fold(start, |result, group| {
            match self.level(version, mount, group, path, text) {
                Some(level) => visit(result, level),
                None => result,
            }
        })
    }

    fn membership<'text>(self, path: &mut Path, text: &'text mut [u8]) -> Option<(Version, &'text [u8])> {
        path.set([self.0, b"/proc/self/cgroup"])?;
        membership::parse(small_file::read(path.as_c_str(), text)?)
    }

    /// The usual place if the group is there, else what the list of mounts says: it has thousands of lines on some hosts.
    fn find_mount(
        self,
        version: Version,
        group: &[u8],
        mount: &mut Mount,
        path: &mut Path,
        text: &mut [u8],
    ) -> Option<()> {
        mount.set_usual(version)?;
        if self.level(version, mount, innermost(group), path, text).is_some() {
            return Some(());
        }
        // The first cannot be read once `main` has ended by `pthread_exit`.
        for list in [&b"/proc/self/mountinfo"[..], b"/proc/thread-self/mountinfo"] {
            path.set([self.0, list])?;
            let found = small_file::find_line(path.as_c_str(), text, |line| mount.read(line, version));
            if found.is_some() {
                return found;
            }
        }
        mount.set_usual(version)
    }

    fn level(
        self,
        version: Version,
        mount: &Mount,
        group: &[u8],
        path: &mut Path,
        text: &mut [u8],
    ) -> Option<Level> {
        path.set([self.0, mount.point(), group])?;
        Level::read(version, path, text)
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
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

#[cfg(test)]
mod tests;
