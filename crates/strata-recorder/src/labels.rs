//! What a program says of its work: the tenant, the request or the task that a thread serves. A sample belongs to its thread's label.
//!
//! A label is a name and a value, perhaps within another label of another name: of one name the innermost counts. Its place is in the table of
//! sites, with its text as the stack: so it is found without a lock, and has the same number in every thread (T1, T2 of `sites`). Labels are
//! never given back, so [`MOST`] of them are made: a
//! label beyond that is the one that it is within, and is counted.
//!
//! Does not know: which label a thread has. The program's part of the profiler keeps that in thread-local storage, and is asked.

use crate::recorder::Recorded;
use crate::site::DEEPEST;
use crate::sites::Key;
use core::ffi::c_char;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};

/// Labels at most.
pub const MOST: u64 = 2048;
/// Bytes of a name at most; more are cut off.
const NAME_BYTES: usize = 63;
/// Bytes of a value at most.
const VALUE_BYTES: usize = 191;
const WORD: usize = size_of::<usize>();
/// Words of a text at most: name, 0, value.
const TEXT_WORDS: usize = (NAME_BYTES + 1 + VALUE_BYTES).div_ceil(WORD);
const _: () = assert!(TEXT_WORDS <= DEEPEST);

/// The name of the label that says which thread it is.
const THREAD: &str = "thread";
/// The name of the label that says which heap it is.
const HEAP: &str = "heap";
/// Bytes of a thread's name, with its end.
const THREAD_BYTES: usize = 16;

// Relaxed, all of it: a function and a choice, which stand alone.
static CURRENT: AtomicPtr<fn() -> u32> = AtomicPtr::new(null_mut());
static BY_THREAD: AtomicBool = AtomicBool::new(false);

/// Has `current` be asked for the calling thread's label at each sample: within an allocation, where it neither allocates nor waits.
pub fn ask(current: &'static fn() -> u32) {
    CURRENT.store(core::ptr::from_ref(current).cast_mut(), Relaxed);
}

/// Whether each thread's name is a label of its samples, called `thread`.
pub fn by_thread(whether: bool) {
    BY_THREAD.store(whether, Relaxed);
}

/// The number of a label within another one; 0: within none.
pub fn label(within: u32, name: &str, value: &str) -> u32 {
    crate::recorder::prepared().map_or(within, |recorded| recorded.label(within, name, value))
}

impl Recorded {
    /// The label of a sample of the calling thread, which is of the heap with this number; 0: of none.
    pub(crate) fn label_of(&self, heap: u32) -> u32 {
        let label = self.current_label();
        if heap == 0 { label } else { self.label(label, HEAP, Digits::of(heap).text()) }
    }

    fn current_label(&self) -> u32 {
        // SAFETY: null, or from a `&'static` in `ask`.
        let current = unsafe { CURRENT.load(Relaxed).as_ref() }.map_or(0, |current| current());
        if !BY_THREAD.load(Relaxed) {
            return current;
        }
        let mut name = [0; THREAD_BYTES];
        let length = name_of_thread(&mut name);
        let name = name.get(..length).and_then(|name| core::str::from_utf8(name).ok());
        name.map_or(current, |name| self.label(current, THREAD, name))
    }

    fn label(&self, within: u32, name: &str, value: &str) -> u32 {
        let within = self.without(within, name);
        let text = Text::of(name, value);
        let key = Key { bytes: 0, mean: 0, label: within, frames: text.words() };
        if let Some(known) = self.sites.find(key) {
            return known.number();
        }
        // A few more than `MOST`, if several threads add some at once.
        if self.labels.load(Relaxed) >= MOST {
            self.labels_lost.fetch_add(1, Relaxed);
            return within;
        }
        self.labels.fetch_add(1, Relaxed);
        self.sites.find_or_add(key).map_or(within, |label| label.number())
    }
}

impl Recorded {
    /// The same label without one of this name: so that tasks that spawn tasks need no more labels than there are places.
    fn without(&self, label: u32, name: &str) -> u32 {
        let Some(site) = self.sites.site(label) else { return label };
        let (outer, text) = (site.label(), site.text());
        let mut parts =
            text.split(|byte| *byte == 0).map(|part| core::str::from_utf8(part).unwrap_or_default());
        let (Some(own), Some(value)) = (parts.next(), parts.next()) else { return label };
        if own == cut(name, NAME_BYTES) {
            return outer;
        }
        let rest = self.without(outer, name);
        if rest == outer { label } else { self.label(rest, own, value) }
    }
}

fn name_of_thread(name: &mut [u8; THREAD_BYTES]) -> usize {
    // SAFETY: writes a name with its end.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr().cast::<c_char>()) };
    name.iter().position(|byte| *byte == 0).unwrap_or_default()
}

/// A number as text.
struct Digits {
    digits: [u8; 10],
    first: usize,
}

impl Digits {
    fn of(mut number: u32) -> Self {
        let mut this = Self { digits: [b'0'; 10], first: 10 };
        for (place, digit) in this.digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (number % 10) as u8;
            this.first = place;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        this
    }

    fn text(&self) -> &str {
        self.digits.get(self.first..).and_then(|digits| core::str::from_utf8(digits).ok()).unwrap_or_default()
    }
}

/// A name, 0 and a value, with zeros behind them, as words.
struct Text {
    words: [usize; TEXT_WORDS],
    used: usize,
}

impl Text {
    fn of(name: &str, value: &str) -> Self {
        let (name, value) = (cut(name, NAME_BYTES), cut(value, VALUE_BYTES));
        let mut bytes = name.bytes().chain([0]).chain(value.bytes());
        let mut text = Self { words: [0; TEXT_WORDS], used: (name.len() + 1 + value.len()).div_ceil(WORD) };
        for word in text.words.iter_mut().take(text.used) {
            *word = usize::from_le_bytes(core::array::from_fn(|_| bytes.next().unwrap_or_default()));
        }
        text
    }

    fn words(&self) -> &[usize] {
        self.words.get(..self.used).unwrap_or_default()
    }
}

/// The start of a text, of this many bytes at most.
fn cut(text: &str, most: usize) -> &str {
    (0..=most.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn text(name: &str, value: &str) -> String {
        let text = Text::of(name, value);
        let bytes = text.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        String::from_utf8(bytes).unwrap().trim_end_matches('\0').into()
    }

    #[test]
    fn a_number_is_written_in_digits() {
        assert_eq!([0, 7, 10, u32::MAX].map(|number| Digits::of(number).text().len()), [1, 1, 2, 10]);
        assert_eq!(Digits::of(1203).text(), "1203");
    }

    #[test]
    fn a_text_is_name_and_value_and_is_cut_where_a_letter_ends() {
        assert_eq!(text("tenant", "a"), "tenant\0a");
        assert_eq!(text("route", "/a/long/one"), "route\0/a/long/one");
        let long = "ä".repeat(300);
        let cut = text(&long, &long);
        assert_eq!((cut.split_once('\0').unwrap().0.len(), cut.len()), (62, 62 + 1 + 190));
    }
}
