//! Options from outside: this test starts itself with an environment and reads what the allocator says on stderr.

use std::process::Command;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use stratalloc::{OptionErrorKind, Options, PurgeWay, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

stratalloc::options!(Options::new().huge_keep_bytes(32 << 20));

/// Held by the tests that change options of this process.
static CHANGING: Mutex<()> = Mutex::new(());

/// What a program that does next to nothing says under these variables.
fn stderr(variables: &[(&str, &str)]) -> String {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.arg("--list");
    for name in [
        "PURGE_DELAY",
        "PURGE",
        "SEGMENT_SIZE",
        "HUGE_KEEP",
        "RESERVE_2M",
        "RESERVE_1G",
        "STATS",
        "SHOW_OPTIONS",
    ] {
        program.env_remove(format!("STRATA_{name}"));
    }
    let output = program.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The first words of the line about an option: value, default, who set it.
fn shown(text: &str, option: &str) -> [String; 3] {
    let line = text.lines().find(|line| line.starts_with(&format!("strata: {option} "))).expect(text);
    let mut words = line.split_whitespace().skip(2).map(str::to_owned);
    std::array::from_fn(|_| words.next().expect(line))
}

#[test]
fn the_book_and_the_readme_have_every_option_with_its_variable_and_its_default() {
    let text = stderr(&[("STRATA_SHOW_OPTIONS", "1")]);
    for page in [include_str!("../../../docs/options.md"), include_str!("../README.md")] {
        let rows: Vec<&str> =
            page.lines().filter(|line| line.starts_with("| `") && line.contains("| `STRATA_")).collect();
        assert_eq!(text.lines().count(), 1 + rows.len(), "{text}");
        for row in rows {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            assert_eq!(cells[2], format!("STRATA_{}", cells[1].to_uppercase()));
            assert_eq!(shown(&text, cells[1])[1], cells[3], "{row}");
        }
    }
}

/// Words of a page that begin like this, without the beginning.
fn named<'page>(page: &'page str, beginning: &str) -> Vec<&'page str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    page.split(beginning)
        .skip(1)
        .filter_map(|rest| rest.split(ends).next())
        .filter(|it| !it.is_empty())
        .collect()
}

#[test]
fn the_page_for_those_who_come_from_another_allocator_names_what_there_is() {
    let page = include_str!("../../../docs/migration.md");
    let interface = include_str!("../../../docs/public-api/stratalloc.txt");
    let text = stderr(&[("STRATA_SHOW_OPTIONS", "1")]);
    let variables = named(page, "STRATA_");
    assert!(variables.len() > 20, "{variables:?}");
    for name in variables.into_iter().filter(|name| *name != "PROFILE") {
        shown(&text, &name.to_lowercase());
    }
    for owner in ["Strata", "Options", "Threshold", "Heap"] {
        for name in named(page, &format!("{owner}::")) {
            let is_there = |end: &str| interface.contains(&format!("{owner}::{name}{end}"));
            assert!(is_there("(") || is_there("<"), "{owner}::{name}");
        }
    }
    let stats = include_str!("../../../docs/public-api/strata-inspect.txt");
    for name in named(page, "`Strata::stats().").into_iter().chain(named(page, "| `.")) {
        let is_there = |end: &str| stats.contains(&format!("Stats::{name}{end}"));
        assert!(is_there("(") || is_there(":") || name == "to_string", "{name}");
    }
    let header = include_str!("../../strata-capi/include/strata.h");
    for name in named(page, "`strata_") {
        assert!(header.contains(&format!("strata_{name}")), "strata_{name}");
    }
}

/// What the page on diagnosis and the advice of `strata explain` tell to set is an option, and a value that it takes.
#[test]
fn what_a_reader_is_told_to_set_is_accepted() {
    let pages =
        [include_str!("../../../docs/diagnose.md"), include_str!("../../strata-inspect/src/causes.rs")];
    let mut values = 0;
    for setting in pages.into_iter().flat_map(|page| page.split("STRATA_").skip(1)) {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '=');
        let setting = setting.split(ends).next().expect("a part");
        let Some((name, value)) = setting.split_once('=') else { continue };
        if ["PROFILE", "PROFILE_RATE", "DUMP", "DUMP_SIGNAL", "STATS"].contains(&name) {
            continue;
        }
        let variable = format!("STRATA_{name}");
        let text = stderr(&[("STRATA_SHOW_OPTIONS", "1"), (variable.as_str(), value)]);
        assert_eq!(shown(&text, &name.to_lowercase())[0], value, "{setting}");
        values += 1;
    }
    assert!(values >= 3, "{values}");
}

#[test]
fn without_variables_nothing_is_said() {
    assert_eq!(stderr(&[]), "");
    assert_eq!(stderr(&[("STRATA_STATS", ""), ("STRATA_SHOW_OPTIONS", "0")]), "");
}

