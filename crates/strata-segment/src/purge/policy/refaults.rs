//! Tracks refaults: how much of what was given back the program takes again soon after.
//!
//! A program that frees and allocates the same gigabyte again and again has it free for longer than the delay each time. If it were
//! given back, every page would cost a fault. So what was given back is remembered for a while; if the program takes fresh memory at
//! that rate, the passes back off: memory stays for a time while the program is active. The time doubles
//! with each such refault. In a program that falls silent, memory is given back all the same; unless it was taken again soon after
//! each of its last eight silences.
//!
//! It also estimates, without a walk, how much is free at the moment: what a purge thread could give back.
//!
//! The counts are hints (a load and a store each, no exchange): they decide when memory is given back, not which.
//!
//! Does not know: which memory. Decisions 0008, 0015. Idea: demand as the measure of what to keep (tcmalloc's *skip subrelease*).

use crate::counters::Footprint;
use strata_core::sync::Hint;

/// Bytes that have to be refaulted for a back-off.
const REFAULT_BYTES: u64 = 4 << 20;
/// Passes for which memory stays after the first refault: 16 s at the default delay, then twice as many each time.
const FIRST_BACKOFF: u64 = 64;
const LONGEST_BACKOFF: u64 = 64 * FIRST_BACKOFF;

/// With less in use at each of this many passes in a row, the program is shrinking, not pausing.
const FALLS: u64 = 3;
/// A program that pauses takes less than this fraction of the free bytes: one in `LIVELY_PART`.
const LIVELY_PART: u64 = 32;

/// Milliseconds after which memory that is taken is no refault: giving back once in that time costs 3 % of the time even where some
/// gigabytes are faulted in.
const FORGOTTEN_MS: u64 = 16_000;

/// Silences in a row that ended with a refault; from this many on, memory stays through the next silence …
const SILENT_REFAULTS: u64 = 8;
/// … for this many passes: 16 s at the default delay, after which nothing is a refault anyway.
const SILENT_PASSES: u64 = 64;

/// What a pass is to do with memory that was free long enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Advice {
    /// Give it back.
    Purge,
    /// Leave it: it will be used again.
    Keep,
}

/// The counts, in bytes of pools where nothing else is said.
#[derive(Debug)]
pub(super) struct Refaults {
    /// Since the last pass: what was taken, the part of it without memory, and what was freed.
    taken: Hint,
    clean: Hint,
    freed: Hint,
    /// Given back recently; a quarter of it is forgotten at each pass.
    purged: Hint,
    /// Passes for which memory still stays, and the length of the last back-off.
    backoff: Hint,
    last_backoff: Hint,
    /// In use at the last pass, and for how many passes in a row that fell although pools were taken.
    used: Hint,
    falls: Hint,
    /// Free, and in memory: counted as pools are taken and freed, corrected at each pass.
    idle: Hint,
    /// How often a partly used pool was abandoned: each may have free pages.
    partial: Hint,
    /// When memory was given back last, and whether the program was silent: 1 or 0.
    purged_at: Hint,
    was_silent: Hint,
    /// Passes since a pool was last taken or freed.
    silence: Hint,
    silent_refaults: Hint,
}

impl Refaults {
    /// Where the passes are for which memory stays, in bytes from the start: for readers of another process.
    pub(super) const BACKOFF_AT: usize = core::mem::offset_of!(Self, backoff);

    pub(super) const fn new() -> Self {
        Self {
            taken: Hint::new(0),
            clean: Hint::new(0),
            freed: Hint::new(0),
            purged: Hint::new(0),
            backoff: Hint::new(0),
            last_backoff: Hint::new(0),
            used: Hint::new(0),
            falls: Hint::new(0),
            idle: Hint::new(0),
            partial: Hint::new(0),
            purged_at: Hint::new(0),
            was_silent: Hint::new(0),
            silence: Hint::new(0),
            silent_refaults: Hint::new(0),
        }
    }

    /// `bytes` were taken, `clean` of which have to be faulted in.
    pub(super) fn note_taken(&self, bytes: u64, clean: u64) {
        self.taken.add(bytes);
        self.idle.set(self.idle.get().saturating_sub(bytes - clean));
        if clean != 0 {
            self.clean.add(clean);
        }
    }

    /// `bytes` were freed.
    pub(super) fn note_freed(&self, bytes: u64) {
        self.freed.add(bytes);
        self.idle.add(bytes);
    }

    /// A partly used pool was abandoned, or had blocks freed into it.
    pub(super) fn note_partial(&self) {
        self.partial.add(1);
    }

    /// How often that was so.
    pub(super) fn parts(&self) -> u64 {
        self.partial.get()
    }

