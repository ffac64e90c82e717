//! The number that a linker gives a file, by which it is told from others of the same name.
//!
//! It stands among the file's first bytes, which a core file has of each file that was mapped, if the kernel wrote it.
//!
//! Does not know: what a difference means.

use object::Endianness;
use object::elf::{ELF_NOTE_GNU, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::{FileHeader, ProgramHeader};

/// Bytes in which it is looked for.
const FIRST_BYTES: usize = 4096;

/// A build id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuildId(Vec<u8>);

impl BuildId {
    /// Of the file whose first bytes `copy` gets. `None`: it has none, or they cannot be had.
    pub(crate) fn of(copy: impl FnOnce(&mut [u8]) -> Option<()>) -> Option<Self> {
        let mut bytes = [0; FIRST_BYTES];
        copy(&mut bytes)?;
        let header = FileHeader64::<Endianness>::parse(&bytes[..]).ok()?;
        let endian = header.endian().ok()?;
        let programs = header.program_headers(endian, &bytes[..]).ok()?;
        let notes = programs.iter().filter_map(|program| program.notes(endian, &bytes[..]).ok()?);
        notes.into_iter().find_map(|mut notes| {
            while let Ok(Some(note)) = notes.next() {
                if note.name() == ELF_NOTE_GNU && note.n_type(endian) == NT_GNU_BUILD_ID {
                    return Some(Self(note.desc().to_vec()));
                }
            }
            None
        })
    }
}

impl std::fmt::Display for BuildId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
