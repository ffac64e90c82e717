//! A file that stays open for one last message.
//!
//! It is opened beforehand, when there are descriptors and rights, gets a number that programs rarely close by counting, and is written to only
//! while that number still leads to it.
//!
//! Does not know: what is written.

use crate::call::quietly;
use crate::{Output, system};
use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

/// Numbers that are tried, the first one first: daemons close the lower ones at their start.
const NUMBERS: [c_int; 3] = [900, 200, 20];

/// Its number, and what file it is; a constant, for a `static`.
#[derive(Debug)]
pub struct KeptFile {
    /// −1: none.
    number: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
}

impl KeptFile {
    /// No file yet.
    pub const fn none() -> Self {
        Self { number: AtomicI32::new(-1), device: AtomicU64::new(0), inode: AtomicU64::new(0) }
    }

    /// Opens a file, made if need be, to write at its end; whether it can be.
    pub fn open(&self, path: &CStr) -> bool {
        let Some(opened) = system::stderr::open_to_append(path) else { return false };
        let number = higher(opened);
        let Some((device, inode)) = identity(number) else { return false };
        // Relaxed, here and below: written before anybody asks.
        self.device.store(device, Relaxed);
        self.inode.store(inode, Relaxed);
        self.number.store(number, Relaxed);
        true
    }

    /// The end of the file; `None`: there is none, or the program has closed it.
    pub fn output(&self) -> Option<Output> {
        let number = self.number.load(Relaxed);
        let known = (self.device.load(Relaxed), self.inode.load(Relaxed));
        (number >= 0 && identity(number) == Some(known)).then(|| Output::to(number))
    }
}

/// The same file under a higher number, if there is one.
fn higher(opened: c_int) -> c_int {
    // SAFETY: a descriptor of ours.
    let duplicate = |least: c_int| unsafe { libc::fcntl(opened, libc::F_DUPFD_CLOEXEC, least) };
    match NUMBERS.iter().map(|least| quietly(|| duplicate(*least))).find(|number| *number >= 0) {
        Some(number) => {
            system::stderr::close(opened);
            number
        }
        None => opened,
    }
}

/// Which file a descriptor leads to.
#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
fn identity(number: c_int) -> Option<(u64, u64)> {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: writes the value that it is given.
    let answer = quietly(|| unsafe { libc::fstat(number, status.as_mut_ptr()) });
    // SAFETY: all zero bytes are one.
    let status = unsafe { status.assume_init() };
    (answer == 0).then_some((status.st_dev as u64, status.st_ino as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;
    use std::ffi::CString;

    #[test]
    fn it_is_written_to_while_it_is_the_same_file_and_never_another() {
        static KEPT: KeptFile = KeptFile::none();
        let path = std::env::temp_dir().join(std::format!("strata-kept-{}", std::process::id()));
        let name = CString::new(path.to_str().unwrap()).unwrap();
        assert!(KEPT.output().is_none() && !KEPT.open(c"/proc/no/such/file"));
        assert!(KEPT.open(&name));
        KEPT.output().unwrap().write_str("one\n").unwrap();
        KEPT.output().unwrap().write_str("two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        let number = KEPT.number.load(Relaxed);
        assert!(number >= 20, "{number}");
        // SAFETY: the test's own.
        let other = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY) };
        // SAFETY: two numbers of this process; that of the kept file is closed by it, which the test is about.
        assert_eq!(unsafe { libc::dup2(other, number) }, number);
        assert!(KEPT.output().is_none(), "another file has its number");
        // SAFETY: a number that this test opened.
        unsafe { libc::close(number) };
        assert!(KEPT.output().is_none(), "closed");
        // SAFETY: a number that this test opened, closed once.
        unsafe { libc::close(other) };
        std::fs::remove_file(path).unwrap();
    }
}
