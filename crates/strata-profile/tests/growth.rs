//! Which stacks are said to grow, of services of which it is known: through the arithmetic of the sampler itself, with many seeds.
//!
//! What is simulated are the samples alone: after each, `blocks_before_sample` says which block of the site is the next one.

mod random;

use std::ops::Range;

use random::Random;
use strata_profile::{Profile, Series, Site, Suspect};
use strata_recorder::distance::blocks_before_sample;

/// The default rate.
const MEAN: u64 = 512 << 10;
const MIB: f64 = (1 << 20) as f64;
/// Seconds of each simulation: ten minutes.
const SECONDS: usize = 600;
/// Seconds between two profiles.
const EVERY: usize = 5;
/// From when on, and how often, it is asked who grows.
const ASKED: [usize; 10] = [60, 120, 180, 240, 300, 360, 420, 480, 540, 595];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The seeds of each service's simulations: forty, from 1 on, unless the environment says otherwise.
fn seeds() -> Range<u64> {
    let first = number("STRATA_TEST_FIRST_SEED", 1);
    first..first + number("STRATA_TEST_SEEDS", 40)
}

/// How many there are.
fn count() -> u64 {
    seeds().end - seeds().start
}

impl Random {
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }
}

/// How long the blocks of a site live, in seconds.
#[derive(Clone, Copy)]
enum Life {
    Ever,
    /// Exponentially distributed.
    Mean(f64),
    /// Half of them a second, half of them five minutes.
    Mixed,
    /// To the end of each period of this many seconds.
    Batch(f64),
}

impl Life {
    fn end(self, begun: f64, random: &mut Random) -> f64 {
        match self {
            Self::Ever => f64::INFINITY,
            Self::Mean(mean) => begun + random.exponential(mean),
            Self::Mixed => {
                let mean = if random.uniform() < 0.5 { 1.0 } else { 300.0 };
                begun + random.exponential(mean)
            }
            Self::Batch(period) => (begun / period).floor() * period + period * 0.4,
        }
    }
}

/// What a site allocates.
#[derive(Clone, Copy)]
struct Work {
    block_bytes: usize,
    /// Bytes a second while it works.
    pace: f64,
    /// From when to when.
    works: (f64, f64),
    life: Life,
}

impl Work {
    fn new(block_bytes: usize, mib_per_minute: f64, life: Life) -> Self {
        // So long before that at 0 there is what there always is.
        let start = match life {
            Life::Ever => 0.0,
            Life::Mean(seconds) => -5.0 * seconds,
            Life::Mixed => -1500.0,
            Life::Batch(_) => -60.0,
        };
        Self { block_bytes, pace: mib_per_minute * MIB / 60.0, works: (start, f64::INFINITY), life }
    }

    fn within(self, start: f64, end: f64) -> Self {
        Self { works: (start, end), ..self }
    }

    /// Samples allocated and freed up to each second.
    fn samples(self, random: &mut Random) -> [[i64; SECONDS]; 2] {
        let mut counts = [[0; SECONDS]; 2];
        let mut count = |which: usize, at: f64| {
            if at < SECONDS as f64 {
                counts[which][at.max(0.0) as usize] += 1;
            }
        };
        let every = self.block_bytes as f64 / self.pace;
        let (mut at, end) = (self.works.0, self.works.1.min(SECONDS as f64));
        loop {
            at += ((blocks_before_sample(random.next(), MEAN, self.block_bytes) as f64) + 1.0) * every;
            if at >= end {
                break;
            }
            let freed = self.life.end(at, random);
            if freed >= 0.0 {
                count(0, at);
                count(1, freed);
            }
        }
        for which in &mut counts {
            (1..SECONDS).for_each(|second| which[second] += which[second - 1]);
        }
        counts
    }
}

/// Who was named, each time that was asked, by the numbers of the sites.
fn named(works: &[Work], seed: u64) -> Vec<(usize, Vec<Suspect>)> {
    let mut random = Random(seed);
    let samples: Vec<_> = works.iter().map(|work| work.samples(&mut random)).collect();
    let mut series = Series::new();
    let mut told = Vec::new();
    for second in (0..SECONDS).step_by(EVERY) {
        let sites = works.iter().zip(&samples).enumerate().map(|(number, (work, samples))| Site {
            bytes: work.block_bytes as u64,
            mean: MEAN,
            frames: vec![number as u64],
            allocated: samples[0][second],
            freed: samples[1][second],
            ..Site::default()
        });
        series.push(second as u64 * 1000, &Profile { sites: sites.collect(), ..Profile::default() });
        if ASKED.contains(&second) {
            told.push((second, series.suspects()));
        }
    }
    told
}

/// A service that holds 500 MiB, in blocks of all sizes that live for all kinds of times, and does not grow.
fn service() -> Vec<Work> {
    let steady = |block_bytes, mib: f64, seconds: f64| {
        Work::new(block_bytes, mib * 60.0 / seconds, Life::Mean(seconds))
    };
    vec![
        steady(64, 60.0, 10.0),
        steady(256, 60.0, 30.0),
        steady(1024, 60.0, 120.0),
        steady(4096, 60.0, 300.0),
        steady(48, 40.0, 600.0),
        steady(65_536, 60.0, 60.0),
        steady(1 << 20, 60.0, 200.0),
        Work::new(512, 20.0, Life::Mixed),
        Work::new(16_384, 100.0, Life::Batch(60.0)),
        Work::new(2048, 20.0, Life::Batch(40.0)),
        // Loaded at the start, for good.
        Work::new(512, 6000.0, Life::Ever).within(0.0, 1.0),
    ]
}

