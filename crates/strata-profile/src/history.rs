//! What became of all that a stack allocated: how much was freed, how soon, and by whom.
//!
//! Does not know: where names come from.

use crate::text::{labels, line, write_stack};
use crate::{Frame, Names, Profile, Site, Values};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is known of the blocks of some sites, freed ones included.
#[derive(Clone, Debug, Default, PartialEq)]
struct History {
    /// All that was allocated.
    allocated: Values,
    /// Of that, blocks that were freed.
    freed: f64,
    /// Of those, blocks that another thread freed than allocated.
    freed_by_others: f64,
    /// Of the freed ones, blocks that lived below 1 ms, below 2 ms, and so on by powers of two; the last are all others.
    lifetimes: Vec<f64>,
}

impl History {
    fn add(&mut self, site: &Site) {
        let each = site.weight() / site.bytes.max(1) as f64;
        self.allocated = [self.allocated, site.allocated()].into_iter().sum();
        self.freed += each * site.freed as f64;
        self.freed_by_others += each * site.freed_by_others as f64;
        self.lifetimes.resize(self.lifetimes.len().max(site.lifetimes.len()), 0.0);
        for (sum, count) in self.lifetimes.iter_mut().zip(&site.lifetimes) {
            *sum += each * *count as f64;
        }
    }

    /// The milliseconds within which this share of the freed blocks was freed: a power of two. `None`: none was, or it took longer than is told apart.
    fn freed_within(&self, share: f64) -> Option<u64> {
        let all: f64 = self.lifetimes.iter().sum();
        let mut sum = 0.0;
        let power = self.lifetimes.iter().position(|blocks| {
            sum += blocks;
            sum > 0.0 && sum >= share * all * (1.0 - 1e-9)
        })?;
        (power + 1 < self.lifetimes.len()).then_some(1 << power)
    }

    fn lives(&self) -> String {
        if self.freed <= 0.0 {
            return "none freed".to_owned();
        }
        let within = |share, name: &str| match self.freed_within(share) {
            Some(milliseconds) => format!("{name} within {}", duration(milliseconds)),
            None => {
                let longest = self.lifetimes.len().saturating_sub(2) as u32;
                format!("{name} after {} or more", duration(1 << longest))
            }
        };
        let share = 100.0 * self.freed / self.allocated.blocks;
        let others = 100.0 * self.freed_by_others / self.freed;
        format!(
            "{share:.0} % freed, {}, {}, {others:.0} % by another thread",
            within(0.5, "half of them"),
            within(0.99, "99 %")
        )
    }
}

fn duration(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{:.0} s", milliseconds as f64 / 1024.0)
    }
}

impl Profile {
    /// The stacks that allocated most, each with what became of its blocks.
    pub fn top_allocated(&self, count: usize, names: &mut dyn Names) -> String {
        let mut stacks: BTreeMap<(Vec<Frame>, String), History> = BTreeMap::new();
        for site in &self.sites {
            stacks.entry((self.named(site, names), labels(&site.labels))).or_default().add(site);
        }
        let mut stacks: Vec<_> = stacks.into_iter().collect();
        stacks.sort_by(|(_, one), (_, other)| other.allocated.bytes.total_cmp(&one.allocated.bytes));
        let mut text = String::new();
        for (number, ((stack, labels), history)) in stacks.iter().take(count).enumerate() {
            let _ = writeln!(text, "#{}: {}{labels}", number + 1, line(&history.allocated));
            let _ = writeln!(text, "    {}", history.lives());
            write_stack(stack, &mut text);
        }
        let rest: Values = stacks.iter().skip(count).map(|(_, history)| history.allocated).sum();
        if stacks.len() > count {
            let _ = writeln!(text, "{} other: {}", stacks.len() - count, line(&rest));
        }
        let _ = writeln!(text, "allocated: {}", line(&self.allocated()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Addresses;

    fn site(frame: u64, allocated: i64, freed: i64, by_others: i64, lifetimes: Vec<i64>) -> Site {
        Site {
            bytes: 1024,
            mean: 1,
            frames: vec![frame],
            allocated,
            freed,
            freed_by_others: by_others,
            lifetimes,
            ..Site::default()
        }
    }

    #[test]
    fn what_became_of_blocks_is_told_of_those_that_allocated_most() {
        let mut late = vec![0; 16];
        (late[3], late[15]) = (60, 40);
        let mut at_once = vec![0; 16];
        (at_once[0], at_once[5]) = (199, 1);
        let sites =
            vec![site(1, 100, 100, 50, late), site(2, 400, 200, 0, at_once), site(3, 7, 0, 0, vec![0; 16])];
        let text = Profile { sites, ..Profile::default() }.top_allocated(2, &mut Addresses);
        let expected = "#1: 400.0 KiB ± 0 B, 400 blocks
    50 % freed, half of them within 1 ms, 99 % within 1 ms, 0 % by another thread
    0x2
#2: 100.0 KiB ± 0 B, 100 blocks
    100 % freed, half of them within 8 ms, 99 % after 16 s or more, 50 % by another thread
    0x1
1 other: 7.0 KiB ± 0 B, 7 blocks
allocated: 507.0 KiB ± 0 B, 507 blocks
";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_nothing_freed_no_time_is_told() {
        let mut history = History::default();
        history.add(&site(1, 3, 0, 0, vec![0; 16]));
        assert_eq!((history.freed_within(0.5), history.lives()), (None, "none freed".to_owned()));
    }
}
