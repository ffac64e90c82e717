//! Perl: hashes of strings that grow, sorting, substitution.

use super::{Program, Rounds};

pub(super) const PERL: Program = Program {
    name: "perl",
    work: "word counts, nested data and substitutions",
    packages: &[&["perl"]],
    rounds: Rounds::All,
    prepare: |place| place.put("heavy.pl", include_str!("../../inputs/heavy.pl")),
    run: |run| run.once(["perl".into(), run.place.input("heavy.pl")]),
};
