//! All options, each one line of a table: what the parser, the book and `STRATA_SHOW_OPTIONS=1` say comes from here.
//!
//! Does not know: which value holds; `settings` does.

use super::parse::Syntax;
use core::ffi::CStr;
use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT};
use strata_os::machine::HugetlbPage;
use strata_segment::{HugePageChoice, PurgeWay};

/// Which option; also its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    PurgeDelay,
    Purge,
    SegmentSize,
    HugeLimit,
    HugePages,
    Reserve2m,
    Reserve1g,
    PurgeThread,
    Stats,
    ShowOptions,
}

/// One option.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) name: &'static str,
    pub(crate) variable: &'static CStr,
    pub(crate) syntax: Syntax,
    pub(crate) default: u64,
    /// What `syntax` accepts, in words.
    pub(crate) accepted: &'static str,
    pub(crate) meaning: &'static str,
}

/// Half of what all segments together can be.
const MOST_RESERVED: u64 = 512 << 30;

/// Options.
pub(crate) const OPTION_COUNT: usize = 10;

/// All options, in the order of [`Id`].
pub(crate) static TABLE: [Row; OPTION_COUNT] = [
    Row {
        id: Id::PurgeDelay,
        name: "purge_delay",
        variable: c"STRATA_PURGE_DELAY",
        syntax: Syntax::Milliseconds,
        default: 500,
        accepted: "milliseconds, or `never`",
        meaning: "how long memory lies free before it goes back to the system",
    },
    Row {
        id: Id::Purge,
        name: "purge",
        variable: c"STRATA_PURGE",
        syntax: Syntax::Word(&["now", "lazily"]),
        default: PurgeWay::Now as u64,
        accepted: "`now` or `lazily`",
        meaning: "how it goes: at once, or when the system needs it, resident until then",
    },
    Row {
        id: Id::SegmentSize,
        name: "segment_size",
        variable: c"STRATA_SEGMENT_SIZE",
        syntax: Syntax::Bytes {
            least: ARENA_BYTES as u64,
            most: (ARENA_BYTES * ARENAS_PER_SEGMENT) as u64,
            step: ARENA_BYTES as u64,
        },
        default: (ARENA_BYTES * ARENAS_PER_SEGMENT) as u64,
        accepted: "bytes from 4M to 256M, also with K, M or G",
        meaning: "addresses reserved at a time, rounded down to a multiple of 4M",
    },
    Row {
        id: Id::HugeLimit,
        name: "huge_keep",
        variable: c"STRATA_HUGE_KEEP",
        syntax: Syntax::Bytes { least: 0, most: u64::MAX, step: 1 },
        default: 256 << 20,
        accepted: "bytes, also with K, M or G",
        meaning: "how much of freed huge blocks is kept for reuse, at most",
    },
    Row {
        id: Id::HugePages,
        name: "huge_pages",
        variable: c"STRATA_HUGE_PAGES",
        syntax: Syntax::Word(&["auto", "never", "always"]),
        default: HugePageChoice::Auto as u64,
        accepted: "`auto`, `never` or `always`",
        meaning: "where memory is taken in huge pages: where it pays, nowhere, everywhere",
    },
    Row {
        id: Id::Reserve2m,
        name: "reserve_2m",
        variable: c"STRATA_RESERVE_2M",
        syntax: Syntax::Bytes { least: 0, most: MOST_RESERVED, step: ARENA_BYTES as u64 },
        default: 0,
        accepted: "bytes up to 512G, also with K, M or G",
        meaning: "explicit huge pages of 2 MiB to take at the start, rounded down to a multiple of 4M",
    },
    Row {
        id: Id::Reserve1g,
        name: "reserve_1g",
        variable: c"STRATA_RESERVE_1G",
        syntax: Syntax::Bytes { least: 0, most: MOST_RESERVED, step: HugetlbPage::OneGiB.bytes() as u64 },
        default: 0,
        accepted: "bytes up to 512G, also with K, M or G",
        meaning: "explicit huge pages of 1 GiB to take at the start, rounded down to whole ones",
    },
    Row {
        id: Id::PurgeThread,
        name: "purge_thread",
        variable: c"STRATA_PURGE_THREAD",
        syntax: Syntax::Switch,
        default: 1,
        accepted: "1 or 0",
        meaning: "whether a thread may give memory back when no other thread calls",
    },
    Row {
        id: Id::Stats,
        name: "stats",
        variable: c"STRATA_STATS",
        syntax: Syntax::Switch,
        default: 0,
        accepted: "1 or 0",
        meaning: "print statistics on standard error when the program ends",
    },
    Row {
        id: Id::ShowOptions,
        name: "show_options",
        variable: c"STRATA_SHOW_OPTIONS",
        syntax: Syntax::Switch,
        default: 0,
        accepted: "1 or 0",
        meaning: "print all options on standard error when the program starts",
    },
];

