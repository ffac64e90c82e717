//! A running process, read without stopping it; and written to where it has words for that (`recorder`).
//!
//! | what            | from                                 | the kernel asks for                       |
//! |-----------------|--------------------------------------|-------------------------------------------|
//! | mappings, pages | `/proc/PID/maps`, `pagemap`, `smaps` | the right to read                         |
//! | memory          | `process_vm_readv`                   | the right to attach, which Yama restricts |
//!
//! Nothing of it needs the process's files, so a container's process is like any other; for the names of functions its files are found
//! by `/proc/PID/root`.
//!
//! Does not know: what is read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::Result;
use strata_inspect::kernel_text::{self, Smaps};
use strata_inspect::{Mapping, Resident, Target, Usage};

use super::pagemap::Pagemap;
use super::reading::Reading;
use super::refusal::Refusal;

pub(super) const PAGE_BYTES: usize = 4096;

/// One that runs.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    pagemap: Pagemap,
}

impl Process {
    /// Makes sure that it may be inspected.
    pub(crate) fn open(pid: u32) -> Result<Self, Refusal> {
        let refused = |error: io::Error| Refusal::of_file(pid, &error);
        let maps = fs::read(file(pid, "maps")).map_err(refused)?;
        let pagemap = Pagemap::open(&file(pid, "pagemap")).map_err(refused)?;
        let first = kernel_text::mappings(&maps).next();
        let Some(first) = first else { return Err(Refusal::Empty(pid)) };
        let process = Self { pid, pagemap };
        process.copy(first.start, &mut [0; 8]).map_err(|error| Refusal::of_memory(pid, &error))?;
        Ok(process)
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has no memory any more.
    pub(crate) fn has_ended(&self) -> bool {
        fs::read(file(self.pid, "maps")).map_or(true, |maps| maps.is_empty())
    }

    /// What it calls itself.
    pub(crate) fn name(&self) -> String {
        fs::read_to_string(file(self.pid, "comm")).unwrap_or_default().trim().to_owned()
    }

    /// Bytes of its page tables, which are no part of its resident memory.
    pub(crate) fn page_table_bytes(&self) -> Option<u64> {
        kernel_text::status_bytes(&fs::read(file(self.pid, "status")).ok()?, b"VmPTE")
    }

    /// The numbers of its threads, and their names.
    pub(crate) fn threads(&self) -> Vec<(u32, String)> {
        let folder = file(self.pid, "task");
        let numbers = fs::read_dir(&folder).into_iter().flatten().flatten();
        let threads = numbers.filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            Some((number, name.trim().to_owned()))
        });
        threads.collect()
    }

    /// Its memory from now on.
    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading::of(self)
    }

    /// Bytes of its own that are in memory, without a walk over page tables.
    pub(crate) fn anonymous_bytes(&self) -> Option<u64> {
        kernel_text::status_bytes(&fs::read(file(self.pid, "status")).ok()?, b"RssAnon")
    }

    /// What the kernel says of its mappings, with files by names that lead to them from here, also those of a container.
    pub(crate) fn maps(&self) -> Result<String> {
        let maps = fs::read_to_string(file(self.pid, "maps"))?;
        let place = |path: &str| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let root = format!("/proc/{}/root", self.pid);
        if place(&root).is_none_or(|root| Some(root) == place("/")) {
            return Ok(maps);
        }
        let lines = maps.lines().map(|line| match line.find(" /") {
            // Where nothing of the process's root leads to the file, the kernel tells its name as it is from here.
            Some(at) if fs::exists(format!("{root}{}", &line[at + 1..])).is_ok_and(|exists| exists) => {
                format!("{} {root}{}\n", &line[..at], &line[at + 1..])
            }
            _ => format!("{line}\n"),
        });
        Ok(lines.collect())
    }

    /// Writes to its memory.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<()> {
        let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let place = std::ptr::without_provenance_mut(address as usize);
        let remote = libc::iovec { iov_base: place, iov_len: bytes.len() };
        // SAFETY: reads our bytes; the other address is another process's.
        let written = unsafe {
            libc::process_vm_writev(self.pid as libc::pid_t, &raw const local, 1, &raw const remote, 1, 0)
        };
        match usize::try_from(written) {
            Ok(written) if written == bytes.len() => Ok(()),
            Ok(_) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Err(_) => Err(Refusal::of_memory(self.pid, &io::Error::last_os_error()).into()),
        }
    }

    /// Copies pages from the first on, by one call; how many it copied.
    pub(super) fn copy_pages(&self, pages: &[u64], into: &mut [u8]) -> usize {
        let mut ranges: Vec<libc::iovec> = Vec::new();
        for page in pages {
            let place = std::ptr::without_provenance_mut(*page as usize);
            match ranges.last_mut().filter(|range| range.iov_base.addr() + range.iov_len == *page as usize) {
                Some(range) => range.iov_len += PAGE_BYTES,
                None => ranges.push(libc::iovec { iov_base: place, iov_len: PAGE_BYTES }),
            }
        }
        usize::try_from(self.copy_ranges(&ranges, into)).map_or(0, |copied| copied / PAGE_BYTES)
    }

    /// Copies ranges of its memory by one call, which answers how many bytes it copied, or less than nothing.
    fn copy_ranges(&self, ranges: &[libc::iovec], into: &mut [u8]) -> isize {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let (remote, count) = (ranges.as_ptr(), ranges.len() as libc::c_ulong);
        // SAFETY: writes into our buffer, as much as it holds; the other addresses are another process's.
        unsafe { libc::process_vm_readv(self.pid as libc::pid_t, &raw const local, 1, remote, count, 0) }
    }

    /// What the kernel says of its mappings.
    pub(super) fn maps_text(&self) -> Option<Vec<u8>> {
        fs::read(file(self.pid, "maps")).ok()
    }

    fn copy(&self, address: u64, into: &mut [u8]) -> io::Result<()> {
        let place = std::ptr::without_provenance_mut(address as usize);
        let range = libc::iovec { iov_base: place, iov_len: into.len() };
        match usize::try_from(self.copy_ranges(&[range], into)) {
            Ok(copied) if copied == into.len() => Ok(()),
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }
}

impl Target for Process {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        self.copy(address, into).is_ok()
    }

    fn resident(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> bool {
        self.pagemap.resident(start, end, each)
    }

    fn mappings(&self, each: &mut dyn FnMut(&Mapping<'_>)) -> bool {
        let Some(text) = self.maps_text() else { return false };
        kernel_text::mappings(&text).for_each(|mapping| each(&mapping));
        true
    }

    fn usage(&self, each: &mut dyn FnMut(&Mapping<'_>, Usage)) -> bool {
        let Ok(text) = fs::read(file(self.pid, "smaps")) else { return false };
        Smaps::each(&text, each);
        true
    }
}

fn file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}
