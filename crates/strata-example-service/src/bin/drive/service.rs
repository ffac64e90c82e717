//! The service as its driver sees it: a first process, and whichever has taken over.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use strata_example_service::client::Client;

use crate::limit::Limit;

/// A running service.
#[derive(Debug)]
pub(crate) struct Running {
    first: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts the program that lies beside this one.
    pub(crate) fn start(limit: &Limit, without_watch: bool) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("service");
        let mut command = limit.command(&program);
        command.args(without_watch.then_some("--without-watch")).stdout(Stdio::piped());
        let mut first = command.spawn().context("no shell")?;
        let said = first.stdout.take().context("its output was piped")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("{} does not run", program.display()))?;
        Ok(Self { first, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the process that listens now to end, and waits until none listens.
    pub(crate) fn stop(mut self) {
        let client = Client::new(self.address);
        while let Ok(state) = client.state() {
            let _gone = kill(Pid::from_raw(state.process.cast_signed()), Signal::SIGTERM);
        }
        let _ended = self.first.wait();
    }
}
