//! The rooms of the segment layer know what the table in `docs/architecture.md` lets them know, and the page heap has one face.
//!
//! A room is a folder or a file of the crate; its files may name `crate::` paths of their own room and of those in its row, and have no
//! methods for a type of another room. Tests build a whole page heap, so they are free. A file of no row is one that holds the crate
//! together.

use std::collections::BTreeMap;

use super::Finding;
use crate::source::{Source, line_of};
use crate::table::{Row, marked, pattern};
use crate::workspace::Tree;

const PAGE: &str = "docs/architecture.md";
const CRATE: &str = "crates/strata-segment/src/";

/// The one name of the operating system's layer that the policy may use: numbers.
const POLICY: &str = "purge::policy";
const NUMBERS: &str = "strata_os::machine::MemoryBudget";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(rows) = tree.get(PAGE).and_then(|page| marked(page, "walls")) else {
        return vec![Finding::new(
            PAGE,
            1,
            "has no table marked `tidy:walls`: say there which room may know which",
        )];
    };
    let rooms: Vec<Room> = rows.iter().flat_map(Room::of).collect();
    let files: Vec<_> = tree.rust_below(&[CRATE]).filter(|file| !file.path.ends_with("_tests.rs")).collect();
    let homes = files.iter().flat_map(|file| types(file, &rooms)).collect();
    files
        .iter()
        .flat_map(|file| breaches(file, &rooms).into_iter().chain(methods_elsewhere(file, &rooms, &homes)))
        .collect()
}

/// Types by name, with the room that declares each.
type Homes<'a> = BTreeMap<String, &'a str>;

/// A room, and the rooms that it may know.
struct Room {
    name: String,
    knows: Vec<String>,
    is_free: bool,
}

impl Room {
    fn of(row: &Row) -> Vec<Self> {
        let is_free = row.cells.get(1).is_some_and(|cell| cell == "any");
        row.names(0).into_iter().map(|name| Self { name, knows: row.names(1), is_free }).collect()
    }

    fn has(&self, file: &Source) -> bool {
        let inside = &file.path[CRATE.len()..];
        let folder = self.name.replace("::", "/");
        inside.strip_prefix(&folder).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    fn may_name(&self, path: &str) -> bool {
        self.is_free || core::iter::once(&self.name).chain(&self.knows).any(|room| is_below(path, room))
    }
}

fn is_below(path: &str, room: &str) -> bool {
    path.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The room of a file: of two that have it, the inner one.
fn room_of<'a>(file: &Source, rooms: &'a [Room]) -> Option<&'a Room> {
    rooms.iter().filter(|room| room.has(file)).max_by_key(|room| room.name.len())
}

/// The types that a file declares.
fn types<'a>(file: &Source, rooms: &'a [Room]) -> Vec<(String, &'a str)> {
    let Some(room) = room_of(file, rooms) else { return Vec::new() };
    let declared = pattern(r"\b(?:struct|enum|union)\s+(\w+)");
    declared.captures_iter(&untested(file)).map(|hit| (hit[1].to_owned(), room.name.as_str())).collect()
}

fn breaches(file: &Source, rooms: &[Room]) -> Vec<Finding> {
    let Some(room) = room_of(file, rooms) else { return Vec::new() };
    let code = untested(file);
    let names = pattern(r"\bcrate::(\w+(?:::\w+)*)|\b(super::super)::|\b(strata_os(?:::\w+)+)");
    let hits = names.captures_iter(&code).filter_map(|hit| {
        let line = line_of(&code, hit.get(0).map_or(0, |all| all.start()));
        let message = match (hit.get(1), hit.get(2), hit.get(3)) {
            (Some(path), ..) if !room.may_name(path.as_str()) => {
                format!("`{}` may not know `crate::{}`: {PAGE} draws its walls", room.name, path.as_str())
            }
            (_, Some(_), _) => "`super::super` leads past a wall: name the path from the crate".to_owned(),
            (.., Some(path)) if room.name == POLICY && path.as_str() != NUMBERS => {
                format!("`{POLICY}` is numbers only: have the caller ask `{}`, and tell it", path.as_str())
            }
            _ => return None,
        };
        Some(Finding::new(&file.path, line, message))
    });
    hits.collect()
}

