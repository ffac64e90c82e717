//! The numbers of a heap as text, in the spirit of `sys._debugmallocstats()`.
//!
//! Same parts, order and columns as CPython prints, so that the two can be read side by side; the words are ours.
//! Writes piece by piece: nothing is allocated, so a heap may print itself.
//!
//! Does not know: how the numbers came about.

use super::stats::{ClassStats, PymallocStats};
use core::fmt::{self, Display, Formatter, Write};

const LABEL_WIDTH: usize = 35;
const NUMBER_WIDTH: usize = 21;

impl PymallocStats {
    /// Prints the report: classes, arenas, where the bytes are, and the radix tree if there is one.
    pub fn write_report(&self, out: &mut impl Write) -> fmt::Result {
        self.write_classes(out)?;
        self.write_arenas(out)?;
        self.write_bytes(out)?;
        self.write_map(out)
    }

    fn write_classes(&self, out: &mut impl Write) -> fmt::Result {
        let longest = self.classes().last().map_or(0, |class| class.block_bytes);
        writeln!(
            out,
            "Requests of 1 to {longest} bytes are served from {} size classes.\n",
            self.class_count
        )?;
        writeln!(out, "class   size   num pools   blocks in use  avail blocks")?;
        writeln!(out, "-----   ----   ---------   -------------  ------------")?;
        let rows = self.classes().iter().enumerate().filter(|(_, class)| class.pool_count > 0);
        rows.into_iter().try_for_each(|(index, class)| class.write_row(out, index))?;
        writeln!(out)
    }

    fn write_arenas(&self, out: &mut impl Write) -> fmt::Result {
        line(out, "# arenas allocated total", self.arenas_total)?;
        line(out, "# arenas reclaimed", self.arenas_reclaimed)?;
        line(out, "# arenas highwater mark", self.arenas_highest)?;
        line(out, "# arenas allocated current", self.arenas_current)?;
        let Self { arenas_current: arenas, arena_bytes: bytes, .. } = self;
        line(out, format_args!("{arenas} arenas * {bytes} bytes/arena"), self.mapped_bytes())?;
        writeln!(out)
    }

    fn write_bytes(&self, out: &mut impl Write) -> fmt::Result {
        line(out, "# bytes in allocated blocks", self.allocated_bytes())?;
        line(out, "# bytes in available blocks", self.available_bytes())?;
        let Self { unused_pool_count: pools, pool_bytes: bytes, .. } = self;
        line(out, format_args!("{pools} unused pools * {bytes} bytes"), self.unused_pool_bytes())?;
        line(out, "# bytes lost to pool headers", self.header_bytes)?;
        line(out, "# bytes lost to quantization", self.quantization_bytes)?;
        line(out, "# bytes lost to arena alignment", self.alignment_bytes)?;
        line(out, "Total", self.accounted_bytes())
    }

    fn write_map(&self, out: &mut impl Write) -> fmt::Result {
        let map = self.map;
        if map.root_bytes == 0 {
            return Ok(());
        }
        let [mid, bottom] = [map.mid_count * map.mid_bytes, map.bottom_count * map.bottom_bytes];
        writeln!(out, "\nThe arenas' radix tree")?;
        line(out, "# arena map mid nodes", map.mid_count)?;
        line(out, "# arena map bot nodes", map.bottom_count)?;
        writeln!(out)?;
        line(out, "# bytes lost to arena map root", map.root_bytes)?;
        line(out, "# bytes lost to arena map mid", mid)?;
        line(out, "# bytes lost to arena map bot", bottom)?;
        line(out, "Total", map.root_bytes + mid + bottom)
    }
}

impl ClassStats {
    fn write_row(&self, out: &mut impl Write, index: usize) -> fmt::Result {
        let Self { block_bytes, pool_count, used_count, available_count } = self;
        writeln!(out, "{index:>5} {block_bytes:>6} {pool_count:>11} {used_count:>15} {available_count:>13}")
    }
}

impl Display for PymallocStats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_report(f)
    }
}

/// One line: the label, padded, `=`, and the number, right-aligned with commas.
fn line(out: &mut impl Write, label: impl Display, number: usize) -> fmt::Result {
    let mut padded = Counted { out, length: 0 };
    write!(padded, "{label}")?;
    let missing = LABEL_WIDTH.saturating_sub(padded.length);
    writeln!(out, "{:missing$}={:>NUMBER_WIDTH$}", "", Thousands(number))
}

/// Passes text on and counts its length: `format_args` ignores a width.
struct Counted<'a, W> {
    out: &'a mut W,
    length: usize,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.length += text.len();
        self.out.write_str(text)
    }
}

/// A number with a comma before each three digits.
struct Thousands(usize);

impl Display for Thousands {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(0);
        let missing = width.saturating_sub(self.length());
        write!(f, "{:missing$}", "")?;
        self.write_groups(f)
    }
}

impl Thousands {
    fn write_groups(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{}", self.0);
        }
        Self(self.0 / 1000).write_groups(f)?;
        write!(f, ",{:03}", self.0 % 1000)
    }

    fn length(&self) -> usize {
        let digits = self.0.checked_ilog10().unwrap_or(0) as usize + 1;
        digits + (digits - 1) / 3
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
