//! Which lines of code a cause is about, if the process has a heap profile.
//!
//! Does not know: causes of their own; what a profile is taken by.

use std::collections::BTreeMap;

use strata_inspect::{Bytes, CauseName, Facts, block_bytes};
use strata_profile::{DebugInfo, Frame, Profile, Site, Values};

/// Lines of code that are told for a cause.
const TOLD: usize = 3;
/// Bytes of free blocks from which on a class is among the fragmented ones.
const MUCH_FREE: u64 = 256 << 10;
/// Huge pages hold blocks of this size and more by themselves.
const HUGE_BYTES: u64 = 2 << 20;

/// For each cause that applies, the lines that allocated what it is about: of what lives; of growth what became more since `before`.
pub(crate) fn of_causes(
    facts: &Facts<'_>,
    profile: &Profile,
    before: Option<&Profile>,
) -> Vec<(CauseName, String)> {
    let (mut found, mut names) = (Vec::new(), DebugInfo::default());
    facts.causes(&mut |cause| {
        let lines = match cause.cause {
            CauseName::Fragmentation => {
                let fragmented = fragmented(facts);
                lines(profile, &mut names, |site| fragmented.contains(&site.bytes))
            }
            CauseName::HugePages => lines(profile, &mut names, |site| site.bytes >= HUGE_BYTES),
            CauseName::LiveGrowth | CauseName::UnboundedCache => match before {
                Some(before) => lines(&profile.compare_to(before), &mut names, |_| true),
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        let told = lines.into_iter().take(TOLD);
        found.extend(told.map(|(line, live)| (cause.cause, format!("{line}: {}", estimate(&live)))));
    });
    found
}

/// What lives, by the line of code that allocated it, most first.
pub(crate) fn live(profile: &Profile) -> Vec<(String, Values)> {
    lines(profile, &mut DebugInfo::default(), |_| true)
}

fn lines(
    profile: &Profile,
    names: &mut DebugInfo,
    is_meant: impl Fn(&Site) -> bool,
) -> Vec<(String, Values)> {
    let mut sums: BTreeMap<String, Values> = BTreeMap::new();
    for site in profile.sites.iter().filter(|site| is_meant(site)) {
        let sum = sums.entry(line(&profile.functions(&site.frames, names))).or_default();
        *sum = [*sum, site.live()].into_iter().sum();
    }
    let mut sums: Vec<_> = sums.into_iter().filter(|(_, live)| live.bytes >= 1.0).collect();
    sums.sort_by(|(_, one), (_, other)| other.bytes.total_cmp(&one.bytes));
    sums
}

/// The sizes of which many blocks are free in pools in use.
fn fragmented(facts: &Facts<'_>) -> Vec<u64> {
    let classes = block_bytes().zip(&facts.footprint.classes);
    classes.filter(|(_, class)| class.free >= MUCH_FREE).map(|(bytes, _)| bytes.into()).collect()
}

fn estimate(live: &Values) -> String {
    let bytes = |bytes: f64| Bytes(bytes.round() as u64);
    format!("{} ± {}", bytes(live.bytes), bytes(live.standard_error()))
}

/// The program's own innermost function with its line, and its caller.
fn line(stack: &[Frame]) -> String {
    let own: Vec<&Frame> = stack.iter().filter(|frame| !frame.is_library()).take(2).collect();
    match own[..] {
        [] => stack.first().map_or_else(|| "unknown".to_owned(), place),
        [line] => place(line),
        [line, caller, ..] => format!("{}, called by {}", place(line), place(caller)),
    }
}

fn place(frame: &Frame) -> String {
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", frame.function),
        _ => frame.function.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: Option<&str>) -> Frame {
        Frame { function: function.to_owned(), file: file.map(str::to_owned), line: file.map(|_| 7) }
    }

    #[test]
    fn the_line_is_the_programs_own_and_not_the_librarys() {
        let stack = [
            frame("alloc::raw_vec::RawVecInner::with_capacity", None),
            frame("<alloc::vec::Vec<T> as Clone>::clone", None),
            frame("to_vec", Some("/rustc/1234/library/alloc/src/slice.rs")),
            frame("service::remember", Some("src/cache.rs")),
            frame("service::answer", Some("src/main.rs")),
            frame("main", None),
        ];
        assert_eq!(
            line(&stack),
            "service::remember (src/cache.rs:7), called by service::answer (src/main.rs:7)"
        );
        assert_eq!(line(&stack[5..]), "main");
        assert_eq!(line(&stack[..1]), "alloc::raw_vec::RawVecInner::with_capacity");
        assert_eq!(line(&[]), "unknown");
    }
}
