//! The file as the kernel has it: created once, found again if the program closed it, and cut back to its last whole state by a write that
//! fails.
//!
//! F1  Only what `create` created is written to and cut: device and inode tell it from what the program has under the same number. They are
//!     asked before each write, and not at the same moment: a program that closes our descriptor and opens a file in between is not seen.
//! F2  Between `end` and `begin` the file is as long as what was written to it, whole states all of it; one that is not (cut by somebody,
//!     or another one with an inode that was used before) is left.
//!
//! Does not know: what is written; one thread at a time uses it (W1 of `writer`).

use super::{CHUNK_HEAD, MAGIC};
use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, Ordering::Relaxed};

/// The longest path of a file, with its end and the number that a child adds.
const PATH_BYTES: usize = 1024;
/// Bytes of the longest number that a path gets, with a dot.
const NUMBER_BYTES: usize = 12;
/// Where a file says which process wrote it: behind the magic, and the head and the version of its first chunk.
const PROCESS_AT: usize = MAGIC.len() + CHUNK_HEAD + 4;

/// Of one thread at a time, so that all its words are Relaxed; but `is_open` is asked by any.
pub(super) struct File {
    /// What was asked for; what was created may have the process's number behind it.
    path: [AtomicU8; PATH_BYTES],
    descriptor: AtomicI32,
    /// Device and inode (F1).
    identity: [AtomicU64; 2],
    /// Where the last whole state ends (F2).
    whole: AtomicU64,
    /// How long it is, with what was put since.
    length: AtomicU64,
    /// Bytes that may still be written before `RLIMIT_FSIZE`, beyond which the kernel ends the process; 0 once a write failed.
    room: AtomicU64,
}

/// A path with its end.
type Path = [u8; PATH_BYTES];

impl File {
    pub(super) const fn none() -> Self {
        Self {
            path: [const { AtomicU8::new(0) }; PATH_BYTES],
            descriptor: AtomicI32::new(-1),
            identity: [const { AtomicU64::new(0) }; 2],
            whole: AtomicU64::new(0),
            length: AtomicU64::new(0),
            room: AtomicU64::new(0),
        }
    }

    /// Whether there is one. A hint: another thread may be about to create or to leave it.
    pub(super) fn is_open(&self) -> bool {
        self.descriptor.load(Relaxed) >= 0
    }

    /// Says where it will be. `false`: the path is too long.
    pub(super) fn place(&self, path: &CStr) -> bool {
        let bytes = path.to_bytes_with_nul();
        let fits = bytes.len() + NUMBER_BYTES <= PATH_BYTES;
        if fits {
            self.path.iter().zip(bytes).for_each(|(place, byte)| place.store(*byte, Relaxed));
        }
        fits
    }

    /// Creates it, empty, and begins to write: with the process's number behind its name if there is another one.
    pub(super) fn create(&self, process: c_int) -> bool {
        let mut path = self.path();
        let descriptor = create_new(&path).or_else(|| take_over(&path, process)).or_else(|| {
            add_number(&mut path, process);
            create_new(&path).or_else(|| take_over(&path, process))
        });
        self.descriptor.store(descriptor.unwrap_or(-1), Relaxed);
        let Some(kind) = descriptor.and_then(kind_of) else { return false };
        self.identity.iter().zip(identity(&kind)).for_each(|(place, word)| place.store(word, Relaxed));
        self.whole.store(0, Relaxed);
        self.begin(process)
    }

    /// Begins a state. `false`: the file cannot be found any more.
    pub(super) fn begin(&self, process: c_int) -> bool {
        let known = Some(self.descriptor.load(Relaxed)).filter(|descriptor| self.is_ours(*descriptor));
        let found = known.or_else(|| self.find(process));
        self.descriptor.store(found.unwrap_or(-1), Relaxed);
        let whole = self.whole.load(Relaxed);
        self.length.store(whole, Relaxed);
        self.room.store(limit().saturating_sub(whole), Relaxed);
        found.is_some()
    }

    /// The program closed it, as one does that goes into the background, or has another file under its number.
    #[cold]
    #[inline(never)]
    fn find(&self, process: c_int) -> Option<c_int> {
        let mut path = self.path();
        let is_ours = |descriptor| self.is_ours(descriptor);
        open_again(&path, is_ours).or_else(|| {
            add_number(&mut path, process);
            open_again(&path, is_ours)
        })
    }

    /// Whether it is our file, as we left it (F2).
    fn is_ours(&self, descriptor: c_int) -> bool {
        let whole = self.whole.load(Relaxed);
        self.ours(descriptor).is_some_and(|kind| kind.st_size.cast_unsigned() == whole)
    }

