//! Rust text split into what the compiler reads, what it quotes and what it skips.
//!
//! The house rules ask three different questions of a file: what does the code say, what do its comments promise, which
//! names stand in its strings. Each question gets a view of the same length and the same lines, in which everything else
//! is blank, so that a hit's line number is the file's.
//!
//! Does not know: the rules; Rust's grammar, of which it has the compiler's own lexer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};
use regex::{Captures, Regex};

use crate::tidy::Finding;

/// What a byte of Rust source belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Code,
    Quoted,
    Comment,
}

/// One text file of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Relative to the workspace, with `/` between the parts.
    pub(crate) path: String,
    /// As it stands in the file.
    pub(crate) text: String,
    parts: Vec<Part>,
}

impl Source {
    /// A file's text under its path; only Rust is split into parts.
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let parts = if path.ends_with(".rs") { split(&text) } else { vec![Part::Code; text.len()] };
        Self { path, text, parts }
    }

    /// Whether the file is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// What is wrong in a line of it.
    pub(crate) fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding::new(&self.path, line, message)
    }

    /// The code, with comments blank.
    pub(crate) fn code_and_strings(&self) -> String {
        self.view(|part| part != Part::Comment)
    }

    /// The code, with comments and the contents of strings blank.
    pub(crate) fn code(&self) -> String {
        self.view(|part| part == Part::Code)
    }

    /// The code and the comments, with the contents of strings blank.
    pub(crate) fn code_and_comments(&self) -> String {
        self.view(|part| part != Part::Quoted)
    }

    /// The comments alone.
    pub(crate) fn comments(&self) -> String {
        self.view(|part| part == Part::Comment)
    }

    /// Matches of a pattern in one view of the file, in their order.
    pub(crate) fn find(&self, view: impl Fn(&Self) -> String, text: &'static str) -> Vec<Hit> {
        let seen = view(self);
        let hit = |captures: Captures<'_>| {
            let first = captures.iter().skip(1).flatten().next().unwrap_or(captures.get_match());
            let groups = captures
                .iter()
                .map(|group| group.map_or(String::new(), |it| it.as_str().to_owned()))
                .collect();
            Hit { line: line_of(&seen, first.start()), groups }
        };
        pattern(text).captures_iter(&seen).map(hit).collect()
    }

    fn view(&self, keep: impl Fn(Part) -> bool) -> String {
        let bytes = self.text.bytes().zip(&self.parts);
        let kept = bytes.map(|(byte, &part)| if byte == b'\n' || keep(part) { byte } else { b' ' });
        // A part never begins inside a character, so what is left is whole characters.
        String::from_utf8(kept.collect()).unwrap_or_default()
    }
}

/// A match of a pattern.
pub(crate) struct Hit {
    /// Where its first group begins, or the whole if it has none; from 1.
    pub(crate) line: usize,
    /// What each group matched, the whole first; nothing where it has no part.
    pub(crate) groups: Vec<String>,
}

/// The number of the line that holds the byte at `offset`, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count()
}

/// A pattern of this program, compiled once; a wrong one is our own mistake.
pub(crate) fn pattern(text: &'static str) -> Regex {
    static COMPILED: Mutex<BTreeMap<&str, Regex>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compile = || Regex::new(text).unwrap_or_else(|error| panic!("xtask's own pattern: {error}"));
    compiled.entry(text).or_insert_with(compile).clone()
}

/// The part of each byte.
fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(text.len());
    for token in tokenize(text, FrontmatterAllowed::No) {
        let part = match token.kind {
            TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => Part::Comment,
            TokenKind::Literal { kind: LiteralKind::Int { .. } | LiteralKind::Float { .. }, .. } => {
                Part::Code
            }
            TokenKind::Literal { .. } => Part::Quoted,
            _ => Part::Code,
        };
        parts.resize(parts.len() + token.len as usize, part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_keep_their_lines_and_what_they_are_asked_for() {
        let source = Source::new("a.rs", "// one\nr#\"two\" // a\n three\"#\n&'a four // five\n");
        assert_eq!(source.code().lines().collect::<Vec<_>>()[3].trim(), "&'a four");
        assert_eq!(source.comments().lines().nth(3).map(str::trim), Some("// five"));
        assert!(source.code_and_strings().contains("three") && !source.code_and_strings().contains("five"));
        assert!(source.code_and_comments().contains("five") && !source.code_and_comments().contains("two"));
        let hits = source.find(Source::code, r"\b(?:f(ou)r|xyz)\b");
        assert_eq!((hits.len(), hits[0].line, &*hits[0].groups), (1, 4, &["four".into(), "ou".into()][..]));
    }
}