fn methods_elsewhere(file: &Source, rooms: &[Room], homes: &Homes<'_>) -> Vec<Finding> {
    let Some(room) = room_of(file, rooms) else { return Vec::new() };
    let code = untested(file);
    let methods = pattern(r"\bimpl\b[^{;]*?\b(\w+)(?:<[^>{]*>)?\s*\{");
    let hits = methods.captures_iter(&code).filter_map(|hit| {
        let home = homes.get(&hit[1]).filter(|home| **home != room.name)?;
        let line = line_of(&code, hit.get(0)?.start());
        let message = format!(
            "methods of `{}` stand in `{home}` only: make this a function of `{}`",
            &hit[1], room.name
        );
        Some(Finding::new(&file.path, line, message))
    });
    hits.collect()
}

/// The code in front of the tests.
fn untested(file: &Source) -> String {
    let code = file.code();
    let end = code.find("#[cfg(all(test").unwrap_or(code.len());
    code[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "<!-- tidy:walls -->\n|room|knows|\n|-|-|\n| `a` | `b` |\n| `purge` | `a`, `purge::policy` |\n\
                         | `purge::policy` | — |\n| `page_heap` | any |\n<!-- tidy:end -->\n";

    fn messages(path: &str, text: &str) -> Vec<String> {
        let path = format!("{CRATE}{path}");
        let found = check(&Tree::of(&[(PAGE, TABLE), (&path, text)]));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_room_names_itself_and_what_its_row_says() {
        assert!(
            messages("a/x.rs", "use crate::a::y; use crate::b::{C, D}; use strata_os::clock;").is_empty()
        );
        assert!(messages("purge/x.rs", "use crate::purge::policy::P; use crate::a::b;").is_empty());
        assert!(messages("page_heap/mod.rs", "use crate::purge::x; impl PageHeap {}").is_empty());
        assert!(messages("lib.rs", "pub use crate::purge::x;").is_empty(), "of no room");
    }

    #[test]
    fn each_way_through_a_wall_is_found() {
        let found = messages("a.rs", "use crate::b::C;\nuse crate::purge::x;\nuse super::super::y;");
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("src/a.rs:2: `a` may not know `crate::purge::x`"));
        assert_eq!(messages("purge/policy/p.rs", "use crate::purge::x;\nuse strata_os::clock;").len(), 2);
        assert_eq!(messages("purge/policy/p.rs", "use strata_os::machine::MemoryBudget;"), [""; 0]);
    }

    #[test]
    fn a_room_whose_name_begins_like_another_is_not_that_one() {
        assert_eq!(messages("a/x.rs", "use crate::bee::C;").len(), 1);
        assert!(messages("ab.rs", "use crate::purge::x;").is_empty());
    }

    #[test]
    fn methods_of_a_type_stand_in_its_room_and_tests_are_free() {
        const HOME: (&str, &str) = (
            "crates/strata-segment/src/page_heap/mod.rs",
            "pub struct PageHeap;\npub(crate) struct Room<'a>(&'a u8);",
        );
        let messages = |path: &str, text: &str| {
            let path = format!("{CRATE}{path}");
            check(&Tree::of(&[(PAGE, TABLE), HOME, (&path, text)])).len()
        };
        assert_eq!(
            messages("a/x.rs", "impl PageHeap {}\nimpl Above for PageHeap {}\nimpl<'a> Room<'a> {}"),
            3
        );
        assert_eq!(messages("a/x.rs", "struct Own;\nimpl Own {}\nimpl Elsewhere {}"), 0);
        assert_eq!(messages("page_heap/pools.rs", "impl PageHeap {}"), 0);
        assert_eq!(
            messages(
                "a/x.rs",
                "#[cfg(all(test, not(x)))]\nmod t { use crate::page_heap::PageHeap; impl PageHeap {} }"
            ),
            0
        );
        assert_eq!(messages("a/x_tests.rs", "use crate::page_heap::PageHeap;"), 0);
        assert_eq!(messages("model.rs", "impl PageHeap {}"), 0, "of no room");
    }

    #[test]
    fn a_page_without_table_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
