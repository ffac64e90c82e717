//! `strata explain`: why a running process is as big as it is, and what to do.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use strata_inspect::{Bytes, Facts, Growth, Line, Waterfall};
use strata_profile::{DebugInfo, Profile, Series};

use super::seconds;
use crate::inspect::code;
use crate::inspect::moment::{Moment, largest};
use crate::inspect::process::Process;
use crate::inspect::reading::Reading;
use crate::inspect::recorder::Recorder;

/// Steps of a watch; at the first, and each seventh from there, a moment is taken of what is live.
const STEPS: u32 = 28;
const STEPS_OF_A_MOMENT: u32 = 7;
/// How often a process is read that changes meanwhile, and from how many bytes on it did: or a hundredth, if that is more.
const READINGS: u32 = 3;
const MUCH: u64 = 1 << 20;
/// Stacks that are told.
const STACKS: usize = 3;

/// Say why a running process is as big as it is, and what to do
///
/// Prints one waterfall from what the program has to what the kernel counts, in lines that add up to the resident memory
/// (RSS), and below it which cause applies, how sure that is and from what, and the remedy. The process is neither stopped nor
/// written to, and needs no preparation: any program with Strata inside or under `strata run` will do.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The process
    pid: u32,
    /// As one JSON object, whose keys and names are stable
    #[arg(long)]
    json: bool,
    /// Watch for this many seconds, and say what grew
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    watch: Option<Duration>,
}

/// What was seen while a process was watched.
pub(crate) struct Watch {
    before: Waterfall,
    growth: Option<Growth>,
    who: Who,
    /// What its heap profiler had recorded at the beginning.
    profile: Option<Profile>,
}

/// What is known of who made it grow.
enum Who {
    /// There is no heap profile, and none can be made.
    Unknown,
    /// There could be one.
    Off,
    /// What grows, by the heap profile of the process.
    Grows(String),
    /// What changed, by its heap profile: nothing grows for sure.
    Changed(String),
}

impl Watch {
    fn of(process: &Process, length: Duration) -> Result<Self> {
        let before = read(process)?.facts.waterfall;
        let recorder = Recorder::find(process).ok();
        let is_on = recorder.as_ref().is_some_and(|recorder| recorder.mean() != 0);
        let (start, mut moments) = (Instant::now(), Vec::new());
        let (mut series, mut profiles) = (Series::new(), Vec::new());
        for step in 0..=STEPS {
            thread::sleep((length * step / STEPS).saturating_sub(start.elapsed()));
            if step.is_multiple_of(STEPS_OF_A_MOMENT) {
                moments.push(largest(&process.reading().heaps()?).1);
            }
            if let Some(profile) = recorder.as_ref().filter(|_| is_on).and_then(Recorder::recorded) {
                series.push(start.elapsed().as_millis() as u64, &profile);
                profiles.push(profile);
                // The first and the last.
                profiles.drain(1..profiles.len().saturating_sub(1).max(1));
            }
        }
        let elapsed = u64::try_from(start.elapsed().as_millis())?;
        let who = match (recorder, &profiles[..]) {
            (None, _) => Who::Unknown,
            (Some(_), [first, last]) => who_grew(first, last, &series),
            (Some(_), _) => Who::Off,
        };
        let profile = profiles.into_iter().next();
        Ok(Self { before, growth: Growth::between(&moments, elapsed), who, profile })
    }
}

/// The stacks that grow; or, if none does for sure, those of which more lives than before.
fn who_grew(first: &Profile, last: &Profile, series: &Series) -> Who {
    let mut names = DebugInfo::default();
    if series.suspects().is_empty() {
        let change = last.compare_to(first).top(STACKS, &mut names);
        return Who::Changed(format!("By its heap profile, what changed meanwhile:\n{change}"));
    }
    let growing = last.growing(series, STACKS, &mut names);
    Who::Grows(format!("By its heap profile, what grows:\n{growing}"))
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let process = Process::open(arguments.pid)?;
    let watch = arguments.watch.map(|length| Watch::of(&process, length)).transpose()?;
    let moment = read(&process)?;
    if arguments.json {
        println!("{}", json(&moment, watch.as_ref(), process.pid())?);
        return Ok(ExitCode::SUCCESS);
    }
    let grew = with_facts(&moment, watch.as_ref(), |facts| {
        print!("process {} ({})\n\n{facts}", process.pid(), process.name());
        facts.live_grew()
    });
    if let Some(watch) = &watch {
        if grew || matches!(watch.who, Who::Grows(_)) {
            println!("\n{}", watch.who.text(process.pid()).trim_end());
        }
        println!("\n{}", changes(&watch.before, &moment.facts.waterfall));
    }
    print!("{}", notes(&moment));
    Ok(ExitCode::SUCCESS)
}

