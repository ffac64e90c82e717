//! The columns, rows and sums of the printed numbers.

use super::super::class::ClassIndex;
use super::super::parameters::{Classic, Current, Parameters};
use super::super::testing::heap;
use super::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

fn report_after<P: Parameters>(requests: &[usize]) -> String {
    let mut heap = heap::<P>();
    for &request in requests {
        heap.allocate(ClassIndex::of::<P>(request).unwrap()).unwrap();
    }
    heap.stats(0).to_string()
}

#[test]
fn numbers_have_commas_and_a_width() {
    let numbers = [0, 7, 999, 1000, 12_345, 1_048_576, 1_000_000];
    let texts: Vec<_> = numbers.iter().map(|&n| format!("{:>9}", Thousands(n))).collect();
    let expected =
        ["        0", "        7", "      999", "    1,000", "   12,345", "1,048,576", "1,000,000"];
    assert_eq!(texts, expected);
}

#[test]
fn every_number_line_has_the_columns_of_the_original() {
    let report = report_after::<Current>(&[16, 500]);
    let lines: Vec<_> = report.lines().filter(|line| line.contains('=')).collect();
    assert_eq!(lines.len(), 5 + 7 + 6);
    assert!(lines.iter().all(|line| line.find('=') == Some(35) && line.len() == 35 + 1 + 21), "{report}");
}

#[test]
fn only_classes_with_pools_get_a_row() {
    let report = report_after::<Classic>(&[24, 24, 512]);
    let rows: Vec<_> = report.lines().skip(4).take_while(|line| !line.is_empty()).collect();
    let expected = [
        "    2     24           1               2           166",
        "   63    512           1               1             6",
    ];
    assert_eq!(rows, expected, "{report}");
}

#[test]
fn the_classic_set_has_no_tree_to_report() {
    assert!(!report_after::<Classic>(&[8]).contains("radix"));
    assert!(report_after::<Current>(&[8]).contains("# arena map mid nodes"));
}

#[test]
fn the_totals_are_the_arenas() {
    let report = report_after::<Classic>(&[8]);
    let numbers: Vec<_> =
        report.lines().filter_map(|line| line.split_once('=')).map(|(_, number)| number.trim()).collect();
    assert_eq!(numbers[4], "262,144");
    assert_eq!(numbers.last(), Some(&"262,144"));
}