    /// `parts` of them have been inspected: nothing more is to be had from them.
    pub(super) fn note_parts_gone(&self, parts: u64) {
        self.partial.set(self.partial.get().saturating_sub(parts));
    }

    /// Bytes of free pools that hold memory, estimated.
    pub(super) fn idle_bytes(&self) -> u64 {
        self.idle.get()
    }

    /// `bytes` of free pools went to the system, whatever for.
    pub(super) fn note_gone(&self, bytes: u64) {
        self.idle.set(self.idle.get().saturating_sub(bytes));
    }

    /// `bytes` went by a pass at `now`.
    pub(super) fn note_purge(&self, bytes: u64, now: u64) {
        if bytes != 0 {
            self.purged.add(bytes);
            self.purged_at.set(now);
            self.was_silent.set((self.silence.get() != 0).into());
        }
    }

    /// Whether memory stays for now, since much was refaulted when it was given back.
    pub(super) fn is_backing_off(&self) -> bool {
        self.backoff.get() != 0
    }

    /// What the pass that begins at `now` is to do, given the memory of pools.
    pub(super) fn advice(&self, pools: Footprint, now: u64) -> Advice {
        self.idle.set(pools.idle_bytes);
        self.forget_old(now);
        let (clean, purged) = (self.clean.take(), self.purged.get());
        let (taken, freed) = (self.taken.take(), self.freed.take());
        let active = taken + freed > 0;
        self.silence.set(if active { 0 } else { self.silence.get() + 1 });
        let is_falling = self.is_falling(taken, pools);
        let refaulted = clean.min(purged);
        // What is not taken again within some passes is no refault.
        self.purged.set((purged - refaulted) * 3 / 4);
        if refaulted >= REFAULT_BYTES && refaulted >= purged / 4 {
            return self.back_off();
        }
        let backoff = self.backoff.get();
        self.backoff.set(backoff.saturating_sub(1));
        let stays = if active { backoff != 0 && !is_falling } else { self.sits_silence_out() };
        if stays { Advice::Keep } else { Advice::Purge }
    }

    /// Whether a silence that has begun is expected to end before its memory is worth giving back, as all before.
    fn sits_silence_out(&self) -> bool {
        self.silent_refaults.get() >= SILENT_REFAULTS && self.silence.get() <= SILENT_PASSES
    }

    /// Forgets what was given back long ago: taking it again is no refault.
    fn forget_old(&self, now: u64) {
        if self.purged.get() != 0 && now.saturating_sub(self.purged_at.get()) > FORGOTTEN_MS {
            self.purged.set(0);
            self.silent_refaults.set(0);
        }
    }

    /// Whether the program was active for some passes with ever less in use: it takes pools, and leaves most of the free ones unused.
    fn is_falling(&self, taken: u64, pools: Footprint) -> bool {
        let used = pools.held_bytes.saturating_sub(pools.idle_bytes);
        let goes_on = taken.saturating_mul(LIVELY_PART) >= pools.idle_bytes;
        let falls = if goes_on && used < self.used.get() { self.falls.get() + 1 } else { 0 };
        self.used.set(used);
        self.falls.set(falls);
        falls >= FALLS
    }

