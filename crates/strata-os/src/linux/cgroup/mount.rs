//! Where a hierarchy of control groups is mounted, and which group is its topmost one there.
//!
//! ```text
//!  a line of mountinfo    31 23 0:28 /docker/x /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory
//!                                    root      point                           type        options
//! ```
//!
//! In a container without a namespace of its own the root is the container's group, so that `/docker/x/job` lies at
//! `/sys/fs/cgroup/memory/job`.

use super::membership::Version;
use super::path::Path;

/// One mount; all-zero bytes are one of nothing.
pub(super) struct Mount {
    root: Path,
    point: Path,
}

impl Mount {
    #[cfg(test)]
    const fn none() -> Self {
        Self { root: Path::empty(), point: Path::empty() }
    }

    /// Becomes the one that nearly all systems have, whole.
    pub(super) fn set_usual(&mut self, version: Version) -> Option<()> {
        let point: &[u8] = match version {
            Version::One => b"/sys/fs/cgroup/memory",
            Version::Two => b"/sys/fs/cgroup",
        };
        self.root.set([])?;
        self.point.set([point])
    }

    /// Becomes the one that a line of `/proc/self/mountinfo` tells of; `None` if that is of something else.
    pub(super) fn read(&mut self, line: &[u8], version: Version) -> Option<()> {
        let mut words = line.split(|byte| *byte == b' ');
        let (root, point) = (words.nth(3)?, words.next()?);
        words.find(|word| *word == b"-")?;
        let (kind, options) = (words.next()?, words.nth(1)?);
        let found = match version {
            Version::One => {
                kind == b"cgroup" && options.split(|byte| *byte == b',').any(|name| name == b"memory")
            }
            Version::Two => kind == b"cgroup2",
        };
        if !found {
            return None;
        }
        let root = root.strip_suffix(b"/").unwrap_or(root);
        unescape(root, &mut self.root)?;
        unescape(point, &mut self.point)
    }

    pub(super) fn point(&self) -> &[u8] {
        self.point.as_bytes()
    }

    /// The path of `group` below the mount: the whole of it if it does not lie below the mount's root.
    pub(super) fn below<'group>(&self, group: &'group [u8]) -> &'group [u8] {
        match group.strip_prefix(self.root.as_bytes()) {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
            _ => group,
        }
    }
}

/// The kernel writes white space and backslashes as three octal digits behind a backslash.
fn unescape(word: &[u8], path: &mut Path) -> Option<()> {
    path.set([])?;
    let mut rest = word;
    while let Some((first, behind)) = rest.split_first() {
        let escape = behind.first_chunk::<3>().filter(|_| *first == b'\\').and_then(octal);
        path.push(escape.unwrap_or(*first))?;
        rest = if escape.is_some() { behind.get(3..)? } else { behind };
    }
    Some(())
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        number.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8], version: Version) -> Option<Mount> {
        let mut mount = Mount::none();
        mount.read(line, version).map(|()| mount)
    }

    const ONE: &[u8] =
        b"35 31 0:32 /docker/x /sys/fs/cgroup/memory ro,nosuid master:9 - cgroup cgroup rw,cpu,memory";
    const TWO: &[u8] = b"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate";

    #[test]
    fn each_version_has_its_type() {
        let one = parse(ONE, Version::One).unwrap();
        assert_eq!((one.root.as_bytes(), one.point()), (&b"/docker/x"[..], &b"/sys/fs/cgroup/memory"[..]));
        let two = parse(TWO, Version::Two).unwrap();
        assert_eq!((two.root.as_bytes(), two.point()), (&b""[..], &b"/sys/fs/cgroup/unified"[..]));
        assert!(parse(ONE, Version::Two).is_none());
        assert!(parse(TWO, Version::One).is_none());
    }

    #[test]
    fn other_mounts_are_none() {
        let others: [&[u8]; 5] = [
            b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755",
            b"33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
            b"33 31 0:30 / /x rw cgroup2 cgroup2 rw",
            b"1 2 3",
            b"",
        ];
        for line in others {
            assert!([Version::One, Version::Two].iter().all(|version| parse(line, *version).is_none()));
        }
    }

    #[test]
    fn the_root_is_cut_off_a_group_as_whole_names() {
        let mount = parse(ONE, Version::One).unwrap();
        assert_eq!(mount.below(b"/docker/x/job"), b"/job");
        assert_eq!(mount.below(b"/docker/x"), b"");
        assert_eq!(mount.below(b"/docker/xy"), b"/docker/xy");
        assert_eq!(parse(TWO, Version::Two).unwrap().below(b"/job"), b"/job");
    }

    #[test]
    fn escapes_are_undone() {
        let mut path = Path::empty();
        assert!(unescape(br"/a\040b\134", &mut path).is_some());
        assert_eq!(path.as_bytes(), br"/a b\");
        assert!(unescape(br"/a\9\04", &mut path).is_some());
        assert_eq!(path.as_bytes(), br"/a\9\04");
    }
}
