//! Was the machine quiet enough for the numbers to mean something?

use super::machine::Machine;

/// Beyond this relative spread a median is a guess.
const WIDE: f64 = 0.05;

/// A warning if other programs ran before the first run.
pub fn busy(machine: &Machine) -> Option<String> {
    (machine.load > 0.5 * machine.cores as f64).then(|| {
        format!(
            "the machine was busy before the first run (load {:.2} on {} cores): stop what else runs and repeat",
            machine.load, machine.cores
        )
    })
}

/// A warning if some relative spreads are wide; each comes with what it is the spread of.
pub fn wide(spreads: impl IntoIterator<Item = (f64, String)>) -> Option<String> {
    let spreads: Vec<_> = spreads.into_iter().collect();
    let noisy = spreads.iter().filter(|(spread, _)| *spread > WIDE).count();
    let (worst, what) = spreads.iter().max_by(|one, other| one.0.total_cmp(&other.0))?;
    (noisy > 0).then(|| {
        format!(
            "{noisy} of {} medians are uncertain by more than ±{:.0} % (the worst: {what}, ±{:.0} %): \
             do not read much into small differences; a quiet machine or more repetitions help",
            spreads.len(),
            WIDE * 100.0,
            worst * 100.0
        )
    })
}

/// A warning if the smallest number of runs is too small for a spread.
pub fn few(fewest: usize) -> Option<String> {
    (fewest < 3).then(|| format!("only {fewest} run(s) of some cases: the spread is unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_spreads_name_the_worst_and_narrow_ones_are_no_warning() {
        let said = |spreads: &[(f64, &str)]| wide(spreads.iter().map(|(it, what)| (*it, (*what).to_owned())));
        assert_eq!(said(&[(0.01, "a"), (0.05, "b")]), None);
        assert_eq!(said(&[]), None);
        let warning = said(&[(0.06, "a"), (0.2, "json on strata"), (0.0, "c")]).unwrap();
        assert!(warning.starts_with("2 of 3") && warning.contains("json on strata, ±20 %"), "{warning}");
    }

    #[test]
    fn load_before_the_start_and_single_runs_are_told() {
        let machine = |load| Machine { load, cores: 2, ..Machine::read() };
        assert!(busy(&machine(1.8)).is_some() && busy(&machine(0.2)).is_none());
        assert!(few(1).is_some() && few(3).is_none());
    }
}
