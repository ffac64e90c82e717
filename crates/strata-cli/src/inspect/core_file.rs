//! A dead process: its core file, as the kernel or `gcore` wrote it, and the files that it had mapped.
//!
//! ```text
//!   core   PT_LOAD  what was written to, and anonymous memory             PT_NOTE  which files were mapped where; its number and name
//!   EXE    what the process only read: constants of the program
//! ```
//!
//! Which pages were in memory a core file does not say. Those that hold something count; a page of zeroes may have been there
//! or not.
//!
//! Does not know: what the memory means.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use object::Endianness;
use object::elf::{ET_CORE, FileHeader64, NT_PRPSINFO, PF_W, PF_X, PT_LOAD, PT_NOTE};
use object::read::ReadCache;
use object::read::elf::{FileHeader, ProgramHeader};
use strata_inspect::{Heap, Mapping, Resident, Target, Usage};

use super::build_id::BuildId;
use super::heaps_in;

const PAGE_BYTES: u64 = 4096;
const NT_FILE: u32 = 0x4649_4c45;

type Header = FileHeader64<Endianness>;

/// A range of the process's memory in the core.
#[derive(Clone, Copy, Debug)]
struct Load {
    start: u64,
    end: u64,
    is_writable: bool,
    is_executable: bool,
    /// Where its bytes are in the core, and how many of them.
    offset: u64,
    dumped: u64,
}

/// A range of the process's memory that was a file's.
#[derive(Clone, Debug)]
struct Mapped {
    start: u64,
    end: u64,
    offset: u64,
    name: String,
}

/// A core file.
#[derive(Debug)]
pub(crate) struct CoreFile {
    core: File,
    loads: Vec<Load>,
    mapped: Vec<Mapped>,
    /// What of `mapped` is the program.
    program: String,
    /// The files behind `mapped`, of those that are there.
    files: Vec<(String, File)>,
    /// Those of which another is there now.
    changed: Vec<String>,
    pid: u32,
    name: String,
}

impl CoreFile {
    /// Opens the core of a process that ran this program.
    pub(crate) fn open(exe: &Path, path: &Path) -> Result<Self> {
        let core = File::open(path).with_context(|| format!("reading {}", path.display()))?;
        let mut file = Self {
            core,
            loads: Vec::new(),
            mapped: Vec::new(),
            program: String::new(),
            files: Vec::new(),
            changed: Vec::new(),
            pid: 0,
            name: String::new(),
        };
        file.read_headers()
            .with_context(|| format!("{} is no core file of a 64-bit process", path.display()))?;
        file.open_files(exe)?;
        Ok(file)
    }

