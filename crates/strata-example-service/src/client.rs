//! One request at a time, each on a connection of its own, as different clients would come.

use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;

use crate::page;
use crate::routes::State;

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// More than any page has.
const MOST_BYTES: u64 = 8 << 20;

/// Asks one service.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    address: SocketAddr,
}

impl Client {
    /// Of the service that listens there.
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).max_idle_connections(0).build();
        Self { agent: config.into(), address }
    }

    /// Asks for a page; an error if it does not come, whole and right.
    pub fn page(&self, number: u64, bytes: usize) -> Result<(), String> {
        let page = self.get(&format!("page/{number}/{bytes}"))?;
        if page::is_right(&page, number, bytes) {
            Ok(())
        } else {
            Err(format!("page {number}: {} bytes came of {bytes}, or wrong ones", page.len()))
        }
    }

    /// Asks how it is.
    pub fn state(&self) -> Result<State, String> {
        serde_json::from_slice(&self.get("state")?).map_err(|error| error.to_string())
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let url = format!("http://{}/{path}", self.address);
        let answer = self.agent.get(url).header("connection", "close").call();
        let mut response = answer.map_err(|error| error.to_string())?;
        response.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(|error| error.to_string())
    }
}
