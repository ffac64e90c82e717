//! Which stacks grow, and how sure that is: from profiles of one process, one after another.
//!
//! ```text
//!   live │            ·   ·            seven equal parts of the time; of each the least that lived:
//!        │      ·   ·  ·_·__          so what comes and goes within a part is no growth
//!        │   · · ·_·_ │    │
//!        │  ·_·__ │ │ │    │          grows: in all, in each third, and in the last third about as fast as before
//!        └──────────────────── time
//! ```
//!
//! What lives is an estimate from samples, and blocks come and go by chance. If they do so as often as each other, the difference of two levels
//! has at most the variance of all samples that came and went between them, and at most that of two independent levels (Poisson): the
//! smaller one is taken. Each of these samples is as likely to come as to go, so a growth of g with a variance of v is chance with a probability below
//! exp(−d² / 2) (Chernoff), where d is g / √v at first, and 1.18 times that if all came and none went: of seven large blocks that were allocated and
//! never freed that is less than one in a hundred. Where nothing at all was freed five are enough: a site whose blocks come and go seldom shows
//! that, since as many would have gone. That is asked of the whole; the thirds tell a leak from a cache: one that is full has a
//! third without growth, and one that is nearly full slows down.
//!
//! A leak that began late is seen in the last half, quarter and so on of the time: each is looked at. Long ago only few moments are kept, each with the
//! least since the one before, so a series is bounded: some 30 moments for each doubling of its length.
//!
//! Does not know: who takes the profiles. The error rates are in `tests/growth.rs`, from the sampler's own arithmetic.
//! Idea: levels of a heap after collections (Java's leak detectors); robust slope (Theil 1950, Sen 1968).

use crate::profile::Stack;
use crate::read::{ReadError, each_state};
use crate::{Profile, Site};
use std::collections::HashMap;
use std::path::Path;

/// Parts of a window, of which thirds are made.
const PARTS: usize = 7;
/// Moments of one coarseness.
const SAME: usize = 2 * PARTS;
/// Standard deviations by which a whole window grows.
const WHOLE: f64 = 3.1;
/// The same of each third.
const THIRD: f64 = 1.2;
/// The same two where nothing was freed: five samples, and one in each third.
const UNFREED_WHOLE: f64 = 2.6;
const UNFREED_THIRD: f64 = 1.17;
/// Standard deviations by which the last third may be slower than those before.
const SLOWER: f64 = 2.0;
/// The part of the growth before that the last third has at least.
const LEAST_LAST: f64 = 0.25;

/// What lived at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    milliseconds: u64,
    bytes: f64,
    /// The variance of `bytes` if blocks come at random: for each sample that lives the square of what it stands for.
    spread: f64,
    /// The same for all samples that ever came or went.
    turned: f64,
    /// Samples that went.
    freed: i64,
    /// The least that a sample stands for.
    weight: f64,
}

/// A moment, and the time that it stands for.
#[derive(Clone, Copy, Debug)]
struct Moment {
    milliseconds: u64,
    /// Moments that became this one: a power of two.
    stands_for: u64,
}

/// Profiles of one process, one after another, as far as growth is asked of them.
#[derive(Clone, Debug, Default)]
pub struct Series {
    moments: Vec<Moment>,
    /// For each stack and moment the least level since the moment before.
    levels: HashMap<Stack, Vec<Level>>,
}

/// A stack whose live bytes grow.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// Return addresses, the innermost first, and labels.
    pub stack: Stack,
    /// How fast: the median of all slopes between two levels.
    pub bytes_per_minute: f64,
    /// The standard error of that, at most.
    pub standard_error: f64,
    /// How much it grew meanwhile, and in how many milliseconds.
    pub grown: (f64, u64),
    /// The probability that this is no chance, at least.
    pub confidence: f64,
}

