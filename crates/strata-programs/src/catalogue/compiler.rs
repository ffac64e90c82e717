//! g++ on templates: many small tree nodes that live until the end, and a driver that starts the compiler as its child.

use super::{Program, Rounds};

pub(super) const COMPILER: Program = Program {
    name: "g++",
    work: "compiles templates at -O1",
    packages: &[&["g++"]],
    rounds: Rounds::All,
    prepare: |place| place.put("templates.cpp", include_str!("../../inputs/templates.cpp")),
    run: |run| {
        let source = run.place.input("templates.cpp");
        run.once([
            "g++".as_ref(),
            "-std=c++17".as_ref(),
            "-O1".as_ref(),
            "-S".as_ref(),
            "-o".as_ref(),
            "-".as_ref(),
            source.as_os_str(),
        ])
    },
};
