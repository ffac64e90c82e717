//! JSON, written piece by piece into whatever takes text: no allocation.
//!
//! Keys are stable: they change with a version alone.
//!
//! Does not know: what the numbers mean.

use crate::flow::{Flow, Flows};
use crate::stats::{ClassStats, STATS_VERSION, Stats, ThreadStats};
use core::fmt::{self, Write};

/// Writes the members of one object, with commas between them.
#[derive(Debug)]
pub(crate) struct Object<'out, W: Write> {
    out: &'out mut W,
    is_begun: bool,
}

impl<'out, W: Write> Object<'out, W> {
    /// Begins an object.
    pub(crate) fn begin(out: &'out mut W) -> Result<Self, fmt::Error> {
        out.write_char('{')?;
        Ok(Self { out, is_begun: false })
    }

    /// The name of the next member; its value is written by the caller.
    pub(crate) fn name(&mut self, name: &str) -> Result<&mut W, fmt::Error> {
        if self.is_begun {
            self.out.write_char(',')?;
        }
        self.is_begun = true;
        write!(self.out, "\"{name}\":")?;
        Ok(self.out)
    }

    /// A member that is a number or a truth value.
    pub(crate) fn plain(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        write!(self.name(name)?, "{value}")
    }

    /// A member that is a text.
    pub(crate) fn text(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        text(self.name(name)?, value)
    }

    /// Ends the object.
    pub(crate) fn end(self) -> fmt::Result {
        self.out.write_char('}')
    }
}

/// Text between quotation marks.
#[derive(Debug)]
struct Escaped<'out, W: Write>(&'out mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '"' => self.0.write_str("\\\""),
            '\\' => self.0.write_str("\\\\"),
            control if control < ' ' => write!(self.0, "\\u{:04x}", u32::from(control)),
            other => self.0.write_char(other),
        })
    }
}

/// Writes a text, in quotation marks.
pub(crate) fn text<W: Write>(out: &mut W, value: impl fmt::Display) -> fmt::Result {
    out.write_char('"')?;
    write!(Escaped(out), "{value}")?;
    out.write_char('"')
}

/// Writes a list of values, with commas between them.
pub(crate) fn list<W: Write, I: IntoIterator>(
    out: &mut W,
    items: I,
    mut each: impl FnMut(&mut W, I::Item) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.write_char(',')?;
        }
        each(out, item)?;
    }
    out.write_char(']')
}

