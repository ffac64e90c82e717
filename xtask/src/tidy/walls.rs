//! The rooms of the segment layer know what the table in `docs/architecture.md` lets them know, and the page heap has one face.
//!
//! A room is a folder or a file of the crate; its files may name `crate::` paths of their own room and of those in its row. Tests
//! build a whole page heap, so they are free. A file of no row is one that holds the crate together.

use super::Finding;
use crate::source::{Source, line_of};
use crate::table::{Row, marked, pattern};
use crate::workspace::Tree;

const PAGE: &str = "docs/architecture.md";
const CRATE: &str = "crates/strata-segment/src/";

/// Where methods of the page heap may stand: its face, and what only models ask for.
const FACE: &[&str] = &["page_heap/", "model.rs"];

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
    let files = tree.rust_below(&[CRATE]).filter(|file| !file.path.ends_with("_tests.rs"));
    files.flat_map(|file| breaches(file, &rooms).into_iter().chain(second_face(file))).collect()
}

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

fn breaches(file: &Source, rooms: &[Room]) -> Vec<Finding> {
    // Of two that have it, the inner one counts.
    let Some(room) = rooms.iter().filter(|room| room.has(file)).max_by_key(|room| room.name.len()) else {
        return Vec::new();
    };
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

fn second_face(file: &Source) -> Vec<Finding> {
    if FACE.iter().any(|face| file.path[CRATE.len()..].starts_with(face)) {
        return Vec::new();
    }
    let code = untested(file);
    let methods = pattern(r"\bimpl\b[^{;]*\bPageHeap\s*\{");
    let message = "methods of the page heap stand in page_heap/ only: give the room's struct what it needs";
    methods
        .find_iter(&code)
        .map(|hit| Finding::new(&file.path, line_of(&code, hit.start()), message))
        .collect()
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
    fn the_page_heap_has_one_face_and_tests_are_free() {
        assert_eq!(messages("a/x.rs", "impl PageHeap {}\nimpl Above for PageHeap {}").len(), 2);
        assert!(
            messages("a/x.rs", "#[cfg(all(test, not(x)))]\nmod t { use crate::page_heap::PageHeap; }")
                .is_empty()
        );
        assert!(messages("a/x_tests.rs", "use crate::page_heap::PageHeap;").is_empty());
        assert!(messages("model.rs", "impl PageHeap {}").is_empty());
    }

    #[test]
    fn a_page_without_table_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
