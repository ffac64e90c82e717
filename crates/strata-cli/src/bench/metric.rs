//! What is compared between allocators, and how its values are written.

use super::sample::{Kind, Sample};

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
            Self::PeakMemory | Self::KeptMemory => {
                format!("{} MiB", three_digits(value / f64::from(1 << 20)))
            }
            Self::Faults => count(value),
        }
    }
}

/// Nanoseconds, in the unit that fits.
pub(crate) fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 10e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

fn count(value: f64) -> String {
    match value {
        value if value < 10e3 => format!("{value:.0}"),
        value if value < 10e6 => format!("{:.0} k", value / 1e3),
        value => format!("{:.0} M", value / 1e6),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_enough_for_anyone() {
        let written = [3.2, 9.996, 45.0, 812.4, 5_000.0].map(three_digits);
        assert_eq!(written, ["3.20", "10.0", "45.0", "812", "5000"]);
    }

    #[test]
    fn times_change_units_on_the_way() {
        let written = [3.2, 45_000.0, 812e6, 9_500e6, 12e9].map(time);
        assert_eq!(written, ["3.20 ns", "45.0 µs", "812 ms", "9500 ms", "12.0 s"]);
    }

    #[test]
    fn faults_are_counted_in_thousands_once_they_are_many() {
        assert_eq!([0.0, 9_999.0, 45_300.0].map(count), ["0", "9999", "45 k"]);
    }
}