impl Stats {
    /// Writes the statistics as one JSON object: the fields under their names, of the size classes those that were ever in use.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.plain("version", STATS_VERSION)?;
        self.numbers().iter().try_for_each(|(name, value)| object.plain(name, value))?;
        object.plain("purge_thread_is_running", self.purge_thread_is_running)?;
        self.write_calls(object.name("calls")?)?;
        self.flows.write_json(object.name("flows")?)?;
        let used = self.classes.iter().filter(|class| class.pools > 0 || class.taken_blocks > 0);
        list(object.name("classes")?, used, |out, class| class.write_json(out))?;
        object.end()
    }

    fn numbers(&self) -> [(&'static str, u64); 32] {
        [
            ("allocated_bytes", self.allocated_bytes()),
            ("active_bytes", self.active_bytes()),
            ("resident_bytes", self.resident_bytes),
            ("retained_bytes", self.retained_bytes()),
            ("metadata_bytes", self.metadata_bytes()),
            ("committed_bytes", self.committed_bytes),
            ("reserved_bytes", self.reserved_bytes),
            ("pinned_bytes", self.pinned_bytes),
            ("lazily_purged_bytes", self.lazily_purged_bytes),
            ("purged_bytes_total", self.purged_bytes),
            ("purges_total", self.purges),
            ("segments", self.segments),
            ("nodes", self.nodes),
            ("arenas", self.arenas),
            ("used_pools", self.used_pools),
            ("dirty_pools", self.dirty_pools),
            ("clean_pools", self.clean_pools),
            ("live_blocks", self.live_blocks),
            ("live_bytes", self.live_bytes),
            ("free_bytes", self.free_bytes()),
            ("large_blocks", self.large_blocks),
            ("large_bytes", self.large_bytes),
            ("huge_blocks", self.huge_blocks),
            ("huge_bytes", self.huge_bytes),
            ("huge_kept_bytes", self.huge_kept_bytes),
            ("caches", self.caches),
            ("caches_total", self.caches_ever),
            ("ready_blocks", self.ready_blocks),
            ("ready_bytes", self.ready_bytes),
            ("pool_bytes", strata_core::layout::POOL_BYTES as u64),
            ("arena_bytes", strata_core::layout::ARENA_BYTES as u64),
            ("size_classes", strata_core::size_class::CLASS_COUNT as u64),
        ]
    }

    fn write_calls(&self, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        for (name, count) in self.calls_by_name() {
            object.plain(name, count)?;
        }
        object.plain("refused", self.calls.failed)?;
        object.end()
    }

    /// Calls of the system by their names.
    pub(crate) fn calls_by_name(&self) -> [(&'static str, u64); 5] {
        let calls = &self.calls;
        [
            ("mmap", calls.map),
            ("munmap", calls.unmap),
            ("mprotect", calls.protect),
            ("madvise", calls.advise),
            ("mremap", calls.remap),
        ]
    }
}

impl Flow {
    fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.plain("current", self.current)?;
        object.plain("peak", self.peak)?;
        object.plain("total_in", self.total_in)?;
        object.plain("total_out", self.total_out)?;
        object.end()
    }
}

impl Flows {
    fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        for (name, flow) in self.by_name() {
            flow.write_json(object.name(name)?)?;
        }
        object.end()
    }
}

impl ClassStats {
    fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.plain("block_bytes", self.block_bytes)?;
        object.plain("pools", self.pools)?;
        object.plain("carved_blocks", self.carved_blocks)?;
        object.plain("live_blocks", self.live_blocks)?;
        object.plain("ready_blocks", self.ready_blocks)?;
        object.plain("free_blocks", self.free_blocks())?;
        self.pool_flow.write_json(object.name("pool_flow")?)?;
        object.plain("taken_blocks", self.taken_blocks)?;
        object.plain("returned_blocks", self.returned_blocks)?;
        object.plain("peak_blocks", self.peak_blocks)?;
        object.end()
    }
}

impl ThreadStats {
    /// Writes what a thread has ready as one JSON object.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.plain("thread", self.thread)?;
        object.plain("ready_blocks", self.ready_blocks)?;
        object.plain("ready_bytes", self.ready_bytes)?;
        object.plain("refills", self.refills)?;
        object.plain("flushes", self.flushes)?;
        object.plain("taken_blocks", self.taken_blocks)?;
        object.plain("taken_bytes", self.taken_bytes)?;
        object.plain("returned_blocks", self.returned_blocks)?;
        object.plain("returned_bytes", self.returned_bytes)?;
        object.plain("peak_bytes", self.peak_bytes)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    #[test]
    fn text_is_escaped_and_members_are_separated() {
        let mut out = String::new();
        let mut object = Object::begin(&mut out).unwrap();
        object.text("a", "say \"b\\c\"\n").unwrap();
        object.plain("d", 7).unwrap();
        list(object.name("e").unwrap(), [1, 2], |out, number| write!(out, "{number}")).unwrap();
        object.end().unwrap();
        assert_eq!(out, "{\"a\":\"say \\\"b\\\\c\\\"\\u000a\",\"d\":7,\"e\":[1,2]}");
    }

    #[test]
    fn empty_lists_and_objects_are_whole() {
        let mut out = String::new();
        Stats::zero().write_json(&mut out).unwrap();
        let begin = std::format!("{{\"version\":{},", STATS_VERSION);
        assert!(out.starts_with(&begin) && out.ends_with("\"classes\":[]}"), "{out}");
    }
}