#[test]
fn options_are_shown_with_value_default_and_who_set_them() {
    let text = stderr(&[("STRATA_SHOW_OPTIONS", "1"), ("STRATA_PURGE_DELAY", "Never")]);
    assert!(text.lines().all(|line| line.starts_with("strata: ")), "{text}");
    assert_eq!(shown(&text, "purge_delay"), ["never", "500", "environment"]);
    assert_eq!(shown(&text, "segment_size"), ["256M", "256M", "default"]);
    assert_eq!(shown(&text, "huge_keep"), ["32M", "256M", "program"]);
    assert_eq!(shown(&text, "show_options"), ["1", "0", "environment"]);
    assert!(text.contains("how long memory lies free before it goes back to the system"), "{text}");
}

#[test]
fn the_environment_overrules_the_program() {
    let text = stderr(&[("STRATA_SHOW_OPTIONS", "yes"), ("STRATA_HUGE_KEEP", "1024k")]);
    assert_eq!(shown(&text, "huge_keep"), ["1M", "256M", "environment"]);
}

#[test]
fn a_bad_value_gets_one_line_and_what_held_stays() {
    let long = "9".repeat(100);
    let cases = [
        ("STRATA_PURGE_DELAY", "soon", "milliseconds, or `never`", "500"),
        ("STRATA_PURGE", "later", "`now` or `lazily`", "now"),
        ("STRATA_SEGMENT_SIZE", "1M", "bytes from 4M to 256M, also with K, M or G", "256M"),
        ("STRATA_HUGE_KEEP", "64 MB", "bytes, also with K, M or G", "32M"),
        ("STRATA_STATS", "maybe", "1 or 0", "0"),
        ("STRATA_SHOW_OPTIONS", "-1", "1 or 0", "0"),
    ];
    for (variable, value, accepted, stays) in cases {
        let expected = format!("strata: {variable}={value} is not accepted ({accepted}); {stays} stays\n");
        assert_eq!(stderr(&[(variable, value)]), expected);
    }
    let text = stderr(&[("STRATA_HUGE_KEEP", &long)]);
    assert!(text.starts_with("strata: STRATA_HUGE_KEEP=999") && text.ends_with("; 32M stays\n"), "{text}");
    assert_eq!(stderr(&cases.map(|(variable, value, ..)| (variable, value))).lines().count(), cases.len());
}

#[test]
fn statistics_are_printed_at_exit() {
    let text = stderr(&[("STRATA_STATS", "1")]);
    for word in [
        "allocated",
        "active",
        "resident",
        "committed",
        "reserved",
        "purged",
        "segments",
        "blocks",
        "caches",
        "OS calls",
        "class",
        "process",
        "time",
    ] {
        assert!(reported(&text, word).is_some(), "no line about {word} in\n{text}");
    }
    assert!(text.contains(" at its peak\n") && text.ends_with(" page faults\n"), "{text}");
}

/// What a report says about something, after the program's name and number.
fn reported<'text>(text: &'text str, word: &str) -> Option<&'text str> {
    let said = |line: &'text str| line.strip_prefix("strata ")?.split_once("]: ").map(|(_, said)| said);
    text.lines().filter_map(said).find(|said| said.starts_with(&format!("{word} ")))
}

#[test]
fn a_report_is_of_the_process_that_is_asked_for() {
    assert_eq!(stderr(&[("STRATA_STATS", "1"), ("STRATA_STATS_OF", "1")]), "");
    let text = stderr(&[("STRATA_STATS", "1"), ("STRATA_STATS_JSON", "1")]);
    assert!(text.starts_with("{\"name\":\"") && text.ends_with("}\n") && text.lines().count() == 1, "{text}");
}

#[test]
fn segments_are_as_large_as_the_environment_says() {
    let text = stderr(&[("STRATA_STATS", "1"), ("STRATA_SEGMENT_SIZE", "8M")]);
    let number = |word: &str| {
        let line = reported(&text, word).expect(&text);
        line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok()).expect(&text)
    };
    assert!(number("segments") >= 1.0);
    assert_eq!(number("reserved"), 8.0 * number("segments"), "{text}");
}

