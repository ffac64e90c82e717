//! Which value each option has, and who said so: the default, then the program, then the environment.
//!
//! Decided once, before `main`, on the stack of the loader: nothing is allocated, and no thread waits. A value that is not
//! accepted gets one line, and what held before it stays.
//!
//! Does not know: what a value does.

use super::Options;
use super::parse::Written;
use super::table::{Id, OPTION_COUNT, Row, TABLE};
use core::ffi::CStr;
use core::fmt;

/// The longest value that anyone can mean; what is longer is not accepted.
const VALUE_BYTES: usize = 64;

/// Who chose a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    Program,
    Environment,
}

/// One option's value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) row: &'static Row,
    pub(crate) value: u64,
    pub(crate) origin: Origin,
}

/// A value that was asked for in vain.
#[derive(Debug)]
pub(crate) struct Complaint<'text> {
    row: &'static Row,
    text: &'text [u8],
    stays: Written,
}

/// The values of all options; `environment` copies a variable's value and returns its length, and `complain` hears of
/// each value that is not accepted.
pub(crate) fn decide(
    program: &Options,
    environment: impl Fn(&CStr, &mut [u8]) -> Option<usize>,
    mut complain: impl FnMut(&Complaint<'_>),
) -> [Setting; OPTION_COUNT] {
    TABLE.each_ref().map(|row| {
        let chosen = said_by_program(row, program);
        let mut buffer = [0; VALUE_BYTES];
        match environment(row.variable, &mut buffer) {
            // Set to nothing is the shell's way to say not set.
            None | Some(0) => chosen,
            Some(length) => {
                let asked = buffer.get(..length).and_then(|text| row.syntax.parse(text));
                asked.map_or_else(
                    || {
                        let text = buffer.get(..length).unwrap_or(&buffer);
                        complain(&Complaint { row, text, stays: row.syntax.written(chosen.value) });
                        chosen
                    },
                    |value| Setting { row, value, origin: Origin::Environment },
                )
            }
        }
    })
}

/// Whatever an `Options` holds is accepted: its verbs see to that.
fn said_by_program(row: &'static Row, program: &Options) -> Setting {
    match program.get(row.id) {
        Some(value) => Setting { row, value, origin: Origin::Program },
        None => Setting { row, value: row.default, origin: Origin::Default },
    }
}

/// Prints all settings if one of them says so.
pub(crate) fn show_if_asked(settings: &[Setting; OPTION_COUNT], out: &mut impl fmt::Write) -> fmt::Result {
    if !settings.iter().any(|setting| setting.row.id == Id::ShowOptions && setting.value == 1) {
        return Ok(());
    }
    writeln!(
        out,
        "{:<12}  {:<10}  {:<10}  {:<11}  meaning; accepted; STRATA_<OPTION>",
        "option", "value", "default", "set by"
    )?;
    settings.iter().try_for_each(|setting| writeln!(out, "{setting}"))
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { name, accepted, meaning, syntax, default, .. } = self.row;
        let (value, default) = (syntax.written(self.value), syntax.written(*default));
        write!(f, "{name:<12}  {value:<10}  {default:<10}  {:<11}  {meaning}; {accepted}", self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Program => "program",
            Self::Environment => "environment",
        })
    }
}

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = self.row.variable.to_str().unwrap_or(self.row.name);
        let (text, accepted) = (self.text.escape_ascii(), self.row.accepted);
        write!(f, "{variable}={text} is not accepted ({accepted}); {} stays", self.stays)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    /// The settings under an environment, as text, and the complaints.
    fn decided(program: &Options, environment: &[(&CStr, &[u8])]) -> (Vec<String>, Vec<String>) {
        let mut complaints = Vec::new();
        let read = |name: &CStr, buffer: &mut [u8]| {
            let (_, value) = environment.iter().find(|(variable, _)| *variable == name)?;
            let fits = value.len().min(buffer.len());
            buffer[..fits].copy_from_slice(&value[..fits]);
            Some(value.len())
        };
        let settings = decide(program, read, |complaint| complaints.push(complaint.to_string()));
        let text = |setting: &Setting| {
            let value = setting.row.syntax.written(setting.value);
            std::format!("{} {value} {}", setting.row.name, setting.origin)
        };
        (settings.iter().map(text).collect(), complaints)
    }

    #[test]
    fn defaults_hold_when_nobody_says_anything() {
        let (settings, complaints) = decided(&Options::new(), &[]);
        let expected = [
            "purge_delay 500 default",
            "purge now default",
            "segment_size 256M default",
            "huge_keep 256M default",
            "huge_pages auto default",
            "reserve_2m 0 default",
            "reserve_1g 0 default",
            "purge_thread 1 default",
            "stats 0 default",
            "show_options 0 default",
        ];
        assert_eq!(settings, expected);
        assert!(complaints.is_empty());
    }

    #[test]
    fn the_environment_has_the_last_word() {
        let program =
            Options::new().purge_delay(Some(core::time::Duration::from_secs(1))).huge_keep_bytes(1 << 30);
        let (settings, _) = decided(&program, &[(c"STRATA_PURGE_DELAY", b"never"), (c"STRATA_STATS", b"1")]);
        assert_eq!(settings[0], "purge_delay never environment");
        assert_eq!(settings[Id::HugeLimit as usize], "huge_keep 1G program");
        assert_eq!(settings[Id::Stats as usize], "stats 1 environment");
    }

    #[test]
    fn a_bad_value_is_named_and_what_held_stays() {
        let program = Options::new().segment_size_bytes(16 << 20);
        let environment: [(&CStr, &[u8]); 2] =
            [(c"STRATA_SEGMENT_SIZE", b"1M"), (c"STRATA_HUGE_KEEP", b"4\xff\n")];
        let (settings, complaints) = decided(&program, &environment);
        assert_eq!(settings[Id::SegmentSize as usize], "segment_size 16M program");
        assert_eq!(settings[Id::HugeLimit as usize], "huge_keep 256M default");
        let expected = [
            "STRATA_SEGMENT_SIZE=1M is not accepted (bytes from 4M to 256M, also with K, M or G); 16M stays",
            "STRATA_HUGE_KEEP=4\\xff\\n is not accepted (bytes, also with K, M or G); 256M stays",
        ];
        assert_eq!(complaints, expected);
    }

    #[test]
    fn an_empty_value_is_not_set() {
        let (settings, complaints) = decided(&Options::new(), &[(c"STRATA_STATS", b"")]);
        assert_eq!((&*settings[Id::Stats as usize], complaints.len()), ("stats 0 default", 0));
    }

    #[test]
    fn a_value_longer_than_anyone_means_is_refused_even_if_it_begins_well() {
        let mut long = Vec::from(*b"1");
        long.resize(VALUE_BYTES + 1, b' ');
        let (settings, complaints) = decided(&Options::new(), &[(c"STRATA_STATS", &long)]);
        assert_eq!((&*settings[Id::Stats as usize], complaints.len()), ("stats 0 default", 1));
        let (settings, _) = decided(&Options::new(), &[(c"STRATA_STATS", &long[..VALUE_BYTES])]);
        assert_eq!(settings[Id::Stats as usize], "stats 1 environment");
    }

    #[test]
    fn a_table_is_shown_if_asked_for() {
        let shown = |environment: &[(&CStr, &[u8])]| {
            let read = |name: &CStr, buffer: &mut [u8]| {
                let (_, value) = environment.iter().find(|(variable, _)| *variable == name)?;
                buffer[..value.len()].copy_from_slice(value);
                Some(value.len())
            };
            let mut text = String::new();
            show_if_asked(&decide(&Options::new(), read, |_| ()), &mut text).unwrap();
            text
        };
        assert_eq!(shown(&[]), "");
        let text = shown(&[(c"STRATA_SHOW_OPTIONS", b"1"), (c"STRATA_HUGE_KEEP", b"0")]);
        assert_eq!(text.lines().count(), OPTION_COUNT + 1);
        assert!(text.starts_with("option        value       default     set by       meaning"), "{text}");
        assert!(text.contains("\nhuge_keep     0           256M        environment  how much"), "{text}");
    }
}
