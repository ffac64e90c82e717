//! The rooms of the segment layer know what the table in `docs/architecture.md` lets them know, and the page heap has one face.
//!
//! A room is a folder or a file of the crate; its files may name `crate::` paths of their own room and of those in its row, and have no
//! methods for a type of another room. Tests build a whole page heap, so they are free. A file of no row is one that holds the crate
//! together.

use std::collections::BTreeMap;

use super::Finding;
use crate::source::Source;
use crate::table::{Row, marked};
use crate::workspace::Tree;

const PAGE: &str = "docs/architecture.md";
const CRATE: &str = "crates/strata-segment/src/";

/// The one name of the operating system's layer that the policy may use: numbers.
const POLICY: &str = "purge::policy";
const NUMBERS: &str = "strata_os::machine::MemoryBudget";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rooms: Vec<Room> = match marked(tree, PAGE, "walls", "which room may know which") {
        Ok(rows) => rows.iter().flat_map(Room::of).collect(),
        Err(missing) => return vec![missing],
    };
    let files = tree.rust_below(&[CRATE]).filter(|file| !file.path.ends_with("_tests.rs"));
    let files: Vec<_> = files.filter_map(|file| Some((file, room_of(file, &rooms)?))).collect();
    let homes = files.iter().flat_map(|(file, room)| types(file, room)).collect();
    let breaches = files
        .iter()
        .flat_map(|(file, room)| [breaches(file, room), methods_elsewhere(file, room, &homes)].concat());
    breaches.collect()
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
fn types<'a>(file: &Source, room: &'a Room) -> Vec<(String, &'a str)> {
    let declared = file.find(untested, r"\b(?:struct|enum|union)\s+(\w+)");
    declared.into_iter().map(|hit| (hit.groups[1].to_owned(), room.name.as_str())).collect()
}

fn breaches(file: &Source, room: &Room) -> Vec<Finding> {
    let names = file.find(untested, r"\bcrate::(\w+(?:::\w+)*)|\b(super::super)::|\b(strata_os(?:::\w+)+)");
    let findings = names.into_iter().filter_map(|hit| {
        let [_, path, up, os] = &hit.groups[..] else { return None };
        let message = if !path.is_empty() && !room.may_name(path) {
            format!("`{}` may not know `crate::{path}`: {PAGE} draws its walls", room.name)
        } else if !up.is_empty() {
            "`super::super` leads past a wall: name the path from the crate".to_owned()
        } else if !os.is_empty() && room.name == POLICY && os != NUMBERS {
            format!("`{POLICY}` is numbers only: have the caller ask `{os}`, and tell it")
        } else {
            return None;
        };
        Some(file.finding(hit.line, message))
    });
    findings.collect()
}

fn methods_elsewhere(file: &Source, room: &Room, homes: &Homes<'_>) -> Vec<Finding> {
    let methods = file.find(untested, r"\bimpl\b[^{;]*?\b(\w+)(?:<[^>{]*>)?\s*\{");
    let findings = methods.into_iter().filter_map(|hit| {
        let (name, here) = (&hit.groups[1], &room.name);
        let home = homes.get(name).filter(|home| **home != here.as_str())?;
        let message = format!("methods of `{name}` stand in `{home}` only: make this a function of `{here}`");
        Some(file.finding(hit.line, message))
    });
    findings.collect()
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
        for (path, text) in [
            ("a/x.rs", "use crate::a::y; use crate::b::{C, D}; use strata_os::clock;"),
            ("purge/x.rs", "use crate::purge::policy::P; use crate::a::b;"),
            ("purge/policy/p.rs", "use strata_os::machine::MemoryBudget;"),
            ("page_heap/mod.rs", "use crate::purge::x; impl PageHeap {}"),
            ("lib.rs", "pub use crate::purge::x; // of no room"),
            ("ab.rs", "use crate::purge::x; // of no room, whose name begins like one"),
        ] {
            assert_eq!(messages(path, text), [""; 0], "{path}");
        }
    }

    #[test]
    fn each_way_through_a_wall_is_found() {
        let found = messages("a.rs", "use crate::b::C;\nuse crate::purge::x;\nuse super::super::y;");
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("src/a.rs:2: `a` may not know `crate::purge::x`"));
        assert_eq!(messages("purge/policy/p.rs", "use crate::purge::x;\nuse strata_os::clock;").len(), 2);
        assert_eq!(
            messages("a/x.rs", "use crate::bee::C;").len(),
            1,
            "only begins like a room that it may name"
        );
    }

    #[test]
    fn methods_of_a_type_stand_in_its_room_and_tests_are_free() {
        let home = format!("{CRATE}page_heap/mod.rs");
        let types = "pub struct PageHeap;\npub(crate) struct Room<'a>(&'a u8);";
        let methods = "impl PageHeap {}\nimpl Above for PageHeap {}\nimpl<'a> Room<'a> {}";
        let test = format!("#[cfg(all(test, not(x)))]\nmod t {{ {methods} }}");
        for (count, path, text) in [
            (3, "a/x.rs", methods),
            (0, "a/x.rs", "struct Own;\nimpl Own {}\nimpl Elsewhere {}"),
            (0, "page_heap/pools.rs", methods),
            (0, "a/x.rs", &*test),
            (0, "a/x_tests.rs", methods),
            (0, "model.rs", methods),
        ] {
            let found = check(&Tree::of(&[(PAGE, TABLE), (&home, types), (&format!("{CRATE}{path}"), text)]));
            assert_eq!(found.len(), count, "{path}: {found:?}");
        }
    }
}