    /// What the kernel says of our file; `None`: it is another one, or none.
    fn ours(&self, descriptor: c_int) -> Option<libc::stat> {
        let known = [0, 1].map(|word| self.identity[word].load(Relaxed));
        kind_of(descriptor).filter(|kind| identity(kind) == known)
    }

    fn path(&self) -> Path {
        let mut path = [0; PATH_BYTES];
        path.iter_mut().zip(&self.path).for_each(|(byte, place)| *byte = place.load(Relaxed));
        path
    }

    /// Writes bytes, unless some before them were not written.
    pub(super) fn put(&self, mut bytes: &[u8]) {
        let (room, descriptor) = (self.room.load(Relaxed), self.descriptor.load(Relaxed));
        let left = room.saturating_sub(bytes.len() as u64);
        while left != 0 && !bytes.is_empty() && self.ours(descriptor).is_some() {
            // SAFETY: reads the bytes.
            let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
            match usize::try_from(written) {
                Ok(written) if written != 0 => {
                    self.length.store(self.length.load(Relaxed) + written as u64, Relaxed);
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                // A full disk.
                _ => break,
            }
        }
        self.room.store(if bytes.is_empty() { left } else { 0 }, Relaxed);
    }

    /// Ends what was begun. `false`: not all was written, and all of it is gone.
    pub(super) fn end(&self) -> bool {
        if self.room.load(Relaxed) != 0 {
            self.whole.store(self.length.load(Relaxed), Relaxed);
            return true;
        }
        let (descriptor, whole) = (self.descriptor.load(Relaxed), self.whole.load(Relaxed));
        // SAFETY: our own file (F1).
        let is_cut = self.ours(descriptor).is_some()
            && unsafe { libc::ftruncate(descriptor, whole.cast_signed()) } == 0;
        if !is_cut {
            self.leave();
        }
        false
    }

    /// Has none any more.
    pub(super) fn leave(&self) {
        self.descriptor.store(-1, Relaxed);
    }
}

/// The longest file that this process may write.
fn limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes into it.
    let is_known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } == 0;
    if is_known { limit.rlim_cur } else { u64::MAX }
}

fn kind_of(descriptor: c_int) -> Option<libc::stat> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut kind: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: writes into it; or no descriptor.
    (unsafe { libc::fstat(descriptor, &raw mut kind) } == 0).then_some(kind)
}

fn identity(kind: &libc::stat) -> [u64; 2] {
    [kind.st_dev, kind.st_ino]
}

fn create_new(path: &Path) -> Option<c_int> {
    let how = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: a path with its end.
    let descriptor = unsafe { libc::open(path.as_ptr().cast(), how, 0o644) };
    (descriptor >= 0).then_some(descriptor)
}

/// Opens what is there, if it is the right one.
fn open_again(path: &Path, is_right: impl FnOnce(c_int) -> bool) -> Option<c_int> {
    let how = libc::O_RDWR | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: a path with its end.
    let descriptor = unsafe { libc::open(path.as_ptr().cast(), how) };
    let found = Some(descriptor).filter(|descriptor| is_right(*descriptor));
    if found.is_none() && descriptor >= 0 {
        // SAFETY: opened above.
        unsafe { libc::close(descriptor) };
    }
    found
}

/// The file that this process wrote when it was another program (`exec` keeps the number), emptied.
fn take_over(path: &Path, process: c_int) -> Option<c_int> {
    open_again(path, |descriptor| {
        let mut start = [0; PROCESS_AT + 4];
        // SAFETY: writes into the buffer; or no descriptor.
        let read = unsafe { libc::read(descriptor, start.as_mut_ptr().cast(), start.len()) };
        let is_ours = read.cast_unsigned() == start.len()
            && start.starts_with(&MAGIC)
            && start.ends_with(&process.cast_unsigned().to_le_bytes());
        // SAFETY: opened just now, and ours.
        is_ours && unsafe { libc::ftruncate(descriptor, 0) } == 0
    })
}

/// Puts `.NUMBER` behind a path.
fn add_number(path: &mut Path, number: c_int) {
    let end = path.iter().position(|byte| *byte == 0).unwrap_or_default();
    let mut number = number.unsigned_abs();
    let mut digits = [0; NUMBER_BYTES - 2];
    let mut first = digits.len();
    while number != 0 && first != 0 {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let text = [b'.'].into_iter().chain(digits.into_iter().skip(first)).chain([0]);
    path.iter_mut().skip(end).zip(text).for_each(|(place, byte)| *place = byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_put_behind_a_path() {
        let mut path = [0; PATH_BYTES];
        path[..4].copy_from_slice(b"/a/b");
        add_number(&mut path, 1203);
        assert_eq!(CStr::from_bytes_until_nul(&path).unwrap(), c"/a/b.1203");
    }
}
