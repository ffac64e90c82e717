//! A socket that goes from one process to the next, as systemd hands it to the first: as descriptor 3.
//!
//! Connections that come meanwhile wait in the socket, which is never closed: none is refused.
//!
//! Does not know: why.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::serve::Listener;
use command_fds::{CommandFdExt, FdMapping};
use listenfd::ListenFd;
use tokio::net::TcpStream;
use tokio::sync::Notify;

const GENERATION: &str = "SERVICE_GENERATION";
/// Where the protocol has the first socket.
const DESCRIPTOR: i32 = 3;
/// How long a client that was accepted may take to say what it wants; meanwhile two processes need memory.
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// Which process in the row this is.
pub(crate) fn generation() -> u32 {
    env::var(GENERATION).ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// The predecessor's socket, or a new one on any free port of this machine.
pub(crate) fn listener() -> Result<TcpListener> {
    match ListenFd::from_env().take_tcp_listener(0)? {
        Some(listener) => Ok(listener),
        None => Ok(TcpListener::bind(("127.0.0.1", 0))?),
    }
}

/// Accepts connections until it is told that another process does.
///
/// A server that is asked to end closes the connections on which nothing has come yet, also those that it accepted a
/// moment before: their clients would meet a closed connection instead of an answer. So first no client is accepted any more,
/// and only after [`GRACE`] the server is asked to end.
pub(crate) struct UntilTold {
    listener: tokio::net::TcpListener,
    told: Arc<Notify>,
}

impl UntilTold {
    /// Of the socket, until it is told.
    pub(crate) fn new(listener: TcpListener, told: Arc<Notify>) -> Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: tokio::net::TcpListener::from_std(listener)?, told })
    }
}

impl Listener for UntilTold {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        tokio::select! {
            biased;
            () = self.told.notified() => std::future::pending().await,
            connection = Listener::accept(&mut self.listener) => connection,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Starts this program anew with the socket, and waits until it listens; the process's number.
pub(crate) fn start_successor(listener: TcpListener, generation: u32) -> Result<u32> {
    let mut command = Command::new(env::current_exe().context("who am I?")?);
    command.args(env::args_os().skip(1)).env(GENERATION, generation.to_string());
    command.env("LISTEN_FDS", "1").env_remove("LISTEN_PID").stdout(Stdio::piped());
    command.fd_mappings(vec![FdMapping { parent_fd: OwnedFd::from(listener), child_fd: DESCRIPTOR }])?;
    let mut child = command.spawn().context("cannot start")?;
    let said = child.stdout.take().context("its output was piped")?;
    let mut line = String::new();
    if BufReader::new(said).read_line(&mut line)? == 0 {
        bail!("it ended with {}", child.wait()?);
    }
    Ok(child.id())
}
