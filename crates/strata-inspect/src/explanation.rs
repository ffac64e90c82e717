//! The waterfall and its causes, as a page for human readers and as JSON.
//!
//! Does not know: how anything is found out.

use crate::bytes::{Bytes, Short, Wide};
use crate::cause::{Cause, CauseName};
use crate::facts::Facts;
use crate::footprint::{ClassFootprint, Footprint};
use crate::json::{Object, list, text};
use crate::line::Line;
use crate::wrapped::Wrapped;
use core::fmt::{self, Write};
use strata_core::size_class::SizeClass;

/// The version of the JSON: of its keys and of the names in it.
const JSON_VERSION: u32 = 1;
/// Said instead of the lines that are left out.
const UNKNOWN_REQUESTS: &str =
    "what was requested, before it is rounded up to size classes, is known while the heap profiler runs";

impl Facts<'_> {
    /// Writes one JSON object: `version`, `pid`, `rss_bytes`, `requested_error_bytes` (null: nothing is sampled, so the lines are missing that
    /// say what was requested), `page_table_bytes`, `committed_bytes`, `not_in_memory_bytes` and `reserved_bytes` if they are known,
    /// `swapped_bytes`, `in_huge_pages_bytes`, `lines` and `causes`. The lines without a parent add up to `rss_bytes`, those of one parent to that.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, pid: u32, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.plain("version", JSON_VERSION)?;
        object.plain("pid", pid)?;
        object.plain("rss_bytes", self.waterfall.rss_bytes())?;
        match self.waterfall.requested() {
            Some(requested) => object.plain("requested_error_bytes", requested.standard_error)?,
            None => object.plain("requested_error_bytes", "null")?,
        }
        if let Some(bytes) = self.page_table_bytes {
            object.plain("page_table_bytes", bytes)?;
        }
        if let Some(bytes) = self.not_in_memory_bytes() {
            object.plain("committed_bytes", self.committed_bytes)?;
            object.plain("not_in_memory_bytes", bytes)?;
        }
        if self.reserved_bytes != 0 {
            object.plain("reserved_bytes", self.reserved_bytes)?;
        }
        object.plain("swapped_bytes", self.swapped_bytes)?;
        object.plain("in_huge_pages_bytes", self.footprint.in_huge_pages)?;
        self.write_lines(object.name("lines")?)?;
        self.write_causes(object.name("causes")?)?;
        object.end()
    }

    fn write_lines(&self, out: &mut impl Write) -> fmt::Result {
        out.write_char('[')?;
        for (index, line) in self.waterfall.lines().enumerate() {
            out.write_str(if index == 0 { "" } else { "," })?;
            write_line(out, line.name(), self.waterfall.bytes(line), line.parent().map(Line::name))?;
            match line {
                Line::FreeBlocks => self.write_free_classes(out)?,
                Line::Ready => self.write_threads(out)?,
                _ => {}
            }
        }
        out.write_char(']')
    }

    /// What is ready by thread, those that have most one by one. The parts add up, also if something was cut off.
    fn write_threads(&self, out: &mut impl Write) -> fmt::Result {
        let mut left = self.waterfall.bytes(Line::Ready);
        for thread in self.footprint.threads.iter().filter(|thread| thread.ready > 0) {
            let bytes = thread.ready.min(left);
            left -= bytes;
            let name = match thread.thread {
                0 => Wide::of(format_args!("ready-in-heaps")),
                number => Wide::of(format_args!("ready-in-thread-{number}")),
            };
            out.write_char(',')?;
            write_line(out, name.as_str(), bytes, Some(Line::Ready.name()))?;
        }
        out.write_char(',')?;
        write_line(out, "ready-in-other-threads", left, Some(Line::Ready.name()))
    }

    /// The free blocks by class; what was cut off, since the process went on working, is missing from the last ones.
    fn write_free_classes(&self, out: &mut impl Write) -> fmt::Result {
        let mut left = self.waterfall.bytes(Line::FreeBlocks);
        for (class, of_class) in classes(&self.footprint).filter(|(_, of_class)| of_class.free > 0) {
            let bytes = of_class.free.min(left);
            left -= bytes;
            out.write_char(',')?;
            let name = Short::of(format_args!("free-blocks-{}", class.block_bytes()));
            write_line(out, name.as_str(), bytes, Some(Line::FreeBlocks.name()))?;
        }
        Ok(())
    }

    fn write_causes(&self, out: &mut impl Write) -> fmt::Result {
        let (mut result, mut is_begun) = (out.write_char('['), false);
        self.causes(&mut |cause| {
            if result.is_ok() {
                result = out
                    .write_str(if is_begun { "," } else { "" })
                    .and_then(|()| cause.write_json(self.code_of(cause.cause), out));
                is_begun = true;
            }
        });
        result?;
        out.write_char(']')
    }
}

fn classes(footprint: &Footprint) -> impl Iterator<Item = (SizeClass, &ClassFootprint)> {
    SizeClass::all().zip(&footprint.classes)
}