    fn back_off(&self) -> Advice {
        let longer = (2 * self.last_backoff.get()).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
        self.backoff.set(longer);
        self.last_backoff.set(longer);
        if self.was_silent.take() != 0 {
            self.silent_refaults.add(1);
        }
        Advice::Keep
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A pass over a program that took and freed this many MiB, all of them without memory.
    fn pass(refaults: &Refaults, taken: u64, freed: u64) -> Advice {
        refaults.note_taken(taken * MIB, taken * MIB);
        refaults.note_freed(freed * MIB);
        refaults.advice(Footprint::default(), 0)
    }

    #[test]
    fn what_is_not_refaulted_goes() {
        let refaults = Refaults::new();
        for _ in 0..10 {
            refaults.note_purge(1000 * MIB, 0);
            assert_eq!(pass(&refaults, 0, 1000), Advice::Purge);
        }
    }

    #[test]
    fn a_program_that_grows_refaults_nothing() {
        let refaults = Refaults::new();
        for _ in 0..10 {
            assert_eq!(pass(&refaults, 1000, 0), Advice::Purge);
        }
        assert_eq!(refaults.backoff.get(), 0);
    }

    #[test]
    fn what_was_refaulted_stays_for_a_while_and_longer_the_next_time() {
        let refaults = Refaults::new();
        let stays = || {
            refaults.note_purge(1000 * MIB, 0);
            assert_eq!(pass(&refaults, 800, 0), Advice::Keep);
            1 + (0..).take_while(|_| pass(&refaults, 1, 1) == Advice::Keep).count() as u64
        };
        assert_eq!(stays(), 1 + FIRST_BACKOFF);
        assert_eq!(stays(), 1 + 2 * FIRST_BACKOFF);
    }

    #[test]
    fn a_silent_program_keeps_nothing() {
        let refaults = Refaults::new();
        refaults.note_purge(1000 * MIB, 0);
        assert_eq!(pass(&refaults, 1000, 0), Advice::Keep);
        assert_eq!(pass(&refaults, 0, 1000), Advice::Keep);
        assert_eq!(pass(&refaults, 0, 0), Advice::Purge);
    }

    /// A pass over a program that refaulted what was given back, takes `taken` MiB, and has `used` MiB in use and `free` ones free.
    fn pass_with(refaults: &Refaults, taken: u64, used: u64, free: u64) -> Advice {
        refaults.note_taken(taken * MIB, 0);
        refaults.advice(Footprint { held_bytes: (used + free) * MIB, idle_bytes: free * MIB }, 0)
    }

    fn refaulted_some() -> Refaults {
        let refaults = Refaults::new();
        refaults.note_purge(1000 * MIB, 0);
        assert_eq!(pass(&refaults, 1000, 0), Advice::Keep);
        refaults
    }

    #[test]
    fn a_load_that_falls_pass_after_pass_keeps_nothing_until_it_rises() {
        let refaults = refaulted_some();
        let advice = [1000, 900, 800, 700, 600, 650].map(|used| pass_with(&refaults, 40, used, 1000 - used));
        let expected = [Advice::Keep, Advice::Keep, Advice::Keep, Advice::Purge, Advice::Purge, Advice::Keep];
        assert_eq!(advice, expected);
    }

    #[test]
    fn a_program_that_only_frees_for_some_passes_may_want_it_all_back() {
        let refaults = refaulted_some();
        for used in [1000, 800, 600, 400, 200] {
            assert_eq!(pass_with(&refaults, 1, used, 1000 - used), Advice::Keep);
        }
    }

    #[test]
    fn memory_taken_long_after_it_was_given_back_is_no_refault() {
        let refaults = Refaults::new();
        refaults.note_purge(1000 * MIB, 0);
        (0..20).for_each(|_| assert_eq!(pass(&refaults, 0, 0), Advice::Purge));
        assert_eq!(pass(&refaults, 1000, 0), Advice::Purge);
    }

    /// A silence in which memory goes, and which ends with the same memory taken again after `pause` milliseconds.
    fn silence(refaults: &Refaults, now: u64, pause: u64) -> Advice {
        assert_ne!(pass(refaults, 1, 1000), Advice::Purge, "it is active, and has refaulted memory before");
        let advice = pass(refaults, 0, 0);
        refaults.note_purge(if advice == Advice::Purge { 1000 * MIB } else { 0 }, now);
        refaults.note_taken(1000 * MIB, 1000 * MIB);
        refaults.advice(Footprint::default(), now + pause);
        advice
    }

    #[test]
    fn memory_stays_through_silences_when_eight_in_a_row_ended_in_refaults() {
        let refaults = refaulted_some();
        (0..SILENT_REFAULTS).for_each(|_| assert_eq!(silence(&refaults, 0, 1000), Advice::Purge));
        assert_eq!(pass(&refaults, 1, 1000), Advice::Keep);
        (0..SILENT_PASSES).for_each(|_| assert_eq!(pass(&refaults, 0, 0), Advice::Keep));
        assert_eq!(pass(&refaults, 0, 0), Advice::Purge, "not for ever");
    }

    #[test]
    fn a_silence_that_lasts_ends_the_row() {
        let refaults = refaulted_some();
        (0..SILENT_REFAULTS - 1).for_each(|_| assert_eq!(silence(&refaults, 0, 1000), Advice::Purge));
        silence(&refaults, 0, FORGOTTEN_MS + 1);
        assert_eq!(refaults.silent_refaults.get(), 0);
    }

    #[test]
    fn what_is_free_is_known_without_a_walk() {
        let refaults = Refaults::new();
        refaults.note_freed(100);
        refaults.note_taken(30, 10);
        refaults.note_gone(50);
        assert_eq!(refaults.idle_bytes(), 30);
        refaults.note_taken(1000, 0);
        assert_eq!(refaults.idle_bytes(), 0, "counts may be lost, and are never below zero");
        let pools = Footprint { held_bytes: 0, idle_bytes: 7 };
        refaults.advice(pools, 0);
        assert_eq!(refaults.idle_bytes(), pools.idle_bytes, "each pass puts it right");
    }
}
