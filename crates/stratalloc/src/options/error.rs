//! Why an option was not changed: with its name, the value and what is accepted, in a type that allocates nothing.
//!
//! Does not know: what an option does.

use super::table::{Row, TABLE};
use core::fmt;
use strata_inspect::Fixed;

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionErrorKind {
    /// No option has this name.
    Unknown,
    /// The option does not take the value.
    NotAccepted,
    /// The option is read only when the program starts.
    OnlyAtStart,
}

/// Why an option was not changed: its `Display` names the option, the value and what is accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OptionError {
    kind: OptionErrorKind,
    name: Fixed<32>,
    value: Fixed<64>,
    accepted: &'static str,
}

impl OptionError {
    pub(super) fn unknown(name: &str, value: &str) -> Self {
        Self::new(OptionErrorKind::Unknown, name, value, "")
    }

    pub(super) fn not_accepted(row: &Row, value: &str) -> Self {
        Self::new(OptionErrorKind::NotAccepted, row.name, value, row.accepted)
    }

    pub(super) fn only_at_start(row: &Row, value: &str) -> Self {
        Self::new(OptionErrorKind::OnlyAtStart, row.name, value, row.accepted)
    }

    fn new(kind: OptionErrorKind, name: &str, value: &str, accepted: &'static str) -> Self {
        let (name, value) = (name.escape_debug(), value.escape_debug());
        Self {
            kind,
            name: Fixed::of(format_args!("{name}")),
            value: Fixed::of(format_args!("{value}")),
            accepted,
        }
    }

    /// What was wrong.
    pub fn kind(&self) -> OptionErrorKind {
        self.kind
    }

    /// The name that was given, or its start.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The value that was given, or its start.
    pub fn value(&self) -> &str {
        self.value.as_str()
    }

    /// What the option takes, in words; nothing if there is no such option.
    pub fn accepted(&self) -> &str {
        self.accepted
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, value, accepted } = self;
        match kind {
            OptionErrorKind::Unknown => {
                write!(f, "no option is called `{name}`; there are")?;
                let mut before = "";
                TABLE
                    .iter()
                    .try_for_each(|row| write!(f, "{} {}", core::mem::replace(&mut before, ","), row.name))
            }
            OptionErrorKind::NotAccepted => {
                write!(f, "option `{name}` does not take `{value}`, but {accepted}")
            }
            OptionErrorKind::OnlyAtStart => {
                let variable = name.as_str().bytes().map(|byte| byte.to_ascii_uppercase() as char);
                write!(f, "option `{name}` can only be set before the program starts: STRATA_")?;
                variable.into_iter().try_for_each(|letter| write!(f, "{letter}"))?;
                write!(f, "={value}")
            }
        }
    }
}

impl fmt::Debug for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptionError({:?}: {self})", self.kind)
    }
}

impl core::error::Error for OptionError {}