impl Who {
    fn text(&self, pid: u32) -> String {
        match self {
            Self::Unknown => "Who allocates it, a heap profile would say: for that the program is to run under `strata run`, or to have the crate \
                              strata-profile.\n"
                .to_owned(),
            Self::Off => format!("Who allocates it: `strata profile {pid} --seconds 30 --growth`\n"),
            Self::Grows(text) | Self::Changed(text) => text.clone(),
        }
    }
}

/// A process at this moment.
pub(crate) fn read(process: &Process) -> Result<Moment> {
    let (reading, moment) = steadily(process)?;
    let recorder = Recorder::within(&reading).ok().filter(|recorder| recorder.mean() != 0);
    let profile = recorder.and_then(|recorder| recorder.profile(&process.maps().unwrap_or_default()));
    let mut moment = moment.with_profile(profile);
    moment.facts.page_table_bytes = process.page_table_bytes();
    Ok(moment)
}

/// What Strata holds and what the kernel counts, which are read one after the other: both once more if much came or went meanwhile.
fn steadily(process: &Process) -> Result<(Reading<'_>, Moment)> {
    let mut readings = 0;
    loop {
        let (before, reading) = (process.anonymous_bytes(), process.reading());
        let moment = Moment::of(&reading, &reading.heaps()?);
        let moment = moment.with_context(|| format!("process {} ended while it was read", process.pid()))?;
        let moved = before.zip(process.anonymous_bytes()).map_or(0, |(before, after)| before.abs_diff(after));
        readings += 1;
        if readings == READINGS || moved <= MUCH.max(moment.facts.footprint.resident() / 100) {
            return Ok((reading, moment));
        }
    }
}

/// Tells what the causes are concluded from, with the lines of code that a heap profile knows.
pub(crate) fn with_facts<Told>(
    moment: &Moment,
    watch: Option<&Watch>,
    tell: impl FnOnce(&Facts<'_>) -> Told,
) -> Told {
    let mut facts = moment.facts.clone();
    facts.growth = watch.and_then(|watch| watch.growth);
    let before = watch.and_then(|watch| watch.profile.as_ref());
    let code = moment.profile.as_ref().map(|profile| code::of_causes(&facts, profile, before));
    let code: Vec<_> = code.iter().flatten().map(|(cause, line)| (*cause, line.as_str())).collect();
    facts.code = &code;
    tell(&facts)
}

/// The same as JSON.
pub(crate) fn json(moment: &Moment, watch: Option<&Watch>, pid: u32) -> Result<String> {
    let mut text = String::new();
    with_facts(moment, watch, |facts| facts.write_json(pid, &mut text))?;
    Ok(text)
}

fn changes(before: &Waterfall, after: &Waterfall) -> String {
    let change = |title: &str, before: u64, after: u64| match after.cmp(&before) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(format!("\n  {title:<40} +{}", Bytes(after - before))),
        std::cmp::Ordering::Less => Some(format!("\n  {title:<40} -{}", Bytes(before - after))),
    };
    let whole = change("RSS", before.rss_bytes(), after.rss_bytes());
    let parts = Line::leaves().filter_map(|line| change(line.title(), before.bytes(line), after.bytes(line)));
    let changes: String = whole.into_iter().chain(parts).collect();
    if changes.is_empty() {
        "Nothing changed meanwhile.".to_owned()
    } else {
        format!("Changed meanwhile:{changes}")
    }
}

/// What else a reader of the page should know, if there is anything: a line each.
pub(crate) fn notes(moment: &Moment) -> String {
    let Moment { stats, facts, .. } = moment;
    let mut text = String::new();
    let mut add = |is_so: bool, sentence: String| text.push_str(if is_so { &sentence } else { "" });
    add(
        stats.pinned_bytes > 0,
        format!("{} of explicit huge pages are not counted as resident.\n", Bytes(stats.pinned_bytes)),
    );
    add(
        moment.heaps > 1,
        format!("The process has {} allocators of this kind; all are counted.\n", moment.heaps),
    );
    let missed = stats.huge_bytes.saturating_sub(facts.footprint.huge_found);
    add(
        moment.heaps == 1 && missed > 0,
        format!("{} of huge blocks were not found; they count as other mappings.\n", Bytes(missed)),
    );
    if text.is_empty() { text } else { format!("\n{text}") }
}
