//! Which workloads each allocator has: one without a lock has only those of one thread.

use std::collections::BTreeMap;

use anyhow::Result;

use super::build::Binaries;
use super::runner;
use strata_harness::sample::Workload;

/// What the binaries answered to `--list`.
#[derive(Debug, Default)]
pub(crate) struct Offers(BTreeMap<String, Vec<Workload>>);

impl Offers {
    /// Asks every binary, which also brings all of them into the page cache.
    pub(crate) fn ask(binaries: &Binaries) -> Result<Self> {
        let lists = binaries.iter().map(|(name, program)| Ok((name.clone(), runner::list(program)?)));
        lists.collect::<Result<_>>().map(Self)
    }

    /// All workloads, in the order of the allocator that has the most.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        self.0.values().max_by_key(|workloads| workloads.len()).cloned().unwrap_or_default()
    }

    /// Whether `allocator` has a workload called `name`.
    pub(crate) fn has(&self, allocator: &str, name: &str) -> bool {
        self.0.get(allocator).is_some_and(|workloads| workloads.iter().any(|workload| workload.name == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strata_harness::sample::Kind;

    fn list(names: &[&str]) -> Vec<Workload> {
        let workload =
            |name: &&str| Workload { name: (*name).to_owned(), stands_for: String::new(), kind: Kind::Micro };
        names.iter().map(workload).collect()
    }

    #[test]
    fn an_allocator_for_one_thread_takes_away_nothing_from_the_others() {
        let lists = [("strata", list(&["json", "transfer"])), ("unlocked", list(&["json"]))];
        let offers = Offers(lists.map(|(name, list)| (name.to_owned(), list)).into());
        assert_eq!(offers.workloads(), list(&["json", "transfer"]));
        assert!(offers.has("strata", "transfer") && offers.has("unlocked", "json"));
        assert!(!offers.has("unlocked", "transfer") && !offers.has("mimalloc", "json"));
    }
}
