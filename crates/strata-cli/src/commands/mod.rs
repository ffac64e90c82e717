//! What can be typed after `strata`: one file for each verb.

pub(crate) mod bench;
pub(crate) mod core;
pub(crate) mod explain;
pub(crate) mod map;
pub(crate) mod not_started;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod top;

use std::time::Duration;

/// A length of time, said in seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.1..=86_400.0).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err("give a number of seconds, such as 10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_of_seconds() {
        assert_eq!(seconds("1.5").unwrap(), Duration::from_millis(1500));
        for text in ["0", "-1", "much", "1e9"] {
            assert!(seconds(text).unwrap_err().contains("such as 10"));
        }
    }
}
