//! Files and tables that are damaged, foreign or nonsense: whatever they say, they are read to their end, and shown.
//!
//! What is behind a right checksum is damaged here, too: chunks of all kinds with any words in them. `STRATA_TEST_SEEDS` says how many files.

mod random;

use random::Random;
use strata_profile::log::{MAGIC, VERSION, checksum, kind};
use strata_profile::{Addresses, Grouping, Profile, Series};

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A word as they are found in files: mostly small, sometimes at an end of its range.
    fn word(&mut self) -> u64 {
        match self.below(8) {
            0 => self.next(),
            1 => u64::MAX - self.below(2),
            2 => 1 << self.below(64),
            _ => self.below(10),
        }
    }
}

fn chunk(kind: u32, payload: &[u8]) -> Vec<u8> {
    let (length, sum) = (payload.len() as u32, checksum(kind, payload));
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), &sum.to_le_bytes(), payload].concat()
}

/// A file of chunks that are whole, and mean anything.
fn file(random: &mut Random) -> Vec<u8> {
    let process = [&VERSION.to_le_bytes()[..], &7_u32.to_le_bytes(), &99_u64.to_le_bytes()].concat();
    let mut file = [MAGIC.to_vec(), chunk(kind::PROCESS, &process)].concat();
    for _ in 0..random.below(60) {
        let kind = random.below(9) as u32;
        let mut payload = Vec::new();
        // A small number first, so that chunks are about the same sites and labels.
        payload.extend((random.below(5) as u32).to_le_bytes());
        if kind == kind::LABEL {
            payload.extend((random.below(5) as u32).to_le_bytes());
            payload.extend_from_slice(if random.below(2) == 0 { b"tenant\0acme" } else { b"\xff\0\xfe\0" });
        } else if kind == kind::MAPS_FIRST || kind == kind::MAPS {
            payload.extend_from_slice(
                b"1000-2000 r-xp 00000000 08:01 42 /bin/a\n2000-1000 r-xp ffffffffffffffff 0 0 /\n",
            );
        } else {
            (0..random.below(30)).for_each(|_| payload.extend(random.word().to_le_bytes()));
        }
        payload.truncate(payload.len() - random.below(4) as usize);
        file.extend(chunk(kind, &payload));
        if random.below(3) == 0 {
            let words = [random.below(100_000), random.word(), random.word()].map(u64::to_le_bytes).concat();
            file.extend(chunk(kind::STATE, &[&words[..], &3_u32.to_le_bytes()].concat()));
        }
    }
    file
}

/// Shows a profile in every way that there is.
fn show(profile: &Profile) {
    let mut names = Addresses;
    let _ = profile.top(3, &mut names);
    let _ = profile.folded(&mut names);
    let _ = profile.at_peak().live();
    let _ = profile.compare_to(profile).top(3, &mut names);
    assert!(profile.to_pprof().is_ok());
    for by in ["function", "line", "module", "tenant"] {
        let _ = profile.groups(&by.parse::<Grouping>().unwrap(), &mut names);
    }
}

fn seeds() -> u64 {
    std::env::var("STRATA_TEST_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

#[test]
fn whatever_a_whole_file_says_it_is_read_and_shown() {
    let mut read = 0;
    for seed in 1..=seeds() {
        let mut random = Random(seed);
        let mut file = file(&mut random);
        if random.below(4) == 0 {
            let place = random.below(file.len() as u64) as usize;
            file[place] ^= 1 << random.below(8);
        }
        file.truncate(file.len() - random.below(20) as usize);
        if let Ok(profile) = Profile::parse(&file) {
            read += 1;
            show(&profile);
        }
    }
    assert!(read * 3 > seeds(), "{read}: hardly any file was more than an error");
}

#[test]
fn whatever_another_processs_table_says_it_is_shown() {
    for seed in 1..=seeds() / 100 {
        let mut random = Random(seed);
        let copy = |offset: usize, bytes: &mut [u8]| {
            for word in bytes.chunks_mut(8) {
                // Few places are taken, as in most tables; and each number of used words comes.
                let value = if random.below(50) == 0 || offset == 0 { random.word() % (1 << 21) } else { 0 };
                word.copy_from_slice(&value.to_le_bytes()[..word.len()]);
            }
            true
        };
        let profile =
            Profile::copied(copy, "1000-2000 r-xp 00000000 08:01 42 /bin/a\n").expect("it is copied");
        let mut series = Series::new();
        (0..20).for_each(|second| series.push(second * 1000, &profile));
        let _ = profile.growing(&series, 3, &mut Addresses);
        let _ = profile.live();
    }
}
