//! What `/proc/PID/maps`, `/proc/PID/smaps` and `/proc/PID/status` say, line by line.
//!
//! ```text
//!   7f21c0000000-7f21d0000000 rw-p 00000000 00:00 0                [stack]      a mapping
//!   Rss:                1024 kB                                                 … and in smaps, how much of it is in memory
//! ```
//!
//! Does not know: where the lines come from.

use crate::target::{Mapping, Usage};

/// The mappings that a text of the kernel's tells.
pub fn mappings(text: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(mapping)
}

/// A line that begins a mapping; `None`: it is another one.
pub fn mapping(line: &[u8]) -> Option<Mapping<'_>> {
    let mut rest = line;
    let addresses = next_field(&mut rest)?;
    let dash = addresses.iter().position(|byte| *byte == b'-')?;
    let start = hexadecimal(addresses.get(..dash)?)?;
    let end = hexadecimal(addresses.get(dash + 1..)?)?;
    let access = next_field(&mut rest)?;
    let _offset = next_field(&mut rest)?;
    let _device = next_field(&mut rest)?;
    let inode = next_field(&mut rest)?;
    Some(Mapping {
        start,
        end,
        is_writable: access.get(1) == Some(&b'w'),
        is_private: access.get(3) == Some(&b'p'),
        is_file: inode != b"0",
        name: rest.trim_ascii(),
    })
}

/// Takes what a further line of `smaps` says of the mapping before.
pub fn add_usage(line: &[u8], usage: &mut Usage) {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
    let (name, value) = line.split_at(colon);
    let place = match name {
        b"Rss" => &mut usage.resident,
        b"Anonymous" => &mut usage.anonymous,
        b"AnonHugePages" => &mut usage.in_huge_pages,
        b"Swap" => &mut usage.swapped,
        _ => return,
    };
    let mut value = value.get(1..).unwrap_or_default();
    *place = next_field(&mut value).and_then(decimal).unwrap_or(0) * 1024;
}

/// Goes through the lines of `smaps` in a text that is there as a whole.
#[derive(Debug, Default)]
pub struct Smaps<'a> {
    current: Option<(Mapping<'a>, Usage)>,
}

impl<'a> Smaps<'a> {
    /// All mappings of a whole text.
    pub fn each(text: &'a [u8], each: &mut dyn FnMut(&Mapping<'_>, Usage)) {
        let mut smaps = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(next) = mapping(line) {
                smaps.finish(each);
                smaps.current = Some((next, Usage::default()));
            } else if let Some((_, usage)) = &mut smaps.current {
                add_usage(line, usage);
            }
        }
        smaps.finish(each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(&Mapping<'_>, Usage)) {
        if let Some((mapping, usage)) = self.current.take() {
            each(&mapping, usage);
        }
    }
}

/// Bytes that a line of `status` tells, such as that of `VmRSS`; `None`: there is no such line.
pub fn status_bytes(text: &[u8], name: &[u8]) -> Option<u64> {
    let value = |line: &'_ [u8]| -> Option<u64> {
        let mut value = line.strip_prefix(name)?.strip_prefix(b":")?.trim_ascii();
        Some(next_field(&mut value).and_then(decimal)? * 1024)
    };
    text.split(|byte| *byte == b'\n').find_map(value)
}

/// The first word of a text, which loses it.
fn next_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text = rest.trim_ascii_start();
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let (field, behind) = text.split_at(end);
    *rest = behind;
    (!field.is_empty()).then_some(field)
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(digits).ok()?;
    u64::from_str_radix(text, 16).ok()
}

fn decimal(digits: &[u8]) -> Option<u64> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const TEXT: &[u8] = b"55d0c0a00000-55d0c0a21000 rw-p 00002000 08:01 1835 /usr/bin/a b (deleted)\n\
Size:                132 kB\nRss:                  12 kB\nAnonymous:             8 kB\n\
7f21c0000000-7f21d0000000 rw-p 00000000 00:00 0 \nRss:                4096 kB\nAnonHugePages:      2048 kB\n\
Swap:                  4 kB\nVmFlags: rd wr mr\n\
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\nRss: 8 kB\n";

    #[test]
    fn each_mapping_comes_with_its_own_numbers() {
        let mut seen = Vec::new();
        Smaps::each(TEXT, &mut |mapping, usage| {
            seen.push((mapping.start, mapping.is_file, mapping.name.to_vec(), usage.resident, usage.swapped));
        });
        assert_eq!(
            seen,
            [
                (0x55d0_c0a0_0000, true, b"/usr/bin/a b (deleted)".to_vec(), 12 << 10, 0),
                (0x7f21_c000_0000, false, b"".to_vec(), 4 << 20, 4 << 10),
                (0x7ffc_0000_0000, false, b"[stack]".to_vec(), 8 << 10, 0),
            ]
        );
    }

    #[test]
    fn a_status_tells_bytes_by_name() {
        let text = b"Name:\tstory\nVmPeak:\t  900 kB\nVmRSS:\t     128 kB\nRssAnon:\t  64 kB\nThreads:\t1\n";
        assert_eq!(status_bytes(text, b"VmRSS"), Some(128 << 10));
        assert_eq!(status_bytes(text, b"RssAnon"), Some(64 << 10));
        assert_eq!((status_bytes(text, b"Vm"), status_bytes(text, b"VmPTE")), (None, None));
    }

    #[test]
    fn access_is_read_and_other_lines_are_no_mappings() {
        let shared = mapping(b"1000-2000 rw-s 00000000 00:01 77 /memfd:x").unwrap();
        assert!(shared.is_writable && !shared.is_private && shared.is_file);
        assert!(!mapping(b"1000-2000 r--p 00000000 00:00 0").unwrap().is_writable);
        for line in [&b"Rss:  12 kB"[..], b"VmFlags: rd", b"", b"1000 rw-p 0 00:00 0", b"x-y rw-p 0 0:0 0"] {
            assert_eq!(mapping(line), None);
        }
    }
}
