//! Writes the file, by system calls only: from within an allocation, at exit, in a child of `fork`.
//!
//! W1  One thread of a process writes at a time; another that wants to leaves it. A child of `fork` does not have the one that wrote.
//! W2  Sites are marked as written while they are put; if the state does not get into the file, all are to be told again.
//!
//! Does not know: how it is read.

use super::file::File;
use super::{CHUNK_HEAD, MAGIC, VERSION, checksum, kind};
use crate::errno;
use crate::recorder::{self, Recorded};
use crate::site::{LIFETIMES, News, Site};
use crate::stack::DEPTH;
use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use strata_cache::profile;
use strata_os::clock;

/// Milliseconds between two states.
const INTERVAL: u64 = 1000;
/// Bytes of mappings in one chunk.
const MAPS_BYTES: usize = 2048;

/// Who writes; only one thread at a time (W1), but for `due`.
struct Writer {
    /// The process that writes, while it does.
    writes: AtomicI32,
    file: File,
    process: AtomicI32,
    begun: AtomicU64,
    due: AtomicU64,
}

static WRITER: Writer = Writer::none();

/// Creates the file at `path`, and writes the state into it every second or so from now on. If another process has it already, this one's
/// number is added to the path; what this process wrote before it became another program goes. `false`: none can be created.
pub fn open(path: &CStr) -> bool {
    WRITER.file.place(path) && WRITER.create()
}

/// Writes the state if a second has gone since the last time.
pub fn write_if_due() {
    // Relaxed: a hint; `write` decides.
    if clock::milliseconds() >= WRITER.due.load(Relaxed) {
        write();
    }
}

/// Writes the state now, unless another thread does.
pub fn write() {
    if !WRITER.file.is_open() {
        return;
    }
    WRITER.alone(|| errno::preserving(|| WRITER.write_state()));
}

/// Writes the last state, and no more.
pub fn close() {
    profile::settle();
    write();
    // Relaxed: the process ends.
    WRITER.due.store(u64::MAX, Relaxed);
}

fn this_process() -> c_int {
    // SAFETY: asks nothing of the caller.
    unsafe { libc::getpid() }
}

fn sites() -> impl Iterator<Item = Site<'static>> {
    recorder::recorded().into_iter().flat_map(|recorded| recorded.sites.iter())
}

impl Writer {
    const fn none() -> Self {
        Self {
            writes: AtomicI32::new(0),
            file: File::none(),
            process: AtomicI32::new(0),
            begun: AtomicU64::new(0),
            due: AtomicU64::new(u64::MAX),
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
        if !self.file.create(process) {
            return false;
        }
        // Relaxed, here and below: of one thread at a time.
        self.process.store(process, Relaxed);
        self.begun.store(clock::milliseconds(), Relaxed);
        self.due.store(clock::milliseconds() + INTERVAL, Relaxed);
        self.file.put(&MAGIC);
        // SAFETY: asks for the time.
        let now = unsafe { libc::time(core::ptr::null_mut()) } as u64;
        let mut out = Buffer::empty();
        self.chunk(&mut out, kind::PROCESS, |out| {
            out.u32(VERSION);
            out.u32(process.cast_unsigned());
            out.u64(now * 1000);
        });
        self.flush(&mut out);
        let is_begun = self.file.end();
        if !is_begun {
            self.file.leave();
        }
        is_begun
    }

    fn write_state(&self) {
        if this_process() != self.process.load(Relaxed) {
            // A child of `fork`: the file is the parent's.
            self.process.store(0, Relaxed);
            sites().for_each(Site::is_to_be_told_again);
            if !self.create() {
                self.file.leave();
                return;
            }
        }
        if !self.file.begin(this_process()) {
            return;
        }
        let now = clock::milliseconds();
        self.due.store(now + INTERVAL, Relaxed);
        let mut out = Buffer::empty();
        self.write_maps(&mut out);
        let peak = recorder::recorded().map_or(0, |recorded| recorded.peak.number());
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
        if !self.file.end() {
            // W2.
            sites().for_each(Site::is_to_be_told_again);
        }
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
        self.file.put(out.bytes.get(..out.used).unwrap_or_default());
        out.used = 0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn one_thread_writes_at_a_time_and_a_child_does_not_wait_for_its_parents() {
        let (writer, count) = (Writer::none(), Cell::new(0));
        let write = || writer.alone(|| count.set(count.get() + 1));
        writer.alone(write);
        assert_eq!(count.get(), 0, "one is at it");
        write();
        assert_eq!(count.get(), 1);
        // As a child finds it that was forked while another thread wrote.
        writer.writes.store(this_process() - 1, Relaxed);
        write();
        assert_eq!(count.get(), 2);
    }
}