/// Pages of 2 MiB that the system has set apart and that are free.
fn free_huge_pages() -> u64 {
    let read = |file: &str| {
        let text =
            std::fs::read_to_string(format!("/sys/kernel/mm/hugepages/hugepages-2048kB/{file}_hugepages"));
        text.ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    read("free").saturating_sub(read("resv"))
}

#[test]
fn huge_pages_that_are_asked_for_are_used_or_the_user_is_told_what_to_do() {
    let text = stderr(&[("STRATA_RESERVE_2M", "8M"), ("STRATA_STATS", "1")]);
    let complaint = text.lines().find(|line| line.starts_with("strata: reserve_2m=8M: "));
    let pinned = reported(&text, "pinned");
    if free_huge_pages() >= 4 && complaint.is_none() {
        assert!(pinned.unwrap().contains(" 8.0 MiB beside those"), "{text}");
        assert!(text.contains("; 8.0 MiB in explicit huge pages\n"), "{text}");
        return;
    }
    let complaint = complaint.expect(&text);
    assert!(complaint.contains("ordinary memory is used"), "{complaint}");
    let path = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
    let is_known = std::path::Path::new(path).exists();
    assert_eq!(complaint.contains("As root: echo ") && complaint.ends_with(path), is_known, "{complaint}");
}

#[test]
fn an_option_may_be_changed_while_the_program_runs() {
    let _changing = CHANGING.lock();
    assert_eq!(Strata::set_option("purge_delay", "1000"), Ok(()));
    assert_eq!(Strata::set_option("huge_keep", "0"), Ok(()));
    // More than any request beside it, so that only its own mapping counts.
    const BYTES: usize = 200 << 20;
    drop(vec![0_u8; BYTES]);
    assert!(Strata::stats().huge_kept_bytes < BYTES as u64);
    Options::new().huge_keep_bytes(1 << 30).impose();
    drop(vec![0_u8; BYTES]);
    assert!(Strata::stats().huge_kept_bytes >= BYTES as u64);
    Options::new().huge_keep_bytes(0).purge_delay(Some(Duration::ZERO)).apply();
    assert_eq!(
        (Strata::settings().huge_keep_bytes, Strata::settings().purge_delay),
        (0, Some(Duration::ZERO))
    );
    Options::new().purge_delay(None).impose();
    assert!(Strata::trim().given_back_bytes >= BYTES as u64);
    assert_eq!(Strata::stats().huge_kept_bytes, 0);
}

#[test]
fn a_shorter_delay_counts_for_memory_that_lies_free_already() {
    let _changing = CHANGING.lock();
    Options::new().purge_delay(None).impose();
    drop([1_u8; 100].map(|byte| Box::new([byte; 30_000])));
    let waits = |rounds: u32| {
        (0..rounds).for_each(|_| {
            sleep(Duration::from_millis(20));
            Strata::collect();
        });
        Strata::stats().purged_bytes
    };
    let kept = waits(3);
    assert_eq!(waits(3), kept);
    Options::new().purge_delay(Some(Duration::from_millis(1))).impose();
    // Two passes note what is free, the third gives it back; on a busy machine they may be late.
    assert!((0..500).any(|_| waits(1) - kept >= 40 * 65_536));
}

#[test]
fn an_option_that_is_refused_says_why() {
    let refused = |name, value| {
        let error = Strata::set_option(name, value).unwrap_err();
        (error.kind(), error.to_string())
    };
    let (kind, text) = refused("segment_size", "3M");
    assert_eq!(kind, OptionErrorKind::NotAccepted);
    assert_eq!(
        text,
        "option `segment_size` does not take `3M`, but bytes from 4M to 256M, also with K, M or G"
    );
    let (kind, text) = refused("show_options", "1");
    assert_eq!(kind, OptionErrorKind::OnlyAtStart);
    assert!(text.ends_with("before the program starts: STRATA_SHOW_OPTIONS=1"), "{text}");
    assert_eq!(refused("show_options", "2").0, OptionErrorKind::NotAccepted);
    let (kind, text) = refused("STRATA_STATS", "1");
    assert_eq!(kind, OptionErrorKind::Unknown);
    assert!(text.starts_with("no option is called `STRATA_STATS`; there are purge_delay, purge, "), "{text}");
    let (_, text) = refused(&"x".repeat(1000), &"\n".repeat(1000));
    assert!(text.contains(&"x".repeat(32)) && text.len() < 400, "{text}");
}

#[test]
fn what_goes_lazily_is_named_may_be_used_again_and_goes_for_good_by_trim() {
    const POOL_BYTES: u64 = 65_536;
    const BLOCK_BYTES: usize = 30_000;
    let _changing = CHANGING.lock();
    Strata::set_option("purge", "lazily").unwrap();
    assert_eq!(Strata::settings().purge, PurgeWay::LazyFree);
    Options::new().purge_delay(Some(Duration::from_millis(1))).impose();
    let lazy = || Strata::stats().lazily_purged_bytes;
    drop([1_u8; 200].map(|byte| Box::new([byte; BLOCK_BYTES])));
    let is_lazy = (0..500).any(|_| {
        sleep(Duration::from_millis(20));
        Strata::collect();
        lazy() >= 80 * POOL_BYTES
    });
    let stats = Strata::stats();
    assert!(is_lazy && stats.lazily_purged_bytes <= stats.dirty_pools * POOL_BYTES, "{stats}");
    let zeroed: Vec<Vec<u8>> = (0..200).map(|_| vec![0; BLOCK_BYTES]).collect();
    assert!(zeroed.iter().flatten().all(|byte| *byte == 0), "old contents were handed out as zero");
    assert!(lazy() < stats.lazily_purged_bytes, "what is used again is not the system's to take");
    Options::new().purge_delay(None).impose();
    drop(zeroed);
    assert!(Strata::trim().given_back_bytes >= 80 * POOL_BYTES);
    assert_eq!(lazy(), 0);
    Strata::set_option("purge", "now").unwrap();
}
