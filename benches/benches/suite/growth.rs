//! `realloc`: vectors and strings that grow and shrink.

use std::hint::black_box;

use super::case::Suite;

const ENDS: [usize; 4] = [256, 16 << 10, 1 << 20, 32 << 20];

pub(crate) fn all(suite: &mut Suite) {
    for end in ENDS {
        suite.case(format!("growth/doubling/{end}"), 1, move || doubling(end));
        suite.case(format!("growth/steps/{end}"), 1, move || steps(end));
        suite.case(format!("growth/shrink/{end}"), 1, move || shrink(end));
    }
}

fn doubling(end: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < end {
        bytes.extend_from_slice(&[7; 64]);
        black_box(&mut bytes);
    }
    bytes
}

/// Grows by a sixteenth of the end each time, as a buffer that is told how much comes next.
fn steps(end: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for length in (1..=16).map(|step| end / 16 * step) {
        bytes.reserve_exact(length - bytes.len());
        bytes.resize(length, 7);
        black_box(&mut bytes);
    }
    bytes
}

fn shrink(end: usize) -> Vec<u8> {
    let mut bytes = vec![7_u8; end];
    while bytes.len() > 16 {
        bytes.truncate(bytes.len() / 2);
        bytes.shrink_to_fit();
        black_box(&mut bytes);
    }
    bytes
}