impl Series {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// All states of a `.strata` file.
    ///
    /// # Errors
    /// As for [`Profile::read`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let file = std::fs::read(path).map_err(ReadError::Unreadable)?;
        let mut series = Self::new();
        each_state(&file, |state, _| series.add(state.milliseconds, state.sites()))?;
        if series.moments.is_empty() { Err(ReadError::Empty) } else { Ok(series) }
    }

    /// Adds a profile that was taken this many milliseconds after some beginning, later than the one before.
    pub fn push(&mut self, milliseconds: u64, profile: &Profile) {
        self.add(milliseconds, profile.sites.iter());
    }

    fn add<'site>(&mut self, milliseconds: u64, sites: impl Iterator<Item = &'site Site>) {
        self.moments.push(Moment { milliseconds, stands_for: 1 });
        for levels in self.levels.values_mut() {
            levels.push(Level { milliseconds, ..Level::default() });
        }
        for site in sites {
            let nothing = |moment: &Moment| Level { milliseconds: moment.milliseconds, ..Level::default() };
            let new = || self.moments.iter().map(nothing).collect();
            let levels = self.levels.entry(site.stack()).or_insert_with(new);
            if let Some(level) = levels.last_mut() {
                level.add(site);
            }
        }
        while let Some(two) = self.too_many() {
            self.merge(two);
        }
    }

    /// The first of the two oldest moments of a coarseness that has too many.
    fn too_many(&self) -> Option<usize> {
        let runs = self.moments.chunk_by(|one, other| one.stands_for == other.stands_for);
        let mut start = 0;
        for run in runs {
            if run.len() > SAME + 1 {
                return Some(start);
            }
            start += run.len();
        }
        None
    }

    /// Makes one moment of two.
    fn merge(&mut self, first: usize) {
        let earlier = self.moments.remove(first);
        self.moments[first].stands_for += earlier.stands_for;
        for levels in self.levels.values_mut() {
            let earlier = levels.remove(first);
            if earlier.bytes < levels[first].bytes {
                levels[first] = earlier;
            }
        }
    }

    /// From the first moment to the last one.
    pub fn milliseconds(&self) -> u64 {
        let ends = self.moments.first().zip(self.moments.last());
        ends.map_or(0, |(first, last)| last.milliseconds - first.milliseconds)
    }

    /// The stacks that grow, those that grow fastest first.
    pub fn suspects(&self) -> Vec<Suspect> {
        let windows: Vec<usize> = self.windows().collect();
        let suspects = self.levels.iter().filter_map(|(stack, levels)| {
            let of_windows = windows.iter().filter_map(|start| grows(levels.get(*start..)?));
            let growth = of_windows.max_by(|one, other| one.deviations.total_cmp(&other.deviations))?;
            Some(growth.suspect(stack))
        });
        let mut suspects: Vec<Suspect> = suspects.collect();
        suspects.sort_by(|one, other| other.bytes_per_minute.total_cmp(&one.bytes_per_minute));
        suspects
    }

    /// Where windows begin: all of the time, its last half, quarter and so on, as long as there are moments for it.
    fn windows(&self) -> impl Iterator<Item = usize> {
        let (first, last) = (self.moments.first(), self.moments.last());
        let times = first.zip(last).map(|(first, last)| (first.milliseconds, last.milliseconds));
        let starts = times.into_iter().flat_map(|(first, last)| {
            let lengths = std::iter::successors(Some(last - first), |length| Some(length / 2));
            lengths.map(move |length| last - length).take(32)
        });
        let starts = starts.map(|start| self.moments.partition_point(|moment| moment.milliseconds < start));
        starts.take_while(|start| self.moments.len() - start >= SAME)
    }
}

impl Level {
    fn add(&mut self, site: &Site) {
        let weight = site.weight();
        let live = (site.allocated - site.freed) as f64;
        self.bytes += weight * live;
        self.spread += weight * weight * live.abs();
        self.turned += weight * weight * (site.allocated + site.freed) as f64;
        self.freed += site.freed;
        self.weight = if self.weight == 0.0 { weight } else { self.weight.min(weight) };
    }

    /// By how many standard deviations more lives later: as many as would have the same probability if the samples were many (see above).
    fn deviations_to(&self, later: &Self) -> f64 {
        let (grown, variance) = self.growth_to(later);
        // Of all samples that came or went, the share by which more came, if all stand for the least.
        let excess = (grown * later.weight / variance).clamp(-1.0, 1.0);
        let term = |share: f64| if share > 0.0 { share * share.ln() } else { 0.0 };
        let exponent = (term(1.0 + excess) + term(1.0 - excess)) / (later.weight * later.weight) * variance;
        exponent.max(0.0).sqrt().copysign(grown)
    }

    /// How much more lives later, and the variance of that.
    fn growth_to(&self, later: &Self) -> (f64, f64) {
        (later.bytes - self.bytes, (later.turned - self.turned).min(self.spread + later.spread))
    }
}

/// The growth of a stack in a window.
struct Growth<'levels> {
    deviations: f64,
    least: [&'levels Level; PARTS],
}

