//! The process's mappings, and where in its file an address lies.
//!
//! Linkers lay segments out so that an address in the file (its *virtual address*) is not its offset: rust-lld does, bfd mostly not. So the
//! file's program headers are asked.
//!
//! Does not know: functions.

use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadCache, ReadRef};
use std::fs::File;

/// A file, mapped to be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// The file; `[vdso]` and its like are none.
    pub path: String,
}

impl Mapping {
    /// The file's name without folders.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The bytes before an address in the file.
    pub fn file_offset(&self, address: u64) -> u64 {
        address.wrapping_sub(self.start).wrapping_add(self.offset)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.name().starts_with("libstrata.so")
    }
}

/// Where the call lies, which begins before the address that it returns to. Nothing returns to address 0, but a damaged file may say so.
pub(crate) const fn call_of(return_address: u64) -> u64 {
    return_address.wrapping_sub(1)
}

/// What the kernel says of a process's mappings: those that may be executed.
pub(crate) fn parse(maps: &str) -> Vec<Mapping> {
    maps.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let rights = words.next()?;
    let offset = words.next()?;
    let path = words.nth(2)?.trim_start();
    let number = |text| u64::from_str_radix(text, 16).ok();
    let mapping =
        Mapping { start: number(start)?, end: number(end)?, offset: number(offset)?, path: path.to_owned() };
    (rights.contains('x') && !path.is_empty()).then_some(mapping)
}

/// What is to be known of an ELF file: its segments and its build id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    segments: Vec<Segment>,
    /// In hexadecimal digits; empty if it has none.
    pub(crate) build_id: String,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    bytes: u64,
    address: u64,
}

impl Module {
    /// Reads a file's headers; without them addresses are offsets.
    pub(crate) fn open(path: &str) -> Self {
        File::open(path).ok().and_then(|file| Self::read(&ReadCache::new(file))).unwrap_or_default()
    }

    fn read<'data, R: ReadRef<'data>>(data: R) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let headers = header.program_headers(endian, data).ok()?;
        let loaded =
            headers.iter().filter(|segment| segment.p_type(endian) == PT_LOAD).map(|segment| Segment {
                offset: segment.p_offset(endian),
                bytes: segment.p_filesz(endian),
                address: segment.p_vaddr(endian),
            });
        let mut notes = headers.iter().filter_map(|segment| segment.notes(endian, data).ok().flatten());
        let build_id = notes.find_map(|mut notes| {
            while let Ok(Some(note)) = notes.next() {
                if note.name() == b"GNU" && note.n_type(endian) == object::elf::NT_GNU_BUILD_ID {
                    return Some(note.desc().iter().map(|byte| format!("{byte:02x}")).collect());
                }
            }
            None
        });
        Some(Self { segments: loaded.collect(), build_id: build_id.unwrap_or_default() })
    }

    /// The virtual address of what lies at an offset of the file.
    pub(crate) fn address(&self, offset: u64) -> u64 {
        let segment =
            self.segments.iter().find(|segment| offset.wrapping_sub(segment.offset) < segment.bytes);
        segment.map_or(offset, |segment| offset - segment.offset + segment.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_executed_is_taken_from_the_kernels_lines() {
        let maps = "55d0c0a00000-55d0c0a40000 r--p 00000000 08:01 42                         /usr/bin/my program\n\
                    55d0c0a40000-55d0c0b00000 r-xp 0003fab0 08:01 42                         /usr/bin/my program\n\
                    7ffd0000-7ffe0000 rw-p 00000000 00:00 0                                  [stack]\n\
                    7f0000000000-7f0000001000 r-xp 00000000 00:00 0 \n";
        let mappings = parse(maps);
        assert_eq!(mappings.len(), 1);
        assert_eq!((mappings[0].name(), mappings[0].file_offset(0x55d0_c0a4_0010)), ("my program", 0x3_fac0));
    }

    #[test]
    fn a_function_of_this_program_lies_at_its_virtual_address() {
        let profile = crate::Profile::take();
        let address = parse_line as fn(&str) -> Option<Mapping>;
        let address = (address as *const ()).addr() as u64;
        let mapping = profile.mapping(address).unwrap();
        let module = Module::open(&mapping.path);
        // A position-independent program is moved by one distance, as a whole.
        let moved = address - module.address(mapping.file_offset(address));
        assert_eq!(moved % 4096, 0, "{moved:x}");
        assert!(mapping.start - moved < mapping.end, "{moved:x}");
    }
}
