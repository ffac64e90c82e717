//! heaptrack's format, as its interpreter writes it: what `heaptrack_print` and `heaptrack_gui` read.
//!
//! ```text
//!   v version · s a string · i an address: module, function, file, line · t a trace: an address, and its caller's trace
//!   a an allocation: size, trace · + it happens · - it is freed · c milliseconds
//! ```
//!
//! All that a site allocated happens at the start, and what lives no longer is freed at once: a profile does not know when. A block that stands
//! for many is written as one of their size together, else the file would be as long as the program's history.
//!
//! Does not know: where names come from.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use strata_profile::{Frame, Names, Profile};

/// The profile as a file.
pub(super) fn write(profile: &Profile, names: &mut dyn Names) -> Result<Vec<u8>> {
    let mut file = File::default();
    writeln!(file.text, "v 10400 2\nX strata\nI 1000 0")?;
    let mut count = 0;
    for (stack, site) in profile.named_sites(names) {
        let trace = stack.into_iter().rev().try_fold(0, |caller, frame| file.trace(frame, caller))?;
        let (live, all) = (site.live().bytes.max(0.0), site.allocated().bytes.max(0.0));
        for (bytes, stays) in [(live, true), (all - live, false)] {
            if bytes.round() >= 1.0 {
                writeln!(file.text, "a {:x} {trace:x}\n+ {count:x}", bytes.round() as u64)?;
                if !stays {
                    writeln!(file.text, "- {count:x}")?;
                }
                count += 1;
            }
        }
    }
    writeln!(file.text, "c {:x}", profile.milliseconds)?;
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(file.text.as_bytes())?;
    Ok(out.finish()?)
}

#[derive(Default)]
struct File {
    text: String,
    strings: HashMap<String, usize>,
    addresses: HashMap<Frame, usize>,
    traces: HashMap<(usize, usize), usize>,
}

impl File {
    /// A string's number; numbers start with 1.
    fn string(&mut self, text: &str) -> Result<usize> {
        if let Some(number) = self.strings.get(text) {
            return Ok(*number);
        }
        writeln!(self.text, "s {}", text.replace('\n', " "))?;
        self.strings.insert(text.to_owned(), self.strings.len() + 1);
        Ok(self.strings.len())
    }

    fn address(&mut self, frame: Frame) -> Result<usize> {
        if let Some(number) = self.addresses.get(&frame) {
            return Ok(*number);
        }
        // Strings come before the line that uses them.
        // Strings come before the line that uses them.
        let (module, function) = (self.string("program")?, self.string(&frame.function)?);
        let number = self.addresses.len() + 1;
        match (&frame.file, frame.line) {
            (Some(file), Some(line)) => {
                let file = self.string(file)?;
                writeln!(self.text, "i {number:x} {module:x} {function:x} {file:x} {line:x}")?;
            }
            _ => writeln!(self.text, "i {number:x} {module:x} {function:x}")?,
        }
        self.addresses.insert(frame, number);
        Ok(number)
    }

    fn trace(&mut self, frame: Frame, caller: usize) -> Result<usize> {
        let address = self.address(frame)?;
        if let Some(number) = self.traces.get(&(address, caller)) {
            return Ok(*number);
        }
        writeln!(self.text, "t {address:x} {caller:x}")?;
        self.traces.insert((address, caller), self.traces.len() + 1);
        Ok(self.traces.len())
    }
}
