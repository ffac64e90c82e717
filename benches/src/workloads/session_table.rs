//! `session_table`: sessions end and begin at random in a table that two threads hand to and fro.
//!
//! ```text
//!   thread 1 ── works on a table ──► hands it over ──► thread 2 works on it …
//!            ◄── and gets the one that thread 2 worked on
//! ```
//!
//! So most sessions are freed by another thread than the one that allocated them, one here and one there. One thread alone works
//! on both tables in turn.

use std::mem;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Job, Kind, Outcome, Settings, Threads, Workload, together};
use crate::data::Dice;

pub(super) const WORKLOAD: Workload = Workload {
    name: "session_table",
    stands_for: "pairs of threads that hand tables of sessions to and fro, sessions end and begin at random",
    kind: Kind::Scaling,
    threads: Threads::Many,
    prepare,
};

/// Sessions that end, by each thread.
const REPLACED: usize = 24_000_000;
const SESSIONS: usize = 4_000;
/// Sessions that end before the table moves on.
const TURN: usize = 4_000;

/// 64 bytes.
struct Session {
    user: u64,
    requests: u64,
    address: [u8; 16],
    token: [u8; 32],
}

type Table = Vec<Box<Session>>;

impl Session {
    fn begin(user: u64) -> Box<Self> {
        Box::new(Self { user, requests: 0, address: [user as u8; 16], token: [!user as u8; 32] })
    }

    fn end(&self) -> u64 {
        self.user ^ self.requests ^ u64::from(self.address[3]) ^ u64::from(self.token[5])
    }
}

fn prepare(settings: &Settings) -> Job {
    let (threads, turns) = (settings.threads, settings.count(REPLACED).div_ceil(TURN));
    Box::new(move || work(threads, turns))
}

fn work(threads: usize, turns: usize) -> Outcome {
    // Without a partner a thread hands its tables to itself.
    let partner = |thread: usize| Some(thread ^ 1).filter(|other| *other < threads).unwrap_or(thread);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| bounded::<Table>(1)).unzip();
    let (sums, wall) = together::run(threads, |own| {
        take_turns(Dice::new(own as u64), turns, &senders[partner(own)], &receivers[own])
    });
    let sum = sums.iter().fold(0_u64, |sum, part| sum.wrapping_add(*part));
    Outcome { wall: Some(wall), ..Outcome::new(sum, threads * turns * TURN) }
}

fn take_turns(mut dice: Dice, turns: usize, partner: &Sender<Table>, inbox: &Receiver<Table>) -> u64 {
    let mut table: Table = (0..SESSIONS).map(|_| begin(&mut dice)).collect();
    let mut sum = 0_u64;
    for _ in 0..turns {
        sum = sum.wrapping_add(take_turn(&mut table, &mut dice));
        partner.send(table).expect("the partner stays as long");
        table = inbox.recv().expect("the partner sends as often");
    }
    sum
}

fn take_turn(table: &mut [Box<Session>], dice: &mut Dice) -> u64 {
    let mut sum = 0_u64;
    for _ in 0..TURN {
        let session = begin(dice);
        let slot = &mut table[dice.roll(SESSIONS)];
        slot.requests += 1;
        let ended = mem::replace(slot, session);
        sum = sum.wrapping_add(ended.end());
    }
    sum
}

fn begin(dice: &mut Dice) -> Box<Session> {
    Session::begin(dice.roll(1 << 20) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_back_whatever_the_number_of_threads() {
        for threads in [1, 2, 3, 4] {
            let [first, second] = [(), ()].map(|()| work(threads, 5));
            assert_eq!(first.checksum, second.checksum, "{threads} threads");
            assert_eq!(first.operations, (threads * 5 * TURN) as u64);
        }
    }

    #[test]
    fn a_session_is_a_line_of_the_cache() {
        assert_eq!(size_of::<Session>(), 64);
    }
}