fn write_line(out: &mut impl Write, name: &str, bytes: u64, parent: Option<&str>) -> fmt::Result {
    let mut object = Object::begin(out)?;
    object.text("name", name)?;
    object.plain("bytes", bytes)?;
    match parent {
        Some(parent) => object.text("parent", parent)?,
        None => object.plain("parent", "null")?,
    }
    object.end()
}

impl Cause {
    fn write_json<'a>(&self, code: impl Iterator<Item = &'a str>, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.text("cause", self.cause.name())?;
        object.plain("confidence", format_args!("{}.{:02}", self.percent / 100, self.percent % 100))?;
        object.plain("bytes", self.bytes)?;
        object.text("evidence", self.evidence.as_str())?;
        object.text("advice", self.advice.as_str())?;
        list(object.name("code")?, code, |out, line| text(out, line))?;
        object.end()
    }
}

/// The page: the waterfall, then the causes.
impl fmt::Display for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.waterfall.lines() {
            self.write_row(f, line)?;
        }
        let rss = self.waterfall.rss_bytes();
        row(f, "RSS", rss, rss)?;
        if self.footprint.in_huge_pages > 0 {
            row(f, "of it, Strata's in huge pages", self.footprint.in_huge_pages, rss)?;
        }
        self.write_outside(f)?;
        if self.waterfall.requested().is_none() {
            writeln!(f, "{UNKNOWN_REQUESTS}")?;
        }
        let mut result = Ok(());
        self.causes(&mut |cause| {
            result = result.and_then(|()| write!(f, "\n{cause}")).and_then(|()| self.write_code(f, cause));
        });
        result
    }
}

impl Facts<'_> {
    /// What is no part of RSS, nor of its sum.
    fn write_outside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reserved = self.reserved_bytes.checked_sub(self.committed_bytes);
        for (title, bytes) in [
            ("page tables", self.page_table_bytes),
            ("committed, but purged or never touched", self.not_in_memory_bytes()),
            ("addresses only, not committed", reserved.filter(|_| self.reserved_bytes != 0)),
            ("in swap space", Some(self.swapped_bytes).filter(|bytes| *bytes != 0)),
        ] {
            if let Some(bytes) = bytes {
                writeln!(f, "{:<54} {:>11}", Wide::of(format_args!("outside RSS: {title}")), Bytes(bytes))?;
            }
        }
        Ok(())
    }

    fn write_code(&self, f: &mut fmt::Formatter<'_>, cause: &Cause) -> fmt::Result {
        self.code_of(cause.cause).try_for_each(|line| writeln!(f, "  code  {line}"))
    }

    /// One line; nothing if it is empty and a part of another.
    fn write_row(&self, f: &mut fmt::Formatter<'_>, line: Line) -> fmt::Result {
        let bytes = self.waterfall.bytes(line);
        if bytes == 0 && line.parent().is_some() {
            return Ok(());
        }
        let title = Wide::of(format_args!("{:indent$}{}", "", line.title(), indent = 2 * line.depth()));
        row(f, title, bytes, self.waterfall.rss_bytes())?;
        match (line, self.waterfall.requested()) {
            (Line::FreeBlocks, _) => self.write_worst(f),
            (Line::Ready, _) => self.write_most_ready(f),
            (Line::Requested, Some(requested)) => row(
                f,
                "        give or take (standard error)",
                requested.standard_error,
                self.waterfall.rss_bytes(),
            ),
            _ => Ok(()),
        }
    }

    /// The threads that have most ready, if that is much.
    fn write_most_ready(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.footprint.threads.iter().take(3).filter(|thread| thread.ready >= 64 << 10);
        for thread in told {
            let title = match thread.thread {
                0 => Wide::of(format_args!("      heaps")),
                number => Wide::of(format_args!("      thread {number}")),
            };
            row(f, title, thread.ready, self.waterfall.rss_bytes())?;
        }
        Ok(())
    }

    fn write_worst(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worst = crate::footprint::worst_classes(&self.footprint);
        let told = worst.iter().flatten().filter(|(_, of_class)| of_class.free >= 64 << 10);
        for (class, of_class) in told {
            let (bytes, pools) = (class.block_bytes(), of_class.pools);
            let title = match (of_class.pinned_pools, of_class.pinning_blocks) {
                (0, _) => Wide::of(format_args!("      {bytes} B: in {pools} pools")),
                (pinned, blocks) => Wide::of(format_args!(
                    "      {bytes} B: {pinned} of {pools} pools kept by {blocks} blocks"
                )),
            };
            row(f, title, of_class.free, self.waterfall.rss_bytes())?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, title: impl fmt::Display, bytes: u64, all: u64) -> fmt::Result {
    let tenths = (u128::from(bytes) * 1000).checked_div(all.into()).unwrap_or(0);
    writeln!(f, "{title:<54} {:>11} {:>4}.{} %", Bytes(bytes), tenths / 10, tenths % 10)
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (evidence, advice) = (self.evidence.as_str(), self.advice.as_str());
        if self.cause == CauseName::None {
            writeln!(f, "no problem found")?;
        } else {
            writeln!(f, "{}: {}, {} % sure", self.cause.name(), Bytes(self.bytes), self.percent)?;
        }
        write!(f, "{}{}", Wrapped("why", evidence), Wrapped("do", advice))
    }
}
