//! The service within this process, for those who measure it: it listens on any free port of this machine.
//!
//! Does not know: limits, watches, successors.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::cache::Cache;
use crate::routes::{Service, router};

/// Threads that answer.
const WORKERS: usize = 2;
/// What an answer may still take when it ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running service; it ends with the value.
#[derive(Debug)]
pub struct Local {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl Local {
    /// Starts to answer.
    ///
    /// # Errors
    /// If there are no threads or no port to be had.
    pub fn start(cache: Arc<Cache>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let service = router(Service { cache, generation: 1 });
        runtime.spawn(async move { axum::serve(listener, service).await });
        Ok(Self { runtime: Some(runtime), address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Policy;
    use crate::load::{Load, Outcome};
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn every_request_of_a_load_is_answered() {
        let cache = Arc::new(Cache::new(Policy::LastPages(10)));
        let service = Local::start(Arc::clone(&cache)).unwrap();
        let load = Load { first: 5, requests: 100, rate: 1000.0, page_bytes: (10, 100_000) };
        let outcome = Outcome::default();
        load.run(service.address(), &outcome, |error| panic!("{error}"));
        assert_eq!((outcome.good.load(Relaxed), outcome.failed.load(Relaxed)), (100, 0));
        assert_eq!(cache.amount().pages, 10);
    }
}