/// The option with this name.
pub(crate) fn named(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;
    use strata_core::sync::Ordering::Relaxed;
    use strata_segment::PageHeap;

    #[test]
    fn every_option_is_at_its_place() {
        assert!(TABLE.iter().enumerate().all(|(index, row)| row.id as usize == index));
    }

    #[test]
    fn a_variable_is_the_name_in_upper_case() {
        for row in &TABLE {
            assert_eq!(row.variable.to_str(), Ok(&*format!("STRATA_{}", row.name.to_uppercase())));
            assert_eq!(named(row.name).map(|row| row.id), Some(row.id));
        }
        assert!(named("purge_").is_none());
    }

    #[test]
    fn every_default_is_accepted_as_it_is_written() {
        for row in &TABLE {
            let written = format!("{}", row.syntax.written(row.default));
            assert_eq!(row.syntax.parse(written.as_bytes()), Some(row.default), "{}", row.name);
        }
    }

    #[test]
    fn a_page_heap_that_was_not_tuned_has_the_defaults() {
        static FRESH: PageHeap = PageHeap::new();
        let default = |id: Id| TABLE[id as usize].default;
        let tuning = &FRESH.tuning;
        assert_eq!(tuning.purge_delay_ms.load(Relaxed), default(Id::PurgeDelay));
        assert_eq!(tuning.purge.load(Relaxed), default(Id::Purge));
        assert_eq!(tuning.segment_arenas.load(Relaxed) * ARENA_BYTES as u64, default(Id::SegmentSize));
        assert_eq!(tuning.huge_keep_bytes.load(Relaxed), default(Id::HugeLimit));
        assert_eq!(tuning.huge_pages.load(Relaxed), default(Id::HugePages));
        assert_eq!(tuning.purge_thread.load(Relaxed), default(Id::PurgeThread));
    }

    /// The cells of a table's line, without the white space that aligns them.
    fn cells(line: &str) -> String {
        line.split('|').map(str::trim).collect::<std::vec::Vec<_>>().join("|")
    }

    /// Asserts that a page has a line for each option and for nothing else.
    fn assert_has_all(page: &str, line: impl Fn(&Row, &str) -> String) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let text = std::fs::read_to_string(path).expect(page);
        let lines: std::vec::Vec<String> = text.lines().map(cells).collect();
        for row in &TABLE {
            let variable = row.variable.to_str().unwrap();
            let default = row.syntax.written(row.default);
            let expected = line(row, &format!("|`{}`|`{variable}`|`{default}`|", row.name));
            assert!(lines.contains(&expected), "{page} lacks this line:\n{expected}");
        }
        let described = lines.iter().filter(|line| line.contains("|`STRATA_")).count();
        assert_eq!(described, OPTION_COUNT, "{page} has an option that is none");
    }

    #[test]
    fn the_pages_have_every_option_as_it_is_here() {
        assert_has_all("../../docs/options.md", |row, start| {
            format!("{start}{}|{}|", row.accepted, row.meaning)
        });
        assert_has_all("README.md", |row, start| format!("{start}{}|", row.meaning));
    }
}