/// The growth within a window, if there is one that goes on.
fn grows(window: &[Level]) -> Option<Growth<'_>> {
    let least = least_of_parts(window)?;
    let deviations = least[0].deviations_to(least[PARTS - 1]);
    let is_unfreed = window.first()?.freed == window.last()?.freed;
    let (whole, each) = if is_unfreed { (UNFREED_WHOLE, UNFREED_THIRD) } else { (WHOLE, THIRD) };
    let in_each = (0..3).all(|third| least[2 * third].deviations_to(least[2 * third + 2]) >= each);
    let thirds = [0, 1, 2].map(|third| least[2 * third].growth_to(least[2 * third + 2]));
    let [(first, a), (second, b), (last, c)] = thirds;
    let before = (first + second) / 2.0;
    let slower = (before - last) / ((a + b) / 4.0 + c).sqrt();
    let goes_on = slower <= SLOWER && last >= LEAST_LAST * before;
    (deviations >= whole && in_each && goes_on).then_some(Growth { deviations, least })
}

/// The least level of each part of a window's time.
fn least_of_parts(window: &[Level]) -> Option<[&Level; PARTS]> {
    let (first, last) = (window.first()?.milliseconds, window.last()?.milliseconds);
    let length = (last - first).max(1);
    let mut least = [None; PARTS];
    for level in window {
        let part = ((level.milliseconds - first) * PARTS as u64 / length) as usize;
        let least = &mut least[part.min(PARTS - 1)];
        if least.is_none_or(|least: &Level| level.bytes < least.bytes) {
            *least = Some(level);
        }
    }
    let found: Vec<&Level> = least.into_iter().flatten().collect();
    found.try_into().ok()
}

impl Growth<'_> {
    fn suspect(&self, stack: &Stack) -> Suspect {
        let (first, last) = (self.least[0], self.least[PARTS - 1]);
        let (bytes, variance) = first.growth_to(last);
        let milliseconds = (last.milliseconds - first.milliseconds).max(1);
        Suspect {
            stack: stack.clone(),
            bytes_per_minute: self.median_slope() * 60_000.0,
            standard_error: variance.sqrt() / milliseconds as f64 * 60_000.0,
            grown: (bytes, milliseconds),
            confidence: 1.0 - (-self.deviations * self.deviations / 2.0).exp(),
        }
    }

    /// Bytes a millisecond: the median of the slopes between all pairs of levels.
    fn median_slope(&self) -> f64 {
        let pairs = (0..PARTS).flat_map(|one| (one + 1..PARTS).map(move |other| (one, other)));
        let mut slopes: Vec<f64> = pairs
            .map(|(one, other)| {
                let (one, other) = (self.least[one], self.least[other]);
                (other.bytes - one.bytes) / (other.milliseconds - one.milliseconds).max(1) as f64
            })
            .collect();
        slopes.sort_by(f64::total_cmp);
        slopes[slopes.len() / 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(live: &[(u64, i64)]) -> Profile {
        let site = |(frame, live): &(u64, i64)| Site {
            bytes: 1024,
            mean: 1,
            frames: vec![*frame],
            allocated: *live,
            ..Site::default()
        };
        Profile { sites: live.iter().map(site).collect(), ..Profile::default() }
    }

    fn series(live: impl Fn(u64) -> i64, length: u64) -> Series {
        let mut series = Series::new();
        (0..length).for_each(|second| series.push(second * 1000, &profile(&[(7, live(second)), (8, 100)])));
        series
    }

    #[test]
    fn a_steady_growth_is_named_with_its_pace_however_long_it_is() {
        for length in [30, 600, 50_000] {
            let suspects = series(|second| second as i64, length).suspects();
            assert_eq!(suspects.len(), 1, "{length}");
            assert_eq!(suspects[0].stack.frames, [7]);
            let pace = suspects[0].bytes_per_minute / (60.0 * 1024.0);
            assert!((pace - 1.0).abs() < 0.02 && suspects[0].confidence > 0.99, "{length}: {suspects:?}");
        }
    }

    #[test]
    fn a_growth_that_began_late_is_named_and_one_that_ended_is_not() {
        assert_eq!(series(|second| second.saturating_sub(3000) as i64, 4000).suspects().len(), 1);
        assert_eq!(series(|second| second.min(400) as i64, 600).suspects().len(), 0);
        assert_eq!(series(|_| 5000, 600).suspects().len(), 0);
        assert_eq!(series(|second| -(second as i64), 600).suspects().len(), 0);
    }

    #[test]
    fn what_comes_and_goes_is_no_growth_although_there_is_more_at_the_end() {
        assert_eq!(series(|second| if second % 60 > 30 { 5000 } else { 10 }, 595).suspects().len(), 0);
    }

    #[test]
    fn a_series_is_bounded() {
        let series = series(|second| second as i64, 100_000);
        assert!(series.moments.len() < 300, "{}", series.moments.len());
        assert!(series.levels.values().all(|levels| levels.len() == series.moments.len()));
        assert!(Series::new().suspects().is_empty());
    }
}
