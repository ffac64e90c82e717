//! What a service does at which time of day: how much, of which kinds, how large and for how long.
//!
//! Between two rows of the table everything drifts in a straight line. Beside that the sizes of each kind swing over the day
//! by up to a factor of two either way, each kind at its own time, as data and versions change.
//!
//! Does not know: who allocates.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// The clock's ticks in a second, and in the day: a request lives for some of them.
const TICKS_A_SECOND: f64 = 100.0;
pub(super) const TICKS: u32 = 24 * 3_600 * 100;

/// A kind of object: sizes are log-normal around a median, lifetimes exponential.
struct Kind {
    median_bytes: f64,
    spread: f64,
    mean_seconds: f64,
}

const fn kind(median_bytes: f64, spread: f64, mean_seconds: f64) -> Kind {
    Kind { median_bytes, spread, mean_seconds }
}

/// Scratch of a request, its payload, a batch's columns, a cached page, a session, an entry of an index.
const KINDS: [Kind; 6] = [
    kind(64.0, 1.0, 0.2),
    kind(700.0, 1.2, 3.0),
    kind(16_384.0, 0.8, 90.0),
    kind(2_048.0, 1.0, 900.0),
    kind(180.0, 0.8, 2_400.0),
    kind(40.0, 0.5, 18_000.0),
];

/// The load, as a share of the busiest hour's, and objects of each kind among ten thousand.
struct Row {
    hour: f64,
    load: f64,
    kinds: [f64; KINDS.len()],
}

const fn row(hour: f64, load: f64, kinds: [f64; KINDS.len()]) -> Row {
    Row { hour, load, kinds }
}

/// Night and its batches, the morning's sessions, a quiet noon, the evening's pages, and night again.
const DAY: [Row; 9] = [
    row(0.0, 0.25, [7_000.0, 2_560.0, 70.0, 100.0, 200.0, 70.0]),
    row(3.0, 0.30, [6_000.0, 3_500.0, 300.0, 40.0, 60.0, 100.0]),
    row(6.0, 0.35, [7_000.0, 2_500.0, 100.0, 100.0, 250.0, 50.0]),
    row(9.0, 0.90, [7_000.0, 2_280.0, 10.0, 150.0, 500.0, 60.0]),
    row(12.0, 0.60, [6_500.0, 3_000.0, 10.0, 250.0, 200.0, 40.0]),
    row(15.0, 0.85, [6_200.0, 3_200.0, 10.0, 150.0, 400.0, 40.0]),
    row(19.0, 1.00, [7_500.0, 1_760.0, 10.0, 400.0, 300.0, 30.0]),
    row(22.0, 0.50, [7_000.0, 2_500.0, 30.0, 200.0, 200.0, 70.0]),
    row(24.0, 0.20, [7_000.0, 2_700.0, 50.0, 80.0, 120.0, 50.0]),
];

/// The largest object, a bound on the tails of the distributions.
const LARGEST_BYTES: f64 = 1_048_576.0;

/// The day at one time of it.
pub(super) struct Hour {
    load: f64,
    /// Running sums of the kinds' shares, up to one.
    shares: [f64; KINDS.len()],
    median_bytes: [f64; KINDS.len()],
}

/// The mean load of the day: what the number of operations is divided by.
pub(super) fn mean_load() -> f64 {
    let areas =
        DAY.windows(2).map(|pair| (pair[1].hour - pair[0].hour) * (pair[0].load + pair[1].load) / 2.0);
    areas.sum::<f64>() / 24.0
}

impl Hour {
    /// The day at `tick`.
    pub(super) fn at(tick: u32) -> Self {
        let hour = f64::from(tick) / TICKS_A_SECOND / 3_600.0;
        let next = DAY.iter().position(|row| row.hour > hour).unwrap_or(DAY.len() - 1);
        let (from, to) = (&DAY[next - 1], &DAY[next]);
        let part = ((hour - from.hour) / (to.hour - from.hour)).min(1.0);
        let between = |from: f64, to: f64| from + (to - from) * part;
        let weights: [f64; KINDS.len()] =
            std::array::from_fn(|kind| between(from.kinds[kind], to.kinds[kind]));
        let whole: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let shares = weights.map(|weight| {
            sum += weight / whole;
            sum
        });
        let median_bytes = std::array::from_fn(|kind| {
            let swing = (TAU * (hour / 24.0 + kind as f64 / KINDS.len() as f64)).sin();
            KINDS[kind].median_bytes * swing.exp2()
        });
        Self { load: between(from.load, to.load), shares, median_bytes }
    }

    /// The load, as a share of the busiest hour's.
    pub(super) fn load(&self) -> f64 {
        self.load
    }

    /// The size of the next object and the ticks that it lives.
    pub(super) fn draw(&self, random: &mut Pcg64Mcg) -> (usize, u32) {
        let point = random.random::<f64>();
        let kind = self.shares.iter().position(|share| point < *share).unwrap_or(0);
        let normal: f64 = StandardNormal.sample(random);
        let bytes = self.median_bytes[kind] * (normal * KINDS[kind].spread).exp();
        let share: f64 = Exp1.sample(random);
        let ticks = share * KINDS[kind].mean_seconds * TICKS_A_SECOND;
        (bytes.clamp(1.0, LARGEST_BYTES) as usize, (ticks as u32).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random;

    #[test]
    fn the_day_begins_and_ends_with_its_first_and_last_row_and_drifts_in_between() {
        assert_eq!(Hour::at(0).load(), DAY[0].load);
        assert!((Hour::at(TICKS).load() - DAY[8].load).abs() < 1e-9);
        let quarter_past_seven = Hour::at((7.5 * 3_600.0 * TICKS_A_SECOND) as u32).load();
        assert!((quarter_past_seven - 0.625).abs() < 1e-9, "{quarter_past_seven}");
        assert!((0.5..0.7).contains(&mean_load()));
    }

    #[test]
    fn most_objects_are_small_and_short_lived_and_some_are_neither() {
        let mut random = random(1);
        let drawn: Vec<_> = (0..100_000).map(|_| Hour::at(TICKS / 2).draw(&mut random)).collect();
        let count = |is: fn(&(usize, u32)) -> bool| drawn.iter().filter(|object| is(object)).count();
        assert!(count(|(bytes, _)| *bytes <= 512) > 60_000);
        assert!(count(|(bytes, _)| *bytes > 4_096) > 300);
        assert!(count(|(_, ticks)| *ticks < 1_000) > 80_000);
        assert!(count(|(_, ticks)| *ticks > 360_000) > 50);
    }
}
