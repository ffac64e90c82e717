//! The machine that numbers were taken on, as the head of every table tells it.

use std::fmt;
use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// What a reader needs to judge the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// All of the machine's.
    pub memory_bytes: u64,
    /// Linux's version.
    pub kernel: String,
    /// The kernel's policy for transparent huge pages.
    pub huge_pages: String,
    /// Load average of the last minute before the first run.
    pub load: f64,
    /// Variables that steer an allocator, as `NAME=value`.
    pub environment: Vec<String>,
}

/// Variables with these beginnings change how an allocator works.
const STEERING: [&str; 6] =
    ["STRATA_", "MIMALLOC_", "MALLOC_", "GLIBC_TUNABLES", "_RJEM_MALLOC_", "LD_PRELOAD"];

impl Machine {
    /// This one.
    pub fn read() -> Self {
        let unknown = || "unknown".to_owned();
        Self {
            cpu: value(&text("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: value(&text("/proc/meminfo"), "MemTotal").and_then(kibibytes).unwrap_or(0),
            kernel: first_word(&text("/proc/sys/kernel/osrelease")).unwrap_or_else(unknown),
            huge_pages: chosen(&text("/sys/kernel/mm/transparent_hugepage/enabled")).unwrap_or_else(unknown),
            load: first_word(&text("/proc/loadavg")).and_then(|load| load.parse().ok()).unwrap_or(0.0),
            environment: steering_variables(),
        }
    }

    /// Whether times taken on both may be compared.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.cpu, self.cores) == (&other.cpu, other.cores)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gibibytes = self.memory_bytes as f64 / f64::from(1 << 30);
        write!(formatter, "{}, {} cores, {gibibytes:.0} GiB", self.cpu, self.cores)?;
        // What follows the version is a name that somebody gave to this build.
        let kernel = self.kernel.split('-').next().unwrap_or_default();
        write!(formatter, "; Linux {kernel}; transparent huge pages: {}", self.huge_pages)?;
        write!(formatter, "; load {:.2}", self.load)?;
        self.environment.iter().try_for_each(|variable| write!(formatter, "; {variable}"))
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn first_word(text: &str) -> Option<String> {
    text.split_whitespace().next().map(str::to_owned)
}

/// What stands behind `name` and a colon.
fn value(text: &str, name: &str) -> Option<String> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn kibibytes(value: String) -> Option<u64> {
    first_word(&value)?.parse().ok().map(|kibibytes: u64| kibibytes * 1024)
}

/// The word in brackets of `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word.to_owned())
}

fn steering_variables() -> Vec<String> {
    let steers = |name: &str| STEERING.iter().any(|beginning| name.starts_with(beginning));
    let pairs = std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value));
    pairs
        .filter(|(name, _)| steers(name))
        .map(|(name, value)| format!("{name}={}", value.to_string_lossy()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_in_force_stands_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n").as_deref(), Some("madvise"));
        assert_eq!(chosen(""), None);
    }

    #[test]
    fn a_value_is_found_by_its_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: Example CPU @ 3 GHz\n";
        assert_eq!(value(text, "model name").as_deref(), Some("Example CPU @ 3 GHz"));
    }

    #[test]
    fn a_kernel_is_told_by_its_version() {
        let machine = Machine { kernel: "6.18.44-of-somebody".to_owned(), ..Machine::read() };
        assert!(machine.to_string().contains("; Linux 6.18.44; "), "{machine}");
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(kibibytes("24685000 kB".into()), Some(24_685_000 * 1024));
    }
}