/// Of this many seeds, how often a site is named: at any of these times, and at the last one.
fn rates(works: &[Work], site: usize) -> (f64, f64) {
    let (mut ever, mut last) = (0, 0);
    for seed in seeds() {
        let told = named(works, seed);
        let is_named =
            |suspects: &Vec<Suspect>| suspects.iter().any(|suspect| suspect.stack.frames == [site as u64]);
        ever += u64::from(told.iter().any(|(_, suspects)| is_named(suspects)));
        last += u64::from(told.last().is_some_and(|(_, suspects)| is_named(suspects)));
    }
    (ever as f64 / count() as f64, last as f64 / count() as f64)
}

#[test]
fn a_leak_of_a_megabyte_a_minute_is_named_within_ten_minutes() {
    // Of the last two kinds there are forty and ten in ten minutes, of which sixteen and nine are sampled.
    for (block_bytes, least) in [(48, 0.95), (1024, 0.95), (65_536, 0.95), (262_144, 0.95), (1 << 20, 0.85)] {
        let mut works = service();
        works.push(Work::new(block_bytes, 1.0, Life::Ever));
        let (ever, last) = rates(&works, works.len() - 1);
        println!(
            "a leak of 1 MiB a minute in blocks of {block_bytes}: named within 10 minutes {ever:.3}, at minute 10 {last:.3}"
        );
        assert!(ever >= least, "{block_bytes}: {ever}");
    }
}

#[test]
fn a_faster_leak_is_named_always_and_its_pace_is_right() {
    let mut works = service();
    works.push(Work::new(1024, 4.0, Life::Ever));
    let mut paces = Vec::new();
    for seed in seeds() {
        let told = named(&works, seed);
        let found = told
            .iter()
            .flat_map(|(_, suspects)| suspects)
            .rfind(|suspect| suspect.stack.frames == [works.len() as u64 - 1]);
        paces.extend(found.map(|suspect| suspect.bytes_per_minute / MIB));
    }
    let mean = paces.iter().sum::<f64>() / paces.len() as f64;
    let (found, of) = (paces.len() as u64, count());
    println!("a leak of 4 MiB a minute: named in {found} of {of}, at {mean:.2} MiB a minute on average");
    assert!(found * 100 >= of * 99 && (3.6..4.6).contains(&mean), "{mean}");
}

#[test]
fn a_service_that_does_not_grow_has_no_suspect() {
    let works = service();
    let (mut any, mut times) = (0, 0);
    for seed in seeds() {
        for (_, suspects) in named(&works, seed) {
            times += 1;
            any += usize::from(!suspects.is_empty());
        }
    }
    let rate = any as f64 / times as f64;
    println!(
        "a service of {} sites that does not grow: {any} of {times} answers name one ({rate:.4})",
        works.len()
    );
    assert!(rate <= 0.01, "{rate}");
}

#[test]
fn a_small_site_whose_blocks_seldom_come_and_go_is_hardly_named() {
    // As many samples come in ten minutes as go, and by chance a few may come before the first one goes.
    for (block_bytes, mib) in [(1024, 1.0), (1024, 2.0), (1024, 4.0), (1 << 20, 3.0), (1 << 20, 6.0)] {
        let mut works = service();
        works.push(Work::new(block_bytes, mib / 10.0, Life::Mean(600.0)));
        let (ever, last) = rates(&works, works.len() - 1);
        println!(
            "a site of {mib} MiB in blocks of {block_bytes} that live ten minutes: named within 10 minutes {ever:.3}, at minute 10 {last:.3}"
        );
        assert!(last <= 0.05, "{block_bytes} {mib}: {last}");
    }
}

#[test]
fn a_cache_that_fills_and_stops_is_not_named() {
    let fill = |block_bytes, mib: f64, minutes: f64| {
        Work::new(block_bytes, mib / minutes, Life::Ever).within(0.0, 60.0 * minutes)
    };
    let turns_over = |block_bytes, mib: f64, seconds: f64| {
        Work::new(block_bytes, mib * 60.0 / seconds, Life::Mean(seconds)).within(0.0, f64::INFINITY)
    };
    let caches = [
        ("100 MiB, full after 2 minutes", fill(1024, 100.0, 2.0)),
        ("100 MiB, full after 5 minutes", fill(1024, 100.0, 5.0)),
        ("20 MiB, full after 5 minutes", fill(256, 20.0, 5.0)),
        ("10 MiB, full after 6 minutes", fill(256, 10.0, 6.0)),
        ("100 MiB, entries are replaced after 1 minute", turns_over(1024, 100.0, 60.0)),
        ("100 MiB, entries are replaced after 2 minutes", turns_over(1024, 100.0, 120.0)),
        ("20 MiB, entries are replaced after 2 minutes", turns_over(512, 20.0, 120.0)),
    ];
    for (what, cache) in caches {
        let mut works = service();
        works.push(cache);
        let (_, last) = rates(&works, works.len() - 1);
        println!("a cache of {what}: named at minute 10 {last:.3}");
        assert!(last <= 0.05, "{what}: {last}");
    }
}
