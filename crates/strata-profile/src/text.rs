//! For people: the top sites as `tracemalloc` prints them, and collapsed stacks for flame graphs.
//!
//! Does not know: where names come from.

use crate::{Frame, Grouping, Names, Profile, Series, Suspect, Values};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Lines of a stack that are told.
const MOST_LINES: usize = 12;

impl Profile {
    /// The sites that hold most, each by the innermost function that is not the allocator's, with what they hold, its standard error, and
    /// the stack.
    pub fn top(&self, count: usize, names: &mut dyn Names) -> String {
        let mut stacks: BTreeMap<(Vec<Frame>, String), Values> = BTreeMap::new();
        for site in &self.sites {
            let sum = stacks.entry((self.named(site, names), labels(&site.labels))).or_default();
            *sum = [*sum, site.live()].into_iter().sum();
        }
        let mut stacks: Vec<_> = stacks.into_iter().filter(|(_, live)| live.blocks != 0.0).collect();
        stacks.sort_by(|(_, one), (_, other)| other.bytes.abs().total_cmp(&one.bytes.abs()));
        let mut text = String::new();
        for (number, ((stack, labels), live)) in stacks.iter().take(count).enumerate() {
            let _ = writeln!(text, "#{}: {}{labels}", number + 1, line(live));
            write_stack(stack, &mut text);
        }
        let rest: Values = stacks.iter().skip(count).map(|(_, live)| *live).sum();
        if stacks.len() > count {
            let _ = writeln!(text, "{} other: {}", stacks.len() - count, line(&rest));
        }
        let _ = writeln!(text, "live: {}", line(&self.live()));
        let _ = writeln!(text, "allocated: {}", line(&self.allocated()));
        let [unheard, without_site] = self.lost;
        if unheard != 0 || without_site != 0 {
            let _ = writeln!(
                text,
                "{unheard} samples seem to live although they may not; {without_site} found no room"
            );
        }
        text
    }

    /// The groups that hold most, a line for each.
    pub fn top_groups(&self, by: &Grouping, count: usize, names: &mut dyn Names) -> String {
        let groups = self.groups(by, names);
        let mut text = String::new();
        for (name, live) in groups.iter().take(count) {
            let _ = writeln!(text, "{:<50} {name}", line(live));
        }
        let rest: Values = groups.iter().skip(count).map(|(_, live)| *live).sum();
        if groups.len() > count {
            let _ = writeln!(text, "{:<50} {} others", line(&rest), groups.len() - count);
        }
        let _ = writeln!(text, "{:<50} all", line(&self.live()));
        text
    }

    /// The stacks of a series of this process that grow, those that grow fastest first.
    pub fn growing(&self, series: &Series, count: usize, names: &mut dyn Names) -> String {
        let (suspects, length) = (series.suspects(), series.milliseconds());
        let mut text = String::new();
        for (number, suspect) in suspects.iter().take(count).enumerate() {
            let _ = writeln!(text, "#{}: {}{}", number + 1, growth(suspect), labels(&suspect.stack.labels));
            write_stack(&self.functions(&suspect.stack.frames, names), &mut text);
        }
        if suspects.len() > count {
            let _ = writeln!(text, "{} other stacks grow", suspects.len() - count);
        }
        let mean = self.sites.iter().map(|site| site.mean).max().unwrap_or_default() as f64;
        let least = 20.0 * mean / (length.max(1) as f64 / 60_000.0);
        let _ = writeln!(
            text,
            "{} as far as {} can tell: a gain of less than {} a minute cannot be told from chance",
            if suspects.is_empty() { "no stack grows," } else { "nothing else grows," },
            time(length),
            bytes(least)
        );
        text
    }

    /// A line for each stack, the outermost function first, with the bytes that live: what flame graph tools read.
    pub fn folded(&self, names: &mut dyn Names) -> String {
        let mut stacks: BTreeMap<String, f64> = BTreeMap::new();
        for site in &self.sites {
            let frames = self.named(site, names);
            let functions: Vec<_> =
                frames.iter().rev().map(|frame| frame.function.replace(';', ":")).collect();
            *stacks.entry(functions.join(";")).or_default() += site.live().bytes;
        }
        let lines = stacks.iter().filter(|(_, bytes)| bytes.round() != 0.0);
        lines.fold(String::new(), |mut text, (stack, bytes)| {
            let _ = writeln!(text, "{stack} {bytes:.0}");
            text
        })
    }
}

