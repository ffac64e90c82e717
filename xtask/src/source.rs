//! Rust text split into what the compiler reads, what it quotes and what it skips.
//!
//! The house rules ask three different questions of a file: what does the code say, what do its comments promise, which
//! names stand in its strings. Each question gets a view of the same length and the same lines, in which everything else
//! is blank, so that a hit's line number is the file's.
//!
//! Does not know: the rules; Rust's grammar beyond comments, strings and characters.

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
        let parts = if path.ends_with(".rs") { split(text.as_bytes()) } else { vec![Part::Code; text.len()] };
        Self { path, text, parts }
    }

    /// Whether the file is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
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

    fn view(&self, keep: impl Fn(Part) -> bool) -> String {
        let bytes = self.text.bytes().zip(&self.parts);
        let kept = bytes.map(|(byte, &part)| if byte == b'\n' || keep(part) { byte } else { b' ' });
        // A part never begins inside a character, so what is left is whole characters.
        String::from_utf8(kept.collect()).unwrap_or_default()
    }
}

/// The number of the line that holds the byte at `offset`, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count()
}

fn split(bytes: &[u8]) -> Vec<Part> {
    let mut parts = Vec::with_capacity(bytes.len());
    while parts.len() < bytes.len() {
        let at = parts.len();
        let (part, len) = token(bytes, at);
        parts.resize(bytes.len().min(at + len), part);
    }
    parts
}

/// What starts at `at`, and how long it is.
fn token(bytes: &[u8], at: usize) -> (Part, usize) {
    let rest = &bytes[at..];
    let follows_a_name = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => (Part::Comment, rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => (Part::Comment, block_comment(rest)),
        [b'"', ..] => (Part::Quoted, quoted(rest, 0)),
        [b'r', b'"' | b'#', ..] if !follows_a_name => {
            raw_string(rest).map_or((Part::Code, 1), |len| (Part::Quoted, len))
        }
        [b'b', b'r', ..] if !follows_a_name => {
            raw_string(&rest[1..]).map_or((Part::Code, 1), |len| (Part::Quoted, len + 1))
        }
        [b'\'', ..] => character(rest).map_or((Part::Code, 1), |len| (Part::Quoted, len)),
        _ => (Part::Code, 1),
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// A string whose opening quote is at `open`.
fn quoted(rest: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// `r"…"` or `r#"…"#`; a raw identifier is none.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let body = 2 + hashes;
    let len = rest[body..].windows(close.len()).position(|window| window == close);
    Some(len.map_or(rest.len(), |len| body + len + close.len()))
}

/// A character literal; a lifetime is none.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return rest.iter().skip(3).position(|&b| b == b'\'').map(|len| len + 4);
    }
    let width = std::str::from_utf8(&rest[1..rest.len().min(5)])
        .or_else(|error| std::str::from_utf8(&rest[1..=error.valid_up_to()]))
        .ok()?
        .chars()
        .next()?
        .len_utf8();
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new("a.rs", text).code().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_strings_leave_the_code() {
        assert_eq!(code("let a = \"x // y\"; // z\nb();"), "let a = ; b();");
        assert_eq!(code("a(); /* b /* c */ d */ e();"), "a(); e();");
        assert_eq!(code("f(r#\"a \" b\"#, br\"c\", b\"d\"); g();"), "f( , , b ); g();");
    }

    #[test]
    fn a_lifetime_is_no_character() {
        assert_eq!(code("fn f<'a>(x: &'a str) -> char { '\"' }"), "fn f<'a>(x: &'a str) -> char { }");
        assert_eq!(code(r"m('\'', '→', '\u{7f}', b'x'); n();"), "m( , , , b ); n();");
    }

    #[test]
    fn views_keep_their_lines() {
        let source = Source::new("a.rs", "// one\n\"two\n three\"\nfour // five\n");
        assert_eq!(source.code().lines().count(), 4);
        assert_eq!(source.comments().lines().nth(3).map(str::trim), Some("// five"));
        assert!(source.code_and_strings().contains("three") && !source.code_and_strings().contains("five"));
        assert!(source.code_and_comments().contains("five") && !source.code_and_comments().contains("two"));
    }

    #[test]
    fn a_line_number_counts_from_one() {
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
