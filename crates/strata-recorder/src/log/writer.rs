//! Writes the file, by system calls only: from within an allocation, at exit, in a child of `fork`.
//!
//! W1  One thread of a process writes at a time; another that wants to leaves it. A child of `fork` does not have the one that wrote.
//!
//! Does not know: how it is read.

use super::{CHUNK_HEAD, MAGIC, VERSION, checksum, kind};
use crate::errno;
use crate::recorder::{self, Recorded};
use crate::site::{LIFETIMES, News, Site};
use crate::stack::DEPTH;
use core::ffi::{CStr, c_int};
use core::sync::atomic::{
    AtomicI32, AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use strata_cache::profile;
use strata_os::clock;

/// Milliseconds between two states.
const INTERVAL: u64 = 1000;
/// The longest path of a file, with its end and the number that a child adds.
const PATH_BYTES: usize = 1024;
/// Bytes of the longest number that a path gets, with a dot.
const NUMBER_BYTES: usize = 12;
/// Where a file says which process wrote it: behind the magic, and the head and the version of its first chunk.
const PROCESS_AT: usize = MAGIC.len() + CHUNK_HEAD + 4;
/// Bytes of mappings in one chunk.
const MAPS_BYTES: usize = 2048;

/// The file; only one thread at a time uses it (W1), but for `due`.
struct File {
    /// The process that writes, while it does.
    writes: AtomicI32,
    descriptor: AtomicI32,
    process: AtomicI32,
    begun: AtomicU64,
    due: AtomicU64,
    path: [AtomicU8; PATH_BYTES],
}

static FILE: File = File::none();

/// Creates the file at `path`, and writes the state into it every second or so from now on. If another process has it already, this one's
/// number is added to the path; what this process wrote before it became another program goes. `false`: none can be created.
pub fn open(path: &CStr) -> bool {
    let bytes = path.to_bytes_with_nul();
    if bytes.len() + NUMBER_BYTES > PATH_BYTES {
        return false;
    }
    // Relaxed: no thread writes yet.
    FILE.path.iter().zip(bytes).for_each(|(place, byte)| place.store(*byte, Relaxed));
    FILE.create()
}

/// Writes the state if a second has gone since the last time.
pub fn write_if_due() {
    // Relaxed: a hint; `write` decides.
    if clock::milliseconds() >= FILE.due.load(Relaxed) {
        write();
    }
}

/// Writes the state now, unless another thread does.
pub fn write() {
    // Relaxed: as in `File`; -1: no file.
    if FILE.descriptor.load(Relaxed) < 0 {
        return;
    }
    FILE.alone(|| errno::preserving(|| FILE.write_state()));
}

/// Writes the last state, and no more.
pub fn close() {
    profile::settle();
    write();
    // Relaxed: the process ends.
    FILE.due.store(u64::MAX, Relaxed);
}

fn this_process() -> c_int {
    // SAFETY: asks nothing of the caller.
    unsafe { libc::getpid() }
}

impl File {
    const fn none() -> Self {
        Self {
            writes: AtomicI32::new(0),
            descriptor: AtomicI32::new(-1),
            process: AtomicI32::new(0),
            begun: AtomicU64::new(0),
            due: AtomicU64::new(u64::MAX),
            path: [const { AtomicU8::new(0) }; PATH_BYTES],
        }
    }

    /// Does something unless another thread of this process is at it (W1).
    fn alone(&self, body: impl FnOnce()) {
        let own = this_process();
        // Acquire: what the last one wrote; pairs with Release below.
        if self.writes.swap(own, Acquire) != own {
            body();
            // Release: pairs with Acquire above.
            self.writes.store(0, Release);
        }
    }

    fn create(&self) -> bool {
        let process = this_process();
        let mut path = [0; PATH_BYTES];
        path.iter_mut().zip(&self.path).for_each(|(byte, place)| *byte = place.load(Relaxed));
        let descriptor = create_new(&path).or_else(|| take_over(&path, process)).or_else(|| {
            add_number(&mut path, process);
            create_new(&path)
        });
        let Some(descriptor) = descriptor else { return false };
        self.descriptor.store(descriptor, Relaxed);
        self.process.store(process, Relaxed);
        self.begun.store(clock::milliseconds(), Relaxed);
        self.due.store(clock::milliseconds() + INTERVAL, Relaxed);
        self.put(&MAGIC);
        // SAFETY: asks for the time.
        let now = unsafe { libc::time(core::ptr::null_mut()) } as u64;
        let mut out = Buffer::empty();
        self.chunk(&mut out, kind::PROCESS, |out| {
            out.u32(VERSION);
            out.u32(process.cast_unsigned());
            out.u64(now * 1000);
        });
        self.flush(&mut out);
        true
    }

    fn write_state(&self) {
        if this_process() != self.process.load(Relaxed) {
            // A child of `fork`: the file is the parent's.
            self.process.store(0, Relaxed);
            let sites = recorder::recorded().into_iter().flat_map(|recorded| recorded.sites.iter());
            sites.for_each(Site::is_to_be_told_again);
            if !self.create() {
                self.descriptor.store(-1, Relaxed);
                return;
            }
        }
        let now = clock::milliseconds();
        self.due.store(now + INTERVAL, Relaxed);
        let mut out = Buffer::empty();
        self.write_maps(&mut out);
        let peak = recorder::recorded().map_or(0, |recorded| recorded.peak.number());
        let sites = || recorder::recorded().into_iter().flat_map(|recorded| recorded.sites.iter());
        let labels = sites().filter(|site| site.is_label() && site.is_new());
        labels.for_each(|label| self.write_label(&mut out, label));
        for (site, news) in sites().filter(|site| !site.is_label()).map(|site| (site, site.news())) {
            match news {
                News::None => {}
                News::Counts => self.write_counts(&mut out, site),
                News::Site => {
                    self.write_site(&mut out, site);
                    self.write_counts(&mut out, site);
                }
            }
        }
        let [unheard, without_site] = recorder::recorded().map_or([0; 2], Recorded::lost);
        self.chunk(&mut out, kind::STATE, |out| {
            out.u64(now - self.begun.load(Relaxed));
            out.u64(unheard);
            out.u64(without_site);
            out.u32(peak);
        });
        self.flush(&mut out);
    }

    fn write_label(&self, out: &mut Buffer, label: Site<'_>) {
        let text = label.text();
        let length = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.chunk(out, kind::LABEL, |out| {
            out.u32(label.number());
            out.u32(label.label());
            out.bytes(text.get(..length).unwrap_or_default());
        });
    }

    fn write_site(&self, out: &mut Buffer, site: Site<'_>) {
        self.chunk(out, kind::SITE, |out| {
            out.u32(site.number());
            out.u64(site.bytes());
            out.u64(site.mean());
            out.u32(site.label());
            site.frames().for_each(|frame| out.u64(frame));
        });
    }

    fn write_counts(&self, out: &mut Buffer, site: Site<'_>) {
        self.chunk(out, kind::COUNTS, |out| {
            out.u32(site.number());
            // Freed first: what is freed meanwhile was allocated before.
            let freed = site.freed();
            let counts = [site.allocated(), freed, site.freed_by_others(), site.kept_for_peak()];
            counts.into_iter().chain(site.lifetimes()).for_each(|count| out.u64(count));
        });
    }

    fn write_maps(&self, out: &mut Buffer) {
        // SAFETY: a name with its end.
        let maps = unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        if maps < 0 {
            return;
        }
        let mut part = kind::MAPS_FIRST;
        loop {
            let mut buffer = [0; MAPS_BYTES];
            // SAFETY: writes into the buffer.
            let read = unsafe { libc::read(maps, buffer.as_mut_ptr().cast(), buffer.len()) };
            let Some(text) =
                usize::try_from(read).ok().filter(|read| *read != 0).and_then(|read| buffer.get(..read))
            else {
                break;
            };
            self.chunk(out, part, |out| out.bytes(text));
            part = kind::MAPS;
        }
        // SAFETY: opened above.
        unsafe { libc::close(maps) };
    }

    /// Puts a chunk behind those that wait to be written.
    fn chunk(&self, out: &mut Buffer, kind: u32, fill: impl FnOnce(&mut Buffer)) {
        if out.used + CHUNK_BYTES > BUFFER_BYTES {
            self.flush(out);
        }
        let start = out.used;
        out.used += CHUNK_HEAD;
        fill(out);
        let end = out.used;
        let payload = out.bytes.get(start + CHUNK_HEAD..end).unwrap_or_default();
        let (sum, length) = (checksum(kind, payload), payload.len() as u32);
        out.used = start;
        out.u32(kind);
        out.u32(length);
        out.u64(sum);
        out.used = end;
    }

    /// Writes the chunks that wait.
    fn flush(&self, out: &mut Buffer) {
        self.put(out.bytes.get(..out.used).unwrap_or_default());
        out.used = 0;
    }

    fn put(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // SAFETY: reads the bytes.
            let written =
                unsafe { libc::write(self.descriptor.load(Relaxed), bytes.as_ptr().cast(), bytes.len()) };
            match usize::try_from(written) {
                Ok(written) if written != 0 => bytes = bytes.get(written..).unwrap_or_default(),
                // A full disk, or the program closed what is not its own: no more is written.
                _ => return,
            }
        }
    }
}

