//! heaptrack's format, as its interpreter writes it: what `heaptrack_print` and `heaptrack_gui` read.
//!
//! ```text
//!   v version · s a string · i an address: module, function, file, line · t a trace: an address, and its caller's trace
//!   a an allocation: size, trace · + it happens · - it is freed · c milliseconds
//! ```
//!
//! A profile knows what lived at the peak and what lives at the end, and not when all else did. So what lived at the peak is allocated first; of
//! that goes what lives no more; what else was freed comes and goes, one block after another; and last comes what was allocated since. If there
//! were more blocks than the file has room for, each stands for several.
//!
//! Does not know: where names come from.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use strata_profile::{Frame, Names, Profile};

/// Allocations that are written at most.
const MOST: f64 = 500_000.0;

/// The profile as a file.
pub(super) fn write(profile: &Profile, names: &mut dyn Names) -> Result<Vec<u8>> {
    let mut file = File::default();
    writeln!(file.text, "v 10400 2\nX strata\nI 1000 0")?;
    let stands_for = (profile.allocated().blocks / MOST).max(1.0);
    let mut sites = Vec::new();
    for (stack, site) in profile.named_sites(names) {
        let trace = stack.into_iter().rev().try_fold(0, |caller, frame| file.trace(frame, caller))?;
        let each = site.allocated().blocks / site.allocated.max(1) as f64;
        let [all, live] = [site.allocated, site.allocated - site.freed].map(|samples| samples.max(0));
        let peak = site.live_at_peak.clamp(0, all);
        let stays = peak.min(live);
        let groups = [stays, peak - stays, all - peak - (live - stays), live - stays];
        let blocks = groups.map(|samples| samples.max(0) as f64 * each);
        sites.push(blocks.map(|blocks| Group::new(&mut file, trace, site.bytes, blocks, stands_for)));
    }
    let sites = sites
        .into_iter()
        .map(|[stays, goes, passes, comes]| Ok::<_, std::fmt::Error>([stays?, goes?, passes?, comes?]));
    let sites: Vec<_> = sites.collect::<Result<_, _>>()?;
    let text = &mut file.text;
    sites
        .iter()
        .try_for_each(|[stays, goes, ..]| stays.happens(text, "+").and_then(|()| goes.happens(text, "+")))?;
    sites.iter().try_for_each(|[_, goes, ..]| goes.happens(text, "-"))?;
    sites.iter().try_for_each(|[_, _, passes, _]| passes.passes(text))?;
    sites.iter().try_for_each(|[.., comes]| comes.happens(text, "+"))?;
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
    /// Allocation infos: these are numbered from 0.
    infos: usize,
}

/// Blocks of a site to which the same happens: the number of their allocation info, and how many are written.
struct Group {
    info: usize,
    count: u64,
}

impl Group {
    fn new(
        file: &mut File,
        trace: usize,
        bytes: u64,
        blocks: f64,
        stands_for: f64,
    ) -> Result<Self, std::fmt::Error> {
        if blocks <= 0.0 {
            return Ok(Self { info: 0, count: 0 });
        }
        let count = (blocks / stands_for).round().max(1.0);
        writeln!(file.text, "a {:x} {trace:x}", (blocks * bytes as f64 / count).round() as u64)?;
        file.infos += 1;
        Ok(Self { info: file.infos - 1, count: count as u64 })
    }

    /// Each is allocated, or freed.
    fn happens(&self, text: &mut String, what: &str) -> std::fmt::Result {
        (0..self.count).try_for_each(|_| writeln!(text, "{what} {:x}", self.info))
    }

    /// Each is allocated and freed, one after another.
    fn passes(&self, text: &mut String) -> std::fmt::Result {
        (0..self.count).try_for_each(|_| writeln!(text, "+ {0:x}\n- {0:x}", self.info))
    }
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
