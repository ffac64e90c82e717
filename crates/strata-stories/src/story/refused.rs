//! A program that asks for memory until there is none, and lives on.

use crate::Form;

const BYTES: usize = 48 << 20;

pub(super) fn play(_: Form) {
    let mut tables: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut table = Vec::new();
        if tables.len() > 10_000 || table.try_reserve_exact(BYTES).is_err() {
            break;
        }
        tables.push(table);
    }
    crate::ready();
}
