//! Words that say "not finished", and the one kind of static that nothing guards.

use super::{Finding, OUR_RUST};
use crate::source::{Source, line_of};
use crate::table::pattern;
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust_below(OUR_RUST).flat_map(|file| unfinished(file).into_iter().chain(unguarded(file))).collect()
}

fn unfinished(file: &Source) -> Vec<Finding> {
    let text = file.code_and_comments();
    let words = pattern(r"\b(?:todo|unimplemented|dbg)!|\b(?:FIXME|TODO)\b");
    let hits = words.find_iter(&text).map(|hit| (hit.start(), hit.as_str()));
    hits.map(|(at, word)| {
        let message = format!("`{word}`: finish it, or open an issue and say in the comment why it can wait");
        Finding::new(&file.path, line_of(&text, at), message)
    })
    .collect()
}

fn unguarded(file: &Source) -> Vec<Finding> {
    let code = file.code();
    let hits = pattern(r"\bstatic\s+mut\b")
        .find_iter(&code)
        .map(|hit| line_of(&code, hit.start()))
        .collect::<Vec<_>>();
    let message = "`static mut` has no owner: use a facade atomic, or an `UnsafeCell` in a type that says who may touch it";
    hits.into_iter().map(|line| Finding::new(&file.path, line, message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Tree::of(&[("crates/a/src/a.rs", text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_word_is_found_in_code_and_comments() {
        assert_eq!(
            lines("//! A.\n// TODO: b\nfn c() { todo!() }\ndbg!(1); /* FIXME */\nunimplemented!()"),
            [2, 3, 4, 4, 5]
        );
        assert_eq!(lines("static  mut A: u8 = 0;"), [1]);
    }

    #[test]
    fn a_string_and_a_longer_word_pass() {
        assert!(
            lines("let a = \"TODO static mut\"; let todos = 1; static MUTABLE: u8 = 0; &'static mut_;")
                .is_empty()
        );
    }
}
