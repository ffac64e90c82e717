//! Medians, spreads and means of a handful of runs.
//!
//! The spread is the middle half of the runs (first to third quartile): one run that was interrupted moves neither it nor
//! the median.

/// The middle of some runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle.
    pub median: f64,
    /// A quarter is below.
    pub first_quartile: f64,
    /// A quarter is above.
    pub third_quartile: f64,
}

impl Summary {
    /// `None` of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 0.5)?,
            first_quartile: quantile(&sorted, 0.25)?,
            third_quartile: quantile(&sorted, 0.75)?,
        })
    }

    /// Half the middle half's width, as a part of the median: the number after ±.
    pub fn relative_spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.third_quartile - self.first_quartile) / 2.0 / self.median }
    }
}

/// The middle of some runs alone; `None` of no values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    Summary::of(values).map(|summary| summary.median)
}

/// Half the width of the middle half of the runs, as a part of the median.
pub fn spread(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    Summary::of(values).map(|summary| summary.relative_spread())
}

/// Linear between the two nearest ranks.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let rank = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    Some(below + (above - below) * rank.fract())
}

/// The mean for ratios; ratios that are no positive number are left out. `None` where nothing is left.
pub fn geometric_mean(ratios: impl IntoIterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> =
        ratios.into_iter().filter(|ratio| ratio.is_finite() && *ratio > 0.0).map(f64::ln).collect();
    (!logarithms.is_empty()).then(|| (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(values: &[f64]) -> Summary {
        Summary::of(values.iter().copied()).unwrap()
    }

    #[test]
    fn the_median_of_five_is_the_third() {
        assert_eq!(summary(&[5.0, 1.0, 4.0, 2.0, 3.0]).median, 3.0);
    }

    #[test]
    fn an_even_number_of_runs_meets_in_the_middle() {
        assert_eq!(summary(&[1.0, 2.0, 4.0, 8.0]).median, 3.0);
    }

    #[test]
    fn one_interrupted_run_of_five_changes_no_spread() {
        let (quiet, interrupted) =
            (summary(&[10.0, 10.0, 10.1, 10.2, 10.2]), summary(&[10.0, 10.0, 10.1, 10.2, 99.0]));
        assert_eq!(quiet, interrupted);
    }

    #[test]
    fn one_run_has_no_spread_and_none_has_no_summary() {
        assert_eq!(summary(&[7.0]).relative_spread(), 0.0);
        assert_eq!(Summary::of([]), None);
    }

    #[test]
    fn twice_and_half_cancel_out() {
        assert!((geometric_mean([2.0, 0.5, 1.0]).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_ratio_to_zero_is_left_out() {
        assert_eq!(geometric_mean([f64::INFINITY, 0.0, f64::NAN]), None);
        assert!((geometric_mean([f64::INFINITY, 3.0]).unwrap() - 3.0).abs() < 1e-12);
    }
}
