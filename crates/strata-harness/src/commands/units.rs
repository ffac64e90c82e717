//! Numbers as a reader wants them: three digits and a unit.

/// Nanoseconds, in the unit that fits.
pub fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 10e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// A count, in thousands or millions once they are many.
pub fn count(value: f64) -> String {
    match value {
        value if value < 10e3 => format!("{value:.0}"),
        value if value < 10e6 => format!("{:.0} k", value / 1e3),
        value => format!("{:.0} M", value / 1e6),
    }
}

/// A number of bytes, in MiB.
pub fn mebibytes(bytes: f64) -> String {
    format!("{} MiB", three_digits(bytes / f64::from(1 << 20)))
}

/// A ratio.
pub fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}×") } else { format!("{ratio:.0}×") }
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
