//! Medians, spreads and means of a handful of runs.

/// `None` of no values.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    quantile(&sorted(values), 0.5)
}

/// Half the width of the middle half of the runs, as a part of the median: one run that was interrupted does not move it.
pub(super) fn spread(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let sorted = sorted(values);
    let (first, third) = (quantile(&sorted, 0.25)?, quantile(&sorted, 0.75)?);
    Some((third - first) / 2.0 / quantile(&sorted, 0.5)?)
}

/// The mean for ratios; `None` of no ratios.
pub(super) fn geometric_mean(ratios: impl IntoIterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.into_iter().map(f64::ln).collect();
    (!logarithms.is_empty()).then(|| (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Linear between the two nearest ranks.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let rank = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    Some(below + (above - below) * rank.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([5.0, 1.0, 4.0, 2.0, 3.0]), Some(3.0));
        assert_eq!(median([1.0, 2.0, 4.0, 8.0]), Some(3.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn one_interrupted_run_of_five_changes_no_spread() {
        assert_eq!(spread([10.0, 10.0, 10.1, 10.2, 10.2]), spread([10.0, 10.0, 10.1, 10.2, 99.0]));
    }

    #[test]
    fn twice_and_half_cancel_out() {
        assert!((geometric_mean([2.0, 0.5, 1.0]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean([]), None);
    }
}