/// The functions of a stack, the innermost first, a line each; those of the standard library that follow each other are one, if there
/// are others.
pub(crate) fn write_stack(stack: &[Frame], text: &mut String) {
    let shows_all = stack.iter().all(Frame::is_library);
    let runs = stack.chunk_by(|one, next| !shows_all && one.is_library() && next.is_library());
    for run in runs.take(MOST_LINES) {
        let is_left_out = !shows_all && run[0].is_library();
        let _ = writeln!(text, "    {}", if is_left_out { "…".to_owned() } else { place(&run[0]) });
    }
}

pub(crate) fn labels(labels: &[(String, String)]) -> String {
    labels.iter().map(|(name, value)| format!(", {name}={value}")).collect()
}

fn growth(suspect: &Suspect) -> String {
    let (grown, milliseconds) = suspect.grown;
    format!(
        "+{} ± {} a minute, {} in {}, {:.1} % sure",
        bytes(suspect.bytes_per_minute),
        bytes(suspect.standard_error),
        bytes(grown),
        time(milliseconds),
        // Cut, not rounded: nothing is sure.
        (suspect.confidence * 1000.0).floor().min(999.0) / 10.0
    )
}

fn time(milliseconds: u64) -> String {
    match milliseconds / 1000 {
        0..120 => format!("{:.0} s", milliseconds as f64 / 1000.0),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

pub(crate) fn line(values: &Values) -> String {
    let error = values.standard_error();
    format!("{} ± {}, {:.0} blocks", bytes(values.bytes), bytes(error), values.blocks)
}

/// Bytes in the unit that reads well.
fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = if bytes.abs() < 1024.0 { 0 } else { (bytes.abs().log2() / 10.0) as usize };
    let unit = power.min(UNITS.len() - 1);
    let value = bytes / 1024_f64.powi(unit as i32);
    if unit == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

pub(crate) fn place(frame: &Frame) -> String {
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", frame.function),
        _ => frame.function.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, Site};

    fn profile() -> Profile {
        let site = |bytes, frames: &[u64], allocated| Site {
            bytes,
            mean: 1,
            frames: frames.into(),
            allocated,
            ..Site::default()
        };
        Profile {
            sites: vec![site(64, &[1, 2], 3), site(4096, &[3, 2], 5), site(16, &[1, 2], 2)],
            ..Profile::default()
        }
    }

    #[test]
    fn the_top_is_by_bytes_and_the_rest_is_summed() {
        let text = profile().top(1, &mut Addresses);
        assert!(
            text.starts_with(
                "#1: 20.0 KiB ± 0 B, 5 blocks\n    0x3\n    0x2\n1 other: 224 B ± 0 B, 5 blocks\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn functions_of_the_standard_library_are_left_out_of_a_stack_with_others() {
        let frame = |function: &str, file: Option<&str>| Frame {
            function: function.to_owned(),
            file: file.map(str::to_owned),
            line: file.map(|_| 7),
        };
        let stack = [
            frame("with_capacity", Some("/rustc/1/library/alloc/src/vec/mod.rs")),
            frame("alloc::vec::Vec<T>::new", None),
            frame("service::remember", Some("src/cache.rs")),
            frame("main", None),
            frame("std::rt::lang_start", None),
        ];
        let mut text = String::new();
        write_stack(&stack, &mut text);
        assert_eq!(text, "    …\n    service::remember (src/cache.rs:7)\n    main\n    …\n");
        text.clear();
        write_stack(&stack[1..2], &mut text);
        assert_eq!(text, "    alloc::vec::Vec<T>::new\n");
    }

    #[test]
    fn what_grows_is_told_with_its_pace_and_what_cannot_be_told_too() {
        let mut series = Series::new();
        let at = |second: i64| Profile {
            sites: vec![Site { bytes: 1024, mean: 1, frames: vec![9], allocated: second, ..Site::default() }],
            ..Profile::default()
        };
        (0..60).for_each(|second| series.push(second * 1000, &at(second.cast_signed())));
        let text = at(60).growing(&series, 3, &mut Addresses);
        assert!(text.starts_with("#1: +60.0 KiB ± ") && text.contains(" % sure\n    0x9\n"), "{text}");
        assert!(text.contains("nothing else grows, as far as 5"), "{text}");
        assert!(profile().growing(&Series::new(), 3, &mut Addresses).starts_with("no stack grows"));
    }

    #[test]
    fn stacks_are_collapsed_with_the_outermost_first() {
        assert_eq!(profile().folded(&mut Addresses), "0x2;0x1 224\n0x2;0x3 20480\n");
    }
}
