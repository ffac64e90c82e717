//! Labels as a file or the recorder's table has them: each with the one that it is within.
//!
//! Does not know: which thread has which.

use std::collections::HashMap;

/// Labels within each other at most: more is a damaged file.
const DEEPEST: usize = 64;

/// Labels by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    all: HashMap<u32, Label>,
}

#[derive(Debug)]
struct Label {
    within: u32,
    name: String,
    value: String,
}

impl Labels {
    /// Adds a label; its text is the name, 0, and the value.
    pub(crate) fn add(&mut self, number: u32, within: u32, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let (name, value) = text.split_once('\0').unwrap_or((&text, ""));
        let label = Label { within, name: name.to_owned(), value: value.trim_end_matches('\0').to_owned() };
        self.all.insert(number, label);
    }

    /// The names and values of a label and of all that it is within, in the order of the names; of one name the innermost counts.
    pub(crate) fn of(&self, number: u32) -> Vec<(String, String)> {
        let first = self.all.get(&number);
        let all = std::iter::successors(first, |label| self.all.get(&label.within)).take(DEEPEST);
        let mut found: Vec<(String, String)> = Vec::new();
        for label in all {
            if found.iter().all(|(name, _)| *name != label.name) {
                found.push((label.name.clone(), label.value.clone()));
            }
        }
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn the_innermost_of_a_name_counts_and_a_circle_ends() {
        let mut labels = Labels::default();
        labels.add(1, 0, b"tenant\0a");
        labels.add(2, 1, b"tenant\0b");
        labels.add(3, 2, b"route\0/x\0\0");
        let text = |number| {
            labels.of(number).iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            (text(0).len(), text(1), text(3)),
            (0, vec!["tenant=a".into()], vec!["route=/x".into(), "tenant=b".into()])
        );
        labels.add(4, 5, b"a\0b");
        labels.add(5, 4, b"c\0d");
        assert_eq!(labels.of(4).len(), 2);
    }
}