    fn read_headers(&mut self) -> Result<()> {
        let cache = ReadCache::new(self.core.try_clone()?);
        let header = Header::parse(&cache)?;
        let endian = header.endian()?;
        ensure!(header.e_type(endian) == ET_CORE, "it is another kind of ELF file");
        let programs = header.program_headers(endian, &cache)?;
        let length = self.core.metadata()?.len();
        let is_cut =
            programs.iter().any(|program| program.p_offset(endian) + program.p_filesz(endian) > length);
        ensure!(!is_cut, "it is cut short: is `ulimit -c` too small?");
        for program in programs {
            match program.p_type(endian) {
                PT_LOAD => self.loads.push(Load {
                    start: program.p_vaddr(endian),
                    end: program.p_vaddr(endian) + program.p_memsz(endian),
                    is_writable: program.p_flags(endian) & PF_W != 0,
                    is_executable: program.p_flags(endian) & PF_X != 0,
                    offset: program.p_offset(endian),
                    dumped: program.p_filesz(endian),
                }),
                PT_NOTE => {
                    let Some(mut notes) = program.notes(endian, &cache)? else { continue };
                    while let Some(note) = notes.next()? {
                        self.take_note(note.n_type(endian), note.desc())?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_note(&mut self, kind: u32, note: &[u8]) -> Result<()> {
        match kind {
            NT_FILE => self.mapped = mapped_files(note).context("its list of files is cut short")?,
            NT_PRPSINFO => (self.pid, self.name) = identity(note).unwrap_or_default(),
            _ => {}
        }
        Ok(())
    }

    /// The program is at `exe` now; libraries are where they were, or are not used if others are there.
    fn open_files(&mut self, exe: &Path) -> Result<()> {
        let program = File::open(exe).with_context(|| format!("reading {}", exe.display()))?;
        self.program = self.program_name(exe, &program)?.to_owned();
        let mut names: Vec<String> = self.mapped.iter().map(|mapped| mapped.name.clone()).collect();
        names.dedup();
        for name in names {
            if name == self.program {
                self.files.push((name, program.try_clone()?));
            } else if let Ok(file) = File::open(&name) {
                match (self.build_id(&name), BuildId::of(|bytes| file.read_exact_at(bytes, 0).ok())) {
                    (Some(then), Some(now)) if then != now => self.changed.push(name),
                    _ => self.files.push((name, file)),
                }
            }
        }
        Ok(())
    }

    /// By which name the program was mapped: that of the file with its build id, or its own.
    fn program_name(&self, exe: &Path, program: &File) -> Result<&str> {
        let now = BuildId::of(|bytes| program.read_exact_at(bytes, 0).ok());
        let names = || self.mapped.iter().filter(|mapped| mapped.offset == 0).map(|mapped| &*mapped.name);
        if let Some(name) = names().find(|name| now.is_some() && self.build_id(name) == now) {
            return Ok(name);
        }
        let (exe_name, ran) = (exe.display(), &self.name);
        let Some(name) = names().find(|name| Path::new(name).file_name() == exe.file_name()) else {
            bail!("{exe_name} is not the program of this core, which is of a process that ran `{ran}`");
        };
        match (self.build_id(name), now) {
            (Some(then), Some(now)) => bail!(
                "{exe_name} is another build than the one that ran: its build id is {now}, that of {name} in the core {then}"
            ),
            _ => Ok(name),
        }
    }

    /// That of a file that was mapped, if the core has its first bytes.
    fn build_id(&self, name: &str) -> Option<BuildId> {
        let first = self.mapped.iter().find(|mapped| mapped.name == name && mapped.offset == 0)?;
        BuildId::of(|bytes| self.copy_dumped(first.start, bytes))
    }

    /// Files that the process had mapped, and of which others are in their places now.
    pub(crate) fn changed(&self) -> &[String] {
        &self.changed
    }

    /// The number that the process had.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// What it called itself.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The allocators in it, at least one.
    pub(crate) fn heaps(&self) -> Result<Vec<Heap<'_, Self>>> {
        heaps_in(self).map_err(|other| match other {
            Some(version) => anyhow!(
                "the process ran a Strata whose structures have version {version}, and this command reads version {}: use \
the command of the same release",
                strata_inspect::OFFSETS_VERSION
            ),
            None if self.changed.iter().any(|name| name.contains("libstrata")) => anyhow!(
                "another library is where the process had its Strata ({}): put the one that it ran with there",
                self.changed.join(", ")
            ),
            None => anyhow!("the process (`{}`) did not run on Strata", self.name),
        })
    }

    /// The files that it had mapped, as the kernel would tell them: the program by where it is now.
    pub(crate) fn maps(&self, exe: &Path) -> String {
        let line = |mapped: &Mapped| {
            let Mapped { start, end, offset, name } = mapped;
            // gdb says nothing of what is a file's and was not written to, code among it.
            let is_data = self.loads.iter().any(|load| load.start == *start && !load.is_executable);
            let rights = if is_data { "r--p" } else { "r-xp" };
            let name = if *name == self.program { exe } else { Path::new(name) };
            format!("{start:x}-{end:x} {rights} {offset:08x} 00:00 0 {}\n", name.display())
        };
        self.mapped.iter().filter(|mapped| !self.changed.contains(&mapped.name)).map(line).collect()
    }

    fn mapped_at(&self, address: u64) -> Option<&Mapped> {
        self.mapped.iter().find(|mapped| (mapped.start..mapped.end).contains(&address))
    }

    fn copy_dumped(&self, address: u64, into: &mut [u8]) -> Option<()> {
        let load =
            self.loads.iter().find(|load| (load.start..load.start + load.dumped).contains(&address))?;
        let at = address - load.start;
        ensure_fits(at + into.len() as u64, load.dumped)?;
        self.core.read_exact_at(into, load.offset + at).ok()
    }

    fn copy_of_file(&self, address: u64, into: &mut [u8]) -> Option<()> {
        let mapped = self.mapped_at(address)?;
        let (_, file) = self.files.iter().find(|(name, _)| *name == mapped.name)?;
        let at = address - mapped.start;
        ensure_fits(at + into.len() as u64, mapped.end - mapped.start)?;
        file.read_exact_at(into, mapped.offset + at).ok()
    }

    /// Tells the pages of a load between two addresses that hold something.
    fn filled(&self, load: &Load, start: u64, end: u64, each: &mut dyn FnMut(Resident)) {
        const PAGES: usize = 256;
        let mut page = start.max(load.start) & !(PAGE_BYTES - 1);
        let end = end.min(load.start + load.dumped);
        let mut bytes = vec![0; PAGES * PAGE_BYTES as usize];
        while page < end {
            let length = ((end - page) as usize).min(bytes.len());
            let Some(chunk) = bytes.get_mut(..length) else { return };
            if self.core.read_exact_at(chunk, load.offset + (page - load.start)).is_err() {
                return;
            }
            for (index, content) in chunk.chunks(PAGE_BYTES as usize).enumerate() {
                if content.iter().any(|byte| *byte != 0) {
                    let start = page + index as u64 * PAGE_BYTES;
                    each(Resident { start, end: start + PAGE_BYTES, in_huge_pages: false });
                }
            }
            page += length as u64;
        }
    }
}

fn ensure_fits(end: u64, length: u64) -> Option<()> {
    (end <= length).then_some(())
}

/// `count`, the size of a page, then for each file its start, end and offset in pages; then their names.
fn mapped_files(note: &[u8]) -> Option<Vec<Mapped>> {
    let word = |index: usize| {
        let bytes = note.get(index * 8..index * 8 + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let (count, page) = (usize::try_from(word(0)?).ok()?, word(1)?);
    let mut names = note.get(16 + count.checked_mul(24)?..)?.split(|byte| *byte == 0);
    (0..count)
        .map(|index| {
            let at = 2 + index * 3;
            let name = String::from_utf8_lossy(names.next()?).into_owned();
            Some(Mapped { start: word(at)?, end: word(at + 1)?, offset: word(at + 2)? * page, name })
        })
        .collect()
}

/// The number and the name in a `struct elf_prpsinfo`.
fn identity(note: &[u8]) -> Option<(u32, String)> {
    let pid = u32::from_ne_bytes(note.get(24..28)?.try_into().ok()?);
    let name = note.get(40..56)?.split(|byte| *byte == 0).next()?;
    Some((pid, String::from_utf8_lossy(name).into_owned()))
}

impl Target for CoreFile {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        self.copy_dumped(address, into).or_else(|| self.copy_of_file(address, into)).is_some()
    }

    fn resident(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> bool {
        let overlapping =
            self.loads.iter().filter(|load| load.start < end && start < load.start + load.dumped);
        overlapping.for_each(|load| self.filled(load, start, end, each));
        true
    }

    fn mappings(&self, each: &mut dyn FnMut(&Mapping<'_>)) -> bool {
        for load in &self.loads {
            let file = self.mapped_at(load.start);
            each(&Mapping {
                start: load.start,
                end: load.end,
                is_writable: load.is_writable,
                is_private: true,
                is_file: file.is_some(),
                name: file.map_or(&[][..], |file| file.name.as_bytes()),
            });
        }
        true
    }

    fn usage(&self, each: &mut dyn FnMut(&Mapping<'_>, Usage)) -> bool {
        self.mappings(&mut |mapping| {
            let mut usage = Usage::default();
            self.resident(mapping.start, mapping.end, &mut |pages| usage.resident += pages.end - pages.start);
            usage.anonymous = usage.resident;
            each(mapping, usage);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_files_is_read_and_one_that_is_cut_short_is_not() {
        let words = [2_u64, 4096, 0x1000, 0x3000, 5, 0x8000, 0x9000, 0];
        let mut note: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        note.extend(b"/bin/a\0/lib/b\0");
        let files = mapped_files(&note).unwrap();
        assert_eq!((&*files[0].name, files[0].offset, &*files[1].name), ("/bin/a", 5 * 4096, "/lib/b"));
        assert!(mapped_files(&note[..40]).is_none());
        assert!(mapped_files(&u64::MAX.to_ne_bytes().repeat(4)).is_none());
    }
}
