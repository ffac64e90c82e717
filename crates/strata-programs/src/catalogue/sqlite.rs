//! SQLite: rows, indexes, joins and JSON in a database in memory.

use super::{Program, Rounds};

pub(super) const SQLITE: Program = Program {
    name: "sqlite",
    work: "inserts, indexes, joins and JSON, in memory",
    packages: &[&["sqlite3"]],
    rounds: Rounds::All,
    prepare: |place| place.put("heavy.sql", include_str!("../../inputs/heavy.sql")),
    run: |run| {
        run.once([
            "sqlite3",
            "-batch",
            ":memory:",
            &format!(".read {}", run.place.input("heavy.sql").display()),
        ])
    },
};
