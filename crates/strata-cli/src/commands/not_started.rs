//! Why `strata run` did not start a program, and the exit code that says so.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::process::ExitCode;

/// Why a program was not started.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// There is none, or none to interpret it.
    Missing(String),
    /// It is there, and cannot be run like this.
    Unfit(String),
}

impl NotStarted {
    /// How shells and `env` tell the two from whatever the program itself may answer.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Missing(_) => 127.into(),
            Self::Unfit(_) => 126.into(),
        }
    }
}

impl Display for NotStarted {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (Self::Missing(why) | Self::Unfit(why)) = self;
        formatter.write_str(why)
    }
}

impl Error for NotStarted {}
