//! Lua: every table, string and closure is an allocation of its own.

use super::{Program, Rounds};

pub(super) const LUA: Program = Program {
    name: "lua",
    work: "binary trees, string tables and closures",
    packages: &[&["lua5.4"]],
    rounds: Rounds::All,
    prepare: |place| place.put("heavy.lua", include_str!("../../inputs/heavy.lua")),
    run: |run| run.once(["lua5.4".into(), run.place.input("heavy.lua")]),
};
