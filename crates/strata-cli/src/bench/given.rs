//! Builds of `libstrata.so` that the user names: of another commit, or built in another way, beside that of this checkout.
//!
//! Does not know: what is different about them.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use super::build::{Binaries, Program};
use super::metric::Metric;
use super::plan::Case;
use super::preload::OWN;
use super::results::Results;
use strata_harness::sample::Kind;
use strata_harness::statistics::geometric_mean;

/// What a build may be better or worse at.
const METRICS: [Metric; 3] = [Metric::Time, Metric::PeakMemory, Metric::KeptMemory];
const KINDS: [Kind; 5] = [Kind::Real, Kind::Micro, Kind::Scaling, Kind::Story, Kind::Fragmentation];

/// `NAME=FILE` of the command line, which is called `strata-so:NAME` in tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) name: String,
    path: PathBuf,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && PathBuf::from(file).is_file() => {
                Ok(Self { name: format!("{OWN}:{name}"), path: file.into() })
            }
            Some((name, file)) if !name.is_empty() => Err(format!("there is no file {file}")),
            _ => Err("give NAME=FILE, such as before=../old/target/release/libstrata.so".to_owned()),
        }
    }
}

/// Adds them to what was built, each preloaded into the same binary as this checkout's.
///
/// # Errors
/// If that was not built, or a name is taken.
pub(crate) fn join(binaries: &mut Binaries, given: &[Given]) -> Result<()> {
    for one in given {
        let own = binaries
            .get(OWN)
            .with_context(|| format!("--library is held against {OWN}: add it to --allocators"))?;
        let program = Program { preload: Some(one.path.clone()), ..own.clone() };
        if binaries.insert(one.name.clone(), program).is_some() {
            bail!("two libraries are called {}: give another name to one", one.name);
        }
    }
    Ok(())
}

/// A line for each of them and what it does to time and memory: the mean over the workloads, and the two that it changes most.
pub(crate) fn lines(results: &Results, given: &[Given]) -> Vec<String> {
    given.iter().filter_map(|one| line(results, &one.name)).collect()
}

fn line(results: &Results, name: &str) -> Option<String> {
    let parts: Vec<String> = METRICS.into_iter().filter_map(|metric| part(results, name, metric)).collect();
    (!parts.is_empty()).then(|| format!("{name} ÷ {OWN}: {}", parts.join("; ")))
}

fn part(results: &Results, name: &str, metric: Metric) -> Option<String> {
    let cases = KINDS.into_iter().filter(|kind| metric.suits(*kind)).flat_map(|kind| results.cases(kind));
    let mut ratios: Vec<(f64, Case)> =
        cases.filter_map(|case| Some((ratio(results, &case, name, metric)?, case))).collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mean = geometric_mean(ratios.iter().map(|(ratio, _)| *ratio))?;
    let said = |(ratio, case): &(f64, Case)| format!("{} {ratio:.2}×", case.title());
    let (least, most) = (said(ratios.first()?), said(ratios.last()?));
    Some(format!("{} {mean:.3}× ({least} to {most})", metric.title()))
}

fn ratio(results: &Results, case: &Case, name: &str, metric: Metric) -> Option<f64> {
    let median =
        |allocator: &str| Some(results.series(case, allocator)?.summary(metric)?.median).filter(|m| *m > 0.0);
    Some(median(name)? / median(OWN)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    fn given(name: &str) -> Given {
        format!("{name}=/bin/sh").parse().unwrap()
    }

    #[test]
    fn a_library_has_a_name_and_a_file_that_is_there() {
        assert_eq!(given("old").name, "strata-so:old");
        assert!("old=/no/such".parse::<Given>().unwrap_err().contains("/no/such"));
        for wrong in ["/bin/sh", "=/bin/sh"] {
            assert!(wrong.parse::<Given>().unwrap_err().contains("NAME=FILE"), "{wrong}");
        }
    }

    #[test]
    fn a_name_stands_for_one_library_beside_ours() {
        let mut binaries = Binaries::new();
        assert!(join(&mut binaries, &[given("old")]).unwrap_err().to_string().contains("--allocators"));
        let own =
            Program { path: "bench-system".into(), preload: Some("libstrata.so".into()), variant: None };
        binaries.insert(OWN.to_owned(), own);
        join(&mut binaries, &[given("old"), given("older")]).unwrap();
        assert_eq!(binaries["strata-so:old"].path, binaries[OWN].path);
        assert!(join(&mut binaries, &[given("old")]).unwrap_err().to_string().contains("old"));
    }

    #[test]
    fn what_it_changes_is_said_as_a_mean_and_its_extremes() {
        let results = results(&[
            ("json", "strata-so", &[100]),
            ("json", "strata-so:old", &[125]),
            ("trees", "strata-so", &[100]),
            ("trees", "strata-so:old", &[80]),
        ]);
        let lines = lines(&results, &[given("old"), given("never run")]);
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("strata-so:old ÷ strata-so: time 1.000× (trees 0.80× to json 1.25×)"),
            "{lines:?}"
        );
    }
}
