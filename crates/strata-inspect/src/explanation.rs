//! The waterfall and its causes, as a page for human readers and as JSON.
//!
//! Does not know: how anything is found out.

use crate::bytes::{Bytes, Short, Wide};
use crate::causes::{Cause, CauseName, Facts};
use crate::footprint::{ClassFootprint, Footprint};
use crate::json::Object;
use crate::waterfall::Line;
use core::fmt::{self, Write};
use strata_core::size_class::SizeClass;

/// The version of the JSON: of its keys and of the names in it.
const JSON_VERSION: u32 = 1;

impl Facts<'_> {
    /// Writes one JSON object: `version`, `pid`, `rss_bytes`, `page_table_bytes` if it is known, `lines` and `causes`. The lines
    /// without a parent add up to `rss_bytes`, those of one parent to that.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, pid: u32, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.plain("version", JSON_VERSION)?;
        object.plain("pid", pid)?;
        object.plain("rss_bytes", self.waterfall.rss_bytes())?;
        if let Some(bytes) = self.page_table_bytes {
            object.plain("page_table_bytes", bytes)?;
        }
        self.write_lines(object.name("lines")?)?;
        self.write_causes(object.name("causes")?)?;
        object.end()
    }

    fn write_lines(&self, out: &mut impl Write) -> fmt::Result {
        out.write_char('[')?;
        for (index, line) in Line::ALL.into_iter().enumerate() {
            out.write_str(if index == 0 { "" } else { "," })?;
            write_line(out, line.name(), self.waterfall.bytes(line), line.parent().map(Line::name))?;
            if line == Line::FreeBlocks {
                self.write_free_classes(out)?;
            }
        }
        out.write_char(']')
    }

    /// The free blocks by class; what was cut off, since the process went on working, is missing from the last ones.
    fn write_free_classes(&self, out: &mut impl Write) -> fmt::Result {
        let mut left = self.waterfall.bytes(Line::FreeBlocks);
        for (class, of_class) in classes(self.footprint).filter(|(_, of_class)| of_class.free > 0) {
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
                result = out.write_str(if is_begun { "," } else { "" }).and_then(|()| cause.write_json(out));
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
    fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        let mut object = Object::begin(out)?;
        object.text("cause", self.cause.name())?;
        object.plain("confidence", format_args!("{}.{:02}", self.percent / 100, self.percent % 100))?;
        object.plain("bytes", self.bytes)?;
        object.text("evidence", self.evidence.as_str())?;
        object.text("advice", self.advice.as_str())?;
        object.end()
    }
}

/// The page: the waterfall, then the causes.
impl fmt::Display for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in Line::ALL {
            self.write_row(f, line)?;
        }
        row(f, "RSS", self.waterfall.rss_bytes(), self.waterfall.rss_bytes())?;
        if let Some(bytes) = self.page_table_bytes {
            row(f, "page tables, beside RSS", bytes, self.waterfall.rss_bytes())?;
        }
        let mut result = Ok(());
        self.causes(&mut |cause| result = result.and_then(|()| write!(f, "\n{cause}")));
        result
    }
}

impl Facts<'_> {
    /// One line; nothing if it is empty and a part of another.
    fn write_row(&self, f: &mut fmt::Formatter<'_>, line: Line) -> fmt::Result {
        let bytes = self.waterfall.bytes(line);
        if bytes == 0 && line.parent().is_some() {
            return Ok(());
        }
        let title = Wide::of(format_args!("{:indent$}{}", "", line.title(), indent = 2 * line.depth()));
        row(f, title, bytes, self.waterfall.rss_bytes())?;
        if line == Line::FreeBlocks { self.write_worst(f) } else { Ok(()) }
    }

    fn write_worst(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worst = crate::footprint::worst_classes(self.footprint);
        let told = worst.iter().flatten().filter(|(_, of_class)| of_class.free >= 64 << 10);
        for (class, of_class) in told {
            let title = Wide::of(format_args!(
                "      {} B: {} of {} pools kept by {} blocks",
                class.block_bytes(),
                of_class.pinned_pools,
                of_class.pools,
                of_class.pinning_blocks
            ));
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
        if self.cause == CauseName::None {
            return writeln!(f, "no problem: {} {}", self.evidence.as_str(), self.advice.as_str());
        }
        writeln!(f, "{} ({}), {} % sure", self.cause.name(), Bytes(self.bytes), self.percent)?;
        writeln!(f, "  why   {}", self.evidence.as_str())?;
        writeln!(f, "  then  {}", self.advice.as_str())
    }
}
