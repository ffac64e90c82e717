//! The table in `docs/errno.md`: what it says is what a program sees, and it leaves no entry point out.

mod finished;

use finished::{Finished, Way, finish, said};
use std::collections::BTreeSet;
use std::path::Path;

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn rows_of_the_page() -> Vec<String> {
    let page = text("../../docs/errno.md");
    let (_, rest) = page.split_once("<!-- errno:begin -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- errno:end -->").unwrap();
    table.lines().map(str::to_owned).collect()
}

fn expect_as_in_the_page(way: Way) {
    let Some(mut program) = Finished::get().program("c/errno.c", way) else { return };
    let output = finish(&mut program);
    assert!(output.status.success(), "{}\n{}", output.status, said(&output));
    let seen: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(seen, rows_of_the_page());
}

#[test]
fn a_program_that_links_the_library_sees_what_the_page_says() {
    expect_as_in_the_page(Way::Linked);
}

#[test]
fn a_program_with_the_archive_sees_what_the_page_says() {
    expect_as_in_the_page(Way::Archive);
}

#[test]
fn every_entry_point_of_c_has_a_row() {
    let rows = rows_of_the_page();
    let named: BTreeSet<_> = rows.iter().filter_map(|row| row.split('`').nth(1)).collect();
    let library = text("src/lib.rs");
    let files = ["malloc", "realloc", "aligned", "introspect", "trim"];
    let names = files.iter().flat_map(|file| {
        let line = library.lines().find(|line| line.starts_with(&format!("//! | `{file}`"))).unwrap();
        line.split('|').nth(2).unwrap().trim_matches([' ', '`']).split(' ')
    });
    let missing: Vec<_> = names.filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
