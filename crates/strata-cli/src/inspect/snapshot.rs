//! What a process held at one moment, read from a file, and what changed between two.
//!
//! Does not know: how it was found out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strata_inspect::{Bytes, Line};
use strata_profile::{Profile, Values};

use super::cells::{Cells, Packed};
use super::code;

pub(crate) use strata_inspect::SNAPSHOT_VERSION as VERSION;

/// Rows of each table.
const ROWS: usize = 15;
/// Lines of code that are kept.
const SITES: usize = 500;

/// The file, as far as differences are told and maps are drawn.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) taken_ms: i64,
    pub(crate) name: String,
    explanation: Explanation,
    heaps: Vec<Heap>,
    /// If its heap profiler was on.
    #[serde(default)]
    sites: Option<Vec<Site>>,
}

/// A line of code, and what lives that it allocated: an estimate.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Site {
    line: String,
    live_bytes: u64,
    standard_error: u64,
}

impl Site {
    /// Those that hold most.
    pub(crate) fn all(profile: &Profile) -> Vec<Self> {
        let lines = code::live(profile).into_iter().take(SITES);
        let site = |(line, live): (String, Values)| Self {
            line,
            live_bytes: live.bytes as u64,
            standard_error: live.standard_error() as u64,
        };
        lines.map(site).collect()
    }
}

#[derive(Debug, Deserialize)]
struct Explanation {
    pid: u32,
    rss_bytes: u64,
    lines: Vec<LineBytes>,
}

#[derive(Debug, Deserialize)]
struct LineBytes {
    name: String,
    bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Heap {
    stats: Stats,
    threads: Vec<Thread>,
    /// A dump that a process writes of itself has none.
    #[serde(default)]
    map: Option<Packed>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    classes: Vec<Class>,
}

#[derive(Debug, Deserialize)]
struct Class {
    block_bytes: u64,
    live_blocks: u64,
    free_blocks: u64,
}

#[derive(Debug, Deserialize)]
struct Thread {
    thread: u32,
    ready_bytes: u64,
}

impl Snapshot {
    /// Reads a file that `strata snapshot` wrote.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let place = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("reading {place}"))?;
        Self::parse(&bytes).with_context(|| format!("reading {place}"))
    }

    /// The same of a file's bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes = last_line(bytes);
        let value: Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(error) if error.is_eof() && bytes.starts_with(b"{\"strata_snapshot\"") => {
                bail!("the snapshot is cut short: take it again")
            }
            Err(_) => bail!("it is no snapshot: `strata snapshot PID -o FILE` makes one"),
        };
        match value["strata_snapshot"].as_u64() {
            None => bail!("it is no snapshot: `strata snapshot PID -o FILE` makes one"),
            Some(version) if version != u64::from(VERSION) => {
                bail!(
                    "the snapshot has version {version}, and this command reads {VERSION}: use that of the same release"
                )
            }
            Some(_) => serde_json::from_value(value).context("the snapshot is damaged"),
        }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.explanation.pid
    }

    /// The pools of each allocator.
    pub(crate) fn cells(&self) -> Result<Vec<Cells>> {
        let packed: Option<Vec<&Packed>> = self.heaps.iter().map(|heap| heap.map.as_ref()).collect();
        let packed = packed.context("a dump has no map: `strata snapshot PID -o FILE` makes one that has")?;
        let maps = packed.into_iter().map(Packed::unpack);
        maps.collect::<Option<_>>().context("the snapshot's map is damaged")
    }

    /// Bytes of something by its name.
    fn lines(&self) -> BTreeMap<String, u64> {
        let lines = self.explanation.lines.iter().map(|line| (line.name.clone(), line.bytes));
        let parts = lines.filter(|(name, _)| Line::leaves().any(|line| line.name() == name));
        parts.chain([("RSS".to_owned(), self.explanation.rss_bytes)]).collect()
    }

    fn classes(&self, blocks: impl Fn(&Class) -> u64) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for class in self.heaps.iter().flat_map(|heap| &heap.stats.classes) {
            let name = format!("{:>6} B", class.block_bytes);
            *sums.entry(name).or_default() += blocks(class) * class.block_bytes;
        }
        sums
    }

    fn threads(&self) -> BTreeMap<String, u64> {
        let threads = self.heaps.iter().flat_map(|heap| &heap.threads);
        threads.map(|thread| (format!("thread {}", thread.thread), thread.ready_bytes)).collect()
    }
}

