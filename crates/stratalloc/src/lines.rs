//! Text of many lines for standard error: each is written in one call, and says who speaks.
//!
//! Does not know: what is said.

use core::fmt::{self, Write};
use strata_os::Line;

/// Buffers one line at a time; a line that was not ended is lost.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Line,
    is_begun: bool,
}

impl Lines {
    fn begin(&mut self) -> fmt::Result {
        if self.is_begun {
            return Ok(());
        }
        self.is_begun = true;
        self.line.write_str("strata: ")
    }
}

impl Write for Lines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            self.begin()?;
            let (body, ends) = part.strip_suffix('\n').map_or((part, false), |body| (body, true));
            self.line.write_str(body)?;
            if ends {
                self.line.emit();
                self.is_begun = false;
            }
        }
        Ok(())
    }
}
