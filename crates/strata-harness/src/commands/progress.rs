//! How far it is: a bar with the time left on a terminal; elsewhere a line when something has been going on for a while.
//!
//! Does not know: what is done.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(15);

/// Steps, of which some are done.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// `None` on a terminal.
    lines: Option<Lines>,
}

#[derive(Debug)]
struct Lines {
    start: Instant,
    last: Instant,
}

impl Progress {
    /// Of all steps.
    pub fn new(steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        let now = Instant::now();
        let lines = (!stderr().is_terminal()).then_some(Lines { start: now, last: now });
        if lines.is_none() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left  {wide_msg}");
        Self { bar: style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style)), lines }
    }

    /// What begins now.
    pub fn begin(&mut self, step: &str) {
        self.bar.set_message(step.to_owned());
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        if let Some(lines) = &mut self.lines
            && lines.last.elapsed() >= BETWEEN_LINES
        {
            lines.last = Instant::now();
            eprintln!("{}", line(done, all, lines.start.elapsed(), step));
        }
    }

    /// A step is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// A line that stays.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// There is nothing to come.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Where it stands, and how long the rest takes at this pace.
fn line(done: u64, all: u64, elapsed: Duration, step: &str) -> String {
    let left = match done {
        0 => String::new(),
        done => format!(", about {} s left", elapsed.as_secs() * all.saturating_sub(done) / done),
    };
    format!("{done} of {all}{left}: {step}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_long_the_rest_takes() {
        assert_eq!(
            line(10, 40, Duration::from_secs(20), "json on strata"),
            "10 of 40, about 60 s left: json on strata"
        );
        assert_eq!(line(0, 40, Duration::from_secs(20), "json"), "0 of 40: json");
    }
}
