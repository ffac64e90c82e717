//! What the purge policy is about to do, in words.
//!
//! Does not know: how it decides.

use strata_inspect::{Bytes, Footprint, Heap, Stats};

use crate::inspect::reading::Reading;

/// Milliseconds beyond which a clock cannot be the one that we read: another time namespace's.
const LONG_MS: i64 = 3_600_000;

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purging {
    /// Milliseconds that memory lies free; `None`: it never goes back by itself.
    pub(crate) delay_ms: Option<u64>,
    /// Milliseconds until the next pass, negative if it is late; `None`: none is due.
    pub(crate) due_in_ms: Option<i64>,
    /// Whether the purge thread runs.
    pub(crate) has_thread: bool,
    /// Passes for which memory stays, since much was wanted again of what went.
    pub(crate) backoff_passes: u64,
    /// Bytes of free pools that go with the next pass.
    pub(crate) going_bytes: u64,
    /// Bytes that lie free and stay for now.
    pub(crate) staying_bytes: u64,
    /// Bytes that freed huge blocks left.
    pub(crate) huge_bytes: u64,
}

impl Purging {
    /// What a process's memory says.
    pub(crate) fn of(heap: &Heap<'_, Reading<'_>>, stats: &Stats, footprint: &Footprint) -> Self {
        Self {
            delay_ms: heap.purge_delay_ms(),
            due_in_ms: heap.purge_due_ms().map(|due| due.cast_signed() - now_ms()),
            has_thread: stats.purge_thread_is_running,
            backoff_passes: heap.backoff_passes(),
            going_bytes: footprint.due,
            staying_bytes: footprint.kept,
            huge_bytes: footprint.huge_kept,
        }
    }

    /// The decision, in a sentence or two.
    pub(crate) fn words(&self) -> String {
        let free = Bytes(self.going_bytes + self.staying_bytes + self.huge_bytes);
        if self.delay_ms.is_none() {
            return format!("Nothing goes back by itself (purge_delay=never); {free} lie free.");
        }
        let Some(due) = self.due_in_ms else {
            return match free {
                Bytes(0) => "No purge pass is due: nothing lies free that could go.".to_owned(),
                free => format!("No purge pass is due, though {free} lie free."),
            };
        };
        if self.backoff_passes > 0 {
            return format!(
                "Backing off for {} passes, unless the program falls silent: what went back was soon wanted again. {} stay.",
                self.backoff_passes,
                Bytes(self.going_bytes + self.staying_bytes)
            );
        }
        format!(
            "{} {} lay idle and go, {} stay for now.{}",
            self.when(due),
            Bytes(self.going_bytes),
            Bytes(self.staying_bytes),
            self.huge()
        )
    }

    fn when(&self, due: i64) -> String {
        let seconds = due as f64 / 1000.0;
        match due {
            _ if due.abs() > LONG_MS => "A purge pass is due:".to_owned(),
            1.. if self.has_thread => format!("The purge thread's next pass is in {seconds:.1} s:"),
            1.. => format!("The next purge pass is in {seconds:.1} s:"),
            _ if self.has_thread => "The purge thread is at its pass:".to_owned(),
            _ => format!("A purge pass is due for {:.1} s, by the next thread that allocates:", -seconds),
        }
    }

    fn huge(&self) -> String {
        match self.huge_bytes {
            0 => String::new(),
            bytes => format!(" Freed huge blocks left {}.", Bytes(bytes)),
        }
    }
}

/// Now, on the clock by which the allocator plans.
fn now_ms() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes into `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_has_its_words() {
        let due = Purging {
            delay_ms: Some(500),
            due_in_ms: Some(200),
            going_bytes: 3 << 20,
            staying_bytes: 1 << 20,
            ..Purging::default()
        };
        for (purging, said) in [
            (Purging::default(), "purge_delay=never"),
            (Purging { due_in_ms: None, ..due.clone() }, "No purge pass is due, though 4.0 MiB lie free."),
            (
                Purging { delay_ms: Some(500), ..Purging::default() },
                "No purge pass is due: nothing lies free",
            ),
            (due.clone(), "next purge pass is in 0.2 s: 3.0 MiB lay idle and go, 1.0 MiB stay"),
            (Purging { has_thread: true, ..due.clone() }, "The purge thread's next pass is in 0.2 s"),
            (Purging { due_in_ms: Some(-1500), ..due.clone() }, "is due for 1.5 s, by the next thread"),
            (Purging { due_in_ms: Some(-LONG_MS * 2), ..due.clone() }, "A purge pass is due: 3.0 MiB"),
            (Purging { backoff_passes: 12, ..due.clone() }, "Backing off for 12 passes"),
            (Purging { huge_bytes: 8 << 20, ..due.clone() }, "Freed huge blocks left 8.0 MiB"),
        ] {
            assert!(purging.words().contains(said), "{}", purging.words());
        }
    }
}
