//! Which workloads run, on how many threads, how often and how long.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use strata_harness::sample::{Kind, Workload};

/// A workload on a number of threads: a row of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) workload: String,
    pub(crate) threads: usize,
}

impl Case {
    /// As one says it: `independent, 2 threads`.
    pub(crate) fn title(&self) -> String {
        match self.threads {
            1 => self.workload.clone(),
            threads => format!("{}, {threads} threads", self.workload),
        }
    }
}

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Effort {
    pub(crate) repetitions: usize,
    pub(crate) scale: f64,
    /// A story takes as long as it takes, as does a fragmentation run: in the first rounds only.
    pub(crate) stories: usize,
    /// No round is begun that would probably end after this.
    pub(crate) budget: Option<Duration>,
}

impl Effort {
    /// Enough for a table in a README.
    pub(crate) const FULL: Self = Self { repetitions: 5, scale: 1.0, stories: 1, budget: None };
    /// A first table: some minute once everything is built, the last round's misjudgement included.
    pub(crate) const FIRST: Self =
        Self { repetitions: 3, scale: 0.2, stories: 1, budget: Some(Duration::from_secs(60)) };
}

/// How far a run without `--only` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Programs' work, and single operations: what fits into one table.
    First,
    /// Everything.
    Full,
}

impl Reach {
    fn has(self, kind: Kind) -> bool {
        self == Self::Full || matches!(kind, Kind::Real | Kind::Micro)
    }
}

/// The cases of the workloads called `only`, or within `reach` if that is empty, in the order of `workloads`.
pub(crate) fn cases(
    workloads: &[Workload],
    only: &[String],
    reach: Reach,
    cores: usize,
) -> Result<Vec<Case>> {
    if let Some(unknown) = only.iter().find(|name| workloads.iter().all(|workload| workload.name != **name)) {
        let names: Vec<&str> = workloads.iter().map(|workload| workload.name.as_str()).collect();
        bail!("no workload is called {unknown:?}; choose from {}", names.join(", "));
    }
    let is_wanted = |workload: &&Workload| match only {
        [] => reach.has(workload.kind),
        only => only.contains(&workload.name),
    };
    let wanted = workloads.iter().filter(is_wanted);
    Ok(wanted.flat_map(|workload| cases_of(workload, cores)).collect())
}

fn cases_of(workload: &Workload, cores: usize) -> Vec<Case> {
    let threads = match workload.kind {
        Kind::Real | Kind::Micro | Kind::Latency | Kind::Story | Kind::Fragmentation => vec![1],
        Kind::Scaling => thread_counts(cores),
    };
    threads.into_iter().map(|threads| Case { workload: workload.name.clone(), threads }).collect()
}

/// 1, 2, 4, … up to twice the cores, so that the last one shows what too many threads cost.
fn thread_counts(cores: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(1), |count| Some(count * 2));
    powers.take_while(|count| *count <= cores.max(1) * 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workloads() -> Vec<Workload> {
        let workload = |name: &str, kind| Workload { name: name.into(), stands_for: String::new(), kind };
        vec![
            workload("json", Kind::Real),
            workload("box_pair", Kind::Micro),
            workload("independent", Kind::Scaling),
        ]
    }

    fn names(only: &[&str]) -> Vec<String> {
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        let cases = cases(&workloads(), &only, Reach::Full, 2).unwrap();
        cases.iter().map(|case| format!("{}@{}", case.workload, case.threads)).collect()
    }

    #[test]
    fn everything_runs_by_default_and_scaling_up_to_twice_the_cores() {
        assert_eq!(names(&[]), ["json@1", "box_pair@1", "independent@1", "independent@2", "independent@4"]);
    }

    #[test]
    fn only_those_asked_for_run_in_the_order_of_the_tables() {
        assert_eq!(names(&["box_pair", "json"]), ["json@1", "box_pair@1"]);
    }

    #[test]
    fn an_unknown_workload_gets_the_list() {
        let error = cases(&workloads(), &["jsn".to_owned()], Reach::Full, 2).unwrap_err().to_string();
        assert!(error.contains("\"jsn\"") && error.contains("json, box_pair"), "{error}");
    }

    #[test]
    fn three_cores_are_tried_with_four_threads() {
        assert_eq!(thread_counts(3), [1, 2, 4]);
    }
}