/// Of a dump, which has text before it, and others perhaps, the last snapshot; of all else all of it.
fn last_line(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"strata: ") {
        return bytes;
    }
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.rfind(|line| line.starts_with(b"{\"strata_snapshot\"")).unwrap_or(bytes)
}

/// What changed, by layer, class, thread, and line of code if both have a heap profile.
pub(crate) fn difference(before: &Snapshot, after: &Snapshot) -> String {
    let seconds = (after.taken_ms - before.taken_ms) as f64 / 1000.0;
    let mut text = format!("{} ({}), {seconds:.1} s apart", after.name, after.explanation.pid);
    if before.explanation.pid != after.explanation.pid {
        text = format!("{} ({}) and {text}", before.name, before.explanation.pid);
    }
    let tables = [
        ("in memory", before.lines(), after.lines()),
        ("live blocks", before.classes(|class| class.live_blocks), after.classes(|class| class.live_blocks)),
        ("free blocks", before.classes(|class| class.free_blocks), after.classes(|class| class.free_blocks)),
        ("ready in threads", before.threads(), after.threads()),
    ];
    for (title, before, after) in tables {
        text.push_str(&table(title, &before, &after));
    }
    text.push_str(&sites(before, after));
    text
}

/// The same of lines of code, whose names are long.
fn sites(before: &Snapshot, after: &Snapshot) -> String {
    let (Some(before), Some(after)) = (&before.sites, &after.sites) else { return String::new() };
    let mut changes: BTreeMap<&str, (i64, u64)> = BTreeMap::new();
    let signed = before.iter().map(|site| (site, -1)).chain(after.iter().map(|site| (site, 1)));
    for (site, sign) in signed {
        let (bytes, variance) = changes.entry(&site.line).or_default();
        *bytes += sign * site.live_bytes.cast_signed();
        *variance = variance.saturating_add(site.standard_error.saturating_pow(2));
    }
    let mut changes: Vec<_> = changes.into_iter().filter(|(_, (bytes, _))| *bytes != 0).collect();
    changes.sort_by_key(|(_, (bytes, _))| std::cmp::Reverse(bytes.abs()));
    if changes.is_empty() {
        return "\n\nlive by line of code (estimate): no change".to_owned();
    }
    let mut text = "\n\nlive by line of code (estimate)".to_owned();
    for (line, (bytes, variance)) in changes.iter().take(ROWS) {
        let sign = if *bytes > 0 { '+' } else { '-' };
        let (change, error) = (Bytes(bytes.unsigned_abs()), Bytes(variance.isqrt()));
        text.push_str(&format!("\n  {:>13} ± {error:<11} {line}", format!("{sign}{change}")));
    }
    text
}

