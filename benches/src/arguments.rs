//! The command line of a benchmark binary.

use std::ffi::OsString;

use lexopt::{Arg, Parser, ValueExt};

use crate::workloads::Settings;

/// What a benchmark binary was asked to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// Name every workload.
    List,
    /// Run one workload and print its sample.
    Run {
        /// The name, as `--list` prints it.
        workload: String,
        /// How much of it.
        scale: f64,
        /// On how many threads, where that can be chosen.
        threads: usize,
    },
}

const USAGE: &str = "usage: bench-<allocator> --list | WORKLOAD [--scale FACTOR] [--threads COUNT]";

/// Reads `arguments` (without the program's name).
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    let mut workload = None;
    let mut settings = Settings::default();
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(explain)? {
        match argument {
            Arg::Long("list") => return Ok(Request::List),
            Arg::Long("scale") => settings.scale = positive(&mut parser)?,
            Arg::Long("threads") => settings.threads = threads(&mut parser)?,
            Arg::Value(name) if workload.is_none() => workload = Some(name.string().map_err(explain)?),
            other => return Err(explain(other.unexpected())),
        }
    }
    let Settings { scale, threads, .. } = settings;
    workload.map(|workload| Request::Run { workload, scale, threads }).ok_or_else(|| USAGE.to_owned())
}

fn positive(parser: &mut Parser) -> Result<f64, String> {
    let value: f64 = parser.value().and_then(|value| value.parse()).map_err(explain)?;
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(format!("--scale {value}: give a factor above 0"))
    }
}

fn threads(parser: &mut Parser) -> Result<usize, String> {
    let value: usize = parser.value().and_then(|value| value.parse()).map_err(explain)?;
    if (1..=1024).contains(&value) { Ok(value) } else { Err(format!("--threads {value}: give 1 to 1024")) }
}

fn explain(error: lexopt::Error) -> String {
    format!("{error}\n{USAGE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_workload_runs_at_full_scale_on_one_thread_by_default() {
        let request = Request::Run { workload: "json".into(), scale: 1.0, threads: 1 };
        assert_eq!(parsed("json"), Ok(request));
    }

    #[test]
    fn scale_and_threads_are_taken_in_any_order() {
        let request = Request::Run { workload: "independent".into(), scale: 0.25, threads: 4 };
        assert_eq!(parsed("--threads 4 independent --scale 0.25"), Ok(request));
    }

    #[test]
    fn a_scale_that_means_no_work_is_refused() {
        for scale in ["0", "-1", "nan", "inf"] {
            assert!(parsed(&format!("json --scale {scale}")).unwrap_err().contains("above 0"));
        }
    }

    #[test]
    fn nothing_at_all_gets_the_usage() {
        assert_eq!(parsed(""), Err(USAGE.to_owned()));
    }
}
