//! `docs/diagnose.md` shows what the command prints: the same lines and the same sentences, whatever the numbers are.

mod stage;

use std::thread::sleep;
use std::time::Duration;

use stage::{Story, answer};
use stratalloc::{CauseName, Line};

const PAGE: &str = include_str!("../../../docs/diagnose.md");

/// The outputs under a heading of the page, in their order.
fn outputs(heading: &str) -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = rest.split("\n## ").next().expect("a section");
    section.split("```text\n").skip(1).map(|rest| rest.split("```").next().expect("its end")).collect()
}

/// What an output says of its first cause, each number a `#`, whatever its unit.
fn sentences(output: &str) -> String {
    let lines = output.lines().skip_while(|line| !line.ends_with(" % sure") && *line != "no problem found");
    let words = lines.take_while(|line| !line.is_empty()).flat_map(str::split_whitespace);
    let shapes = words.filter(|word| !word.starts_with("KiB") && !word.starts_with("MiB")).map(|word| {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            format!("#{}", word.trim_matches(is_number))
        } else {
            word.to_owned()
        }
    });
    shapes.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_story_is_told_as_the_command_tells_it() {
    for (heading, story, watch) in [
        ("A cache without a bound", "unbounded-cache", &["--watch", "3"][..]),
        ("Fragmentation", "fragmentation", &[]),
        ("Memory parked in threads", "parked-in-threads", &[]),
        ("Huge pages on a sparse table", "sparse-table", &[]),
    ] {
        let shown = outputs(heading);
        let fixed = shown.iter().find(|output| output.contains("no problem found"));
        for (form, shown) in [("", shown.first()), ("fixed", fixed)] {
            let shown = shown.expect("an output");
            let story = Story::play(story, form);
            sleep(Duration::from_millis(2500));
            let number = story.number();
            let arguments: Vec<&str> = ["explain", &number].iter().chain(watch).copied().collect();
            // On a busy machine a story that grows may stand still while it is watched.
            let tells_so = |printed: &String| sentences(printed) == sentences(shown);
            let tries = (0..3).map(|_| answer(&arguments)).find(tells_so);
            let printed = tries.unwrap_or_else(|| answer(&arguments));
            if heading.starts_with("Huge") && !printed.contains("in huge pages") && form.is_empty() {
                println!("skipped: the kernel had no huge pages to give");
                continue;
            }
            assert_eq!(sentences(shown), sentences(&printed), "the page:\n{shown}\nthe command:\n{printed}");
        }
    }
}

#[test]
fn the_page_shows_no_line_that_there_is_not() {
    let mut shown = 0;
    let rows = PAGE.lines().filter(|line| line.ends_with(" %") && line.contains("iB   "));
    for row in rows {
        let title = row.split("   ").find(|part| !part.is_empty()).expect("a title").trim();
        let is_one_of_many = title.starts_with("thread ") || title.contains(" pools kept by ");
        let is_line = Line::ALL.into_iter().any(|line| line.title() == title);
        let is_other =
            ["RSS", "of it, Strata's in huge pages", "give or take (standard error)"].contains(&title);
        assert!(is_line || is_one_of_many || is_other, "{row}");
        shown += 1;
    }
    assert!(shown > 60, "{shown} lines");
}

/// The next name, so that one more does not compile without a place here.
fn after(cause: CauseName) -> Option<CauseName> {
    match cause {
        CauseName::LiveGrowth => Some(CauseName::UnboundedCache),
        CauseName::UnboundedCache => Some(CauseName::Fragmentation),
        CauseName::Fragmentation => Some(CauseName::ParkedInThreads),
        CauseName::ParkedInThreads => Some(CauseName::PurgeDelay),
        CauseName::PurgeDelay => Some(CauseName::HugePages),
        CauseName::HugePages => Some(CauseName::OtherMemory),
        CauseName::OtherMemory => Some(CauseName::None),
        CauseName::None => None,
    }
}

#[test]
fn each_cause_and_each_line_has_its_row() {
    let (_, causes) = PAGE.split_once("\n## The causes\n").expect("the heading");
    let causes = causes.split("\n## ").next().expect("a section");
    for cause in std::iter::successors(Some(CauseName::LiveGrowth), |cause| after(*cause)) {
        assert!(causes.contains(&format!("\n| `{}` |", cause.name())), "{cause:?}");
    }
    let (_, lines) = PAGE.split_once("\n| line | parts |").expect("the table of lines");
    for line in Line::ALL {
        assert!(lines.contains(&format!("`{}`", line.name())), "{}", line.name());
    }
}
