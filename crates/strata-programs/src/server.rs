//! A server under a load: measured is the server; the time is that of the load.

use std::ffi::OsStr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::run::{Run, Started};
use super::starter::Usage;

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// Stopped at the latest when it goes out of scope.
pub(super) struct Server {
    started: Started,
    stop: Signal,
    runs: bool,
}

impl Server {
    /// Starts it and waits until `ready` succeeds; `stop` is the signal at which it ends in order.
    pub(super) fn start<S: AsRef<OsStr>>(
        run: &Run<'_>,
        command: impl IntoIterator<Item = S>,
        user: Option<&str>,
        stop: Signal,
        ready: impl Fn() -> Command,
    ) -> Result<Self> {
        let server = Self { started: run.start(command, user)?, stop, runs: true };
        let start = Instant::now();
        while !ready().output().is_ok_and(|output| output.status.success()) {
            if start.elapsed() > PATIENCE {
                bail!("the server did not answer within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(server)
    }

    /// Stops it in order.
    pub(super) fn end(mut self) -> Result<Usage> {
        kill(Pid::from_raw(self.started.process), self.stop)?;
        self.runs = false;
        self.started.end()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.runs {
            // It may have ended by itself; the run has failed anyway.
            let _ = kill(Pid::from_raw(self.started.process), self.stop);
        }
    }
}