/// The rows that changed most.
fn table(title: &str, before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> String {
    let of = |map: &BTreeMap<String, u64>, name: &String| map.get(name).copied().unwrap_or(0);
    let only_before = before.keys().filter(|name| !after.contains_key(*name));
    let mut rows: Vec<(&String, u64, u64)> =
        after.keys().chain(only_before).map(|name| (name, of(before, name), of(after, name))).collect();
    rows.retain(|(_, before, after)| before != after);
    rows.sort_by_key(|(_, before, after)| std::cmp::Reverse(before.abs_diff(*after)));
    if rows.is_empty() {
        return format!("\n\n{title}: no change");
    }
    let mut text = format!("\n\n{title:<22} {:>12} {:>12} {:>13}", "before", "after", "change");
    for (name, before, after) in rows.iter().take(ROWS) {
        let sign = if after > before { '+' } else { '-' };
        let change = format!("{sign}{}", Bytes(before.abs_diff(*after)));
        text.push_str(&format!("\n  {name:<20} {:>12} {:>12} {change:>13}", Bytes(*before), Bytes(*after)));
    }
    if rows.len() > ROWS {
        text.push_str(&format!("\n  … and {} more", rows.len() - ROWS));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(live: u64, ready: u64) -> Snapshot {
        let map = serde_json::to_string(&Cells::default().pack()).unwrap();
        let text = format!(
            r#"{{"strata_snapshot":2,"taken_ms":5000,"name":"p","explanation":{{"pid":7,"rss_bytes":9000,"lines":
            [{{"name":"strata","bytes":8000,"parent":null}},{{"name":"live-small","bytes":{live},"parent":"live"}}]}},
            "heaps":[{{"stats":{{"classes":[{{"block_bytes":48,"live_blocks":{live},"free_blocks":2}}]}},
            "threads":[{{"thread":7,"ready_bytes":{ready}}}],"map":{map}}}]}}"#
        );
        Snapshot::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_changed_is_told_and_nothing_else() {
        let text = difference(&snapshot(100, 64), &snapshot(300, 64));
        assert!(text.contains("live-small") && text.contains("+200 B"), "{text}");
        assert!(text.contains("    48 B") && text.contains("+9.3 KiB"), "{text}");
        assert!(
            text.contains("ready in threads: no change") && text.contains("free blocks: no change"),
            "{text}"
        );
        assert!(!text.contains("  strata "), "a sum is no line of its own: {text}");
        assert!(difference(&snapshot(300, 64), &snapshot(100, 0)).contains("-64 B"));
    }

    #[test]
    fn lines_of_code_are_told_if_both_have_a_profile() {
        let with = |bytes| {
            let site =
                |line: &str, live_bytes| Site { line: line.to_owned(), live_bytes, standard_error: 3 << 10 };
            let sites = vec![site("keep (a.c:6)", bytes), site("serve (a.c:9)", 5 << 20)];
            Snapshot { sites: Some(sites), ..snapshot(1, 1) }
        };
        let text = difference(&with(1 << 20), &with(4 << 20));
        let (_, told) = text.split_once("live by line of code").unwrap();
        assert!(told.contains("+3.0 MiB ± 4.2 KiB") && told.contains("keep (a.c:6)"), "{told}");
        assert!(!told.contains("serve"), "{told}");
        assert!(!difference(&snapshot(1, 1), &with(1)).contains("line of code"));
    }

    #[test]
    fn of_a_dump_the_last_snapshot_counts() {
        let line = |live| {
            format!(
                r#"{{"strata_snapshot":2,"taken_ms":5,"name":"p","explanation":{{"pid":7,"rss_bytes":{live},"lines":[]}},"heaps":[]}}"#
            )
        };
        let text = format!("strata: why\n\npage\n{}\nstrata: why\npage\n{}\n", line(1), line(2));
        assert_eq!(Snapshot::parse(text.as_bytes()).unwrap().explanation.rss_bytes, 2);
        let cut = format!("strata: why\n\n{}", &line(1)[..50]);
        assert!(format!("{:#}", Snapshot::parse(cut.as_bytes()).unwrap_err()).contains("cut short"));
        assert!(
            format!("{:#}", Snapshot::parse(b"strata: why\n").unwrap_err()).contains("it is no snapshot")
        );
    }

    #[test]
    fn foreign_and_damaged_files_give_one_clear_line() {
        for (text, said) in [
            (&b"\x7fELF"[..], "it is no snapshot"),
            (b"{\"version\":1}", "it is no snapshot"),
            (b"{\"strata_snapshot\":2,\"taken_ms\":5", "cut short"),
            (b"{\"strata_snapshot\":9}", "has version 9"),
            (b"{\"strata_snapshot\":1}", "has version 1"),
            (b"{\"strata_snapshot\":2}", "is damaged"),
        ] {
            let error = Snapshot::parse(text).unwrap_err();
            assert!(format!("{error:#}").contains(said), "{error:#}");
        }
    }
}
