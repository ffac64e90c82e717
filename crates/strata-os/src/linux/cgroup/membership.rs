//! In which group this process is, and which of the two kernel interfaces has the memory controller.

/// The kernel's interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The group of this process, by the lines `number:controllers:path` of `/proc/self/cgroup`. If both versions are in use,
/// memory is in one of them, and that is the first if it is named there.
pub(super) fn parse(file: &[u8]) -> Option<(Version, &[u8])> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_version_two_is_the_line_without_controllers() {
        assert_eq!(parse(b"0::/user/job\n"), Some((Version::Two, &b"/user/job"[..])));
        assert_eq!(parse(b"0::/a:b\n"), Some((Version::Two, &b"/a:b"[..])));
    }

    #[test]
    fn the_memory_controller_of_version_one_goes_first() {
        let file = b"9:name=systemd:/\n4:cpu,memory:/docker/x\n0::/ignored\n";
        assert_eq!(parse(file), Some((Version::One, &b"/docker/x"[..])));
    }

    #[test]
    fn other_controllers_are_no_membership() {
        assert_eq!(parse(b"4:memory_of_something:/x\n3:cpu:/y\n"), None);
        assert_eq!(parse(b"nonsense\n\n::\n"), None);
        assert_eq!(parse(b""), None);
    }
}
