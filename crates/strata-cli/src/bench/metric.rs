//! What is compared between allocators, and how its values are written.

use strata_harness::sample::{Kind, Sample};
use strata_harness::units::{count, mebibytes, time};

/// A number of a run of which less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// From the work's start to its end.
    Time,
    /// Spent by all threads, in the program and in the kernel: other programs disturb it less than they do the clock.
    Processor,
    /// Most resident memory during the work.
    PeakMemory,
    /// Page faults.
    Faults,
    /// Resident memory when a story, or a fragmentation run, is over.
    KeptMemory,
}

impl Metric {
    /// Those that a program's work is shown by.
    pub(crate) const OF_WORK: [Self; 4] = [Self::Time, Self::Processor, Self::PeakMemory, Self::Faults];
    /// Those by which a run is compared with an earlier one.
    pub(crate) const ALL: [Self; 5] =
        [Self::Time, Self::Processor, Self::PeakMemory, Self::KeptMemory, Self::Faults];

    pub(crate) fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Time => sample.wall_ns as f64,
            Self::Processor => (sample.user_ns + sample.system_ns) as f64,
            Self::PeakMemory => sample.rss_peak as f64,
            Self::Faults => (sample.minor_faults + sample.major_faults) as f64,
            Self::KeptMemory => sample.moments().last().map_or(0, |moment| moment.resident_bytes) as f64,
        }
    }

    /// Whether the number means something for such a workload.
    pub(crate) fn suits(self, kind: Kind) -> bool {
        match self {
            Self::Time | Self::Processor => matches!(kind, Kind::Real | Kind::Micro | Kind::Scaling),
            Self::PeakMemory => matches!(kind, Kind::Real | Kind::Story | Kind::Fragmentation),
            Self::KeptMemory => matches!(kind, Kind::Story | Kind::Fragmentation),
            Self::Faults => kind == Kind::Real,
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Processor => "processor time",
            Self::PeakMemory => "peak memory (RSS)",
            Self::Faults => "page faults",
            Self::KeptMemory => "memory kept at the end (RSS)",
        }
    }

    /// What more of it is called.
    pub(crate) fn worse(self) -> &'static str {
        match self {
            Self::Time => "slower",
            Self::Processor => "more processor time",
            Self::PeakMemory => "bigger",
            Self::KeptMemory => "more kept",
            Self::Faults => "more page faults",
        }
    }

    /// What less of it is called.
    pub(crate) fn better(self) -> &'static str {
        match self {
            Self::Time => "faster",
            Self::Processor => "less processor time",
            Self::PeakMemory => "smaller",
            Self::KeptMemory => "less kept",
            Self::Faults => "fewer page faults",
        }
    }

    pub(crate) fn format(self, value: f64) -> String {
        match self {
            Self::Time | Self::Processor => time(value),
            Self::PeakMemory | Self::KeptMemory => mebibytes(value),
            Self::Faults => count(value),
        }
    }
}