/// Bytes of the largest chunk: a site of the deepest stack, or a part of the mappings.
const CHUNK_BYTES: usize = CHUNK_HEAD + if MAPS_BYTES > 24 + 8 * DEPTH { MAPS_BYTES } else { 24 + 8 * DEPTH };
const _: () = assert!(CHUNK_HEAD + 4 + 8 * (4 + LIFETIMES) <= CHUNK_BYTES);

/// Bytes that are written by one call: on the stack of whichever thread writes, so few.
const BUFFER_BYTES: usize = 2 * CHUNK_BYTES;

/// Chunks that wait to be written.
struct Buffer {
    used: usize,
    bytes: [u8; BUFFER_BYTES],
}

impl Buffer {
    const fn empty() -> Self {
        Self { used: 0, bytes: [0; BUFFER_BYTES] }
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.used..self.used + bytes.len()) {
            place.copy_from_slice(bytes);
            self.used += bytes.len();
        }
    }
}

fn create_new(path: &[u8; PATH_BYTES]) -> Option<c_int> {
    let how = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: a path with its end.
    let descriptor = unsafe { libc::open(path.as_ptr().cast(), how, 0o644) };
    (descriptor >= 0).then_some(descriptor)
}

/// The file that this process wrote when it was another program (`exec` keeps the number), emptied.
fn take_over(path: &[u8; PATH_BYTES], process: c_int) -> Option<c_int> {
    // SAFETY: a path with its end.
    let descriptor =
        unsafe { libc::open(path.as_ptr().cast(), libc::O_RDWR | libc::O_APPEND | libc::O_CLOEXEC) };
    let mut start = [0; PROCESS_AT + 4];
    // SAFETY: writes into the buffer; or no descriptor.
    let read = unsafe { libc::read(descriptor, start.as_mut_ptr().cast(), start.len()) };
    let is_ours = read.cast_unsigned() == start.len()
        && start.starts_with(&MAGIC)
        && start.ends_with(&process.cast_unsigned().to_le_bytes());
    // SAFETY: opened above.
    if is_ours && unsafe { libc::ftruncate(descriptor, 0) } == 0 {
        return Some(descriptor);
    }
    if descriptor >= 0 {
        // SAFETY: opened above.
        unsafe { libc::close(descriptor) };
    }
    None
}

/// Puts `.NUMBER` behind a path.
fn add_number(path: &mut [u8; PATH_BYTES], number: c_int) {
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
    use core::cell::Cell;

    #[test]
    fn one_thread_writes_at_a_time_and_a_child_does_not_wait_for_its_parents() {
        let (file, count) = (File::none(), Cell::new(0));
        let write = || file.alone(|| count.set(count.get() + 1));
        file.alone(write);
        assert_eq!(count.get(), 0, "one is at it");
        write();
        assert_eq!(count.get(), 1);
        // As a child finds it that was forked while another thread wrote.
        file.writes.store(this_process() - 1, Relaxed);
        write();
        assert_eq!(count.get(), 2);
    }

    #[test]
    fn a_number_is_put_behind_a_path() {
        let mut path = [0; PATH_BYTES];
        path[..4].copy_from_slice(b"/a/b");
        add_number(&mut path, 1203);
        assert_eq!(CStr::from_bytes_until_nul(&path).unwrap(), c"/a/b.1203");
    }
}
