//! The service on Strata: it sheds its pages when memory nears the limit, and lets a successor take over when that is not
//! enough.
//!
//! ```text
//!   resident
//!    of the limit
//!     80 % ─── hand over: a successor listens on the same socket, this process answers what it has accepted, and ends
//!     60 % ─── shed: all pages go
//! ```
//!
//! Says on standard output where it listens, and on standard error what it does about memory.
#![forbid(unsafe_code)]

mod handover;

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use strata_example_service::cache::{Cache, Policy};
use strata_example_service::routes::{Service, router};
use stratalloc::Strata;
use stratalloc::watch::{self, Crossing, Measure, Threshold, Watch};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::handover::{GRACE, UntilTold};

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Where operators and scrapers ask. A service that others can reach keeps this path from them, in its proxy.
const OPERATORS: &str = "/operators";
/// Bytes between two samples of the heap profiler.
const SAMPLE_BYTES: u64 = 512 << 10;

const SHED_AT: f64 = 0.6;
const HAND_OVER_AT: f64 = 0.8;

/// A small HTTP service with an unbounded cache.
#[derive(Parser, Debug)]
struct Arguments {
    /// Bytes that each visit leaves behind.
    #[arg(long, default_value_t = 8192)]
    visit_bytes: usize,
    /// Do nothing about memory: what would happen then?
    #[arg(long)]
    without_watch: bool,
    /// Sample the heap from the start, for operators. The profiler's tables count towards a limit on data.
    #[arg(long)]
    profile: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let generation = handover::generation();
    let listener = handover::listener().context("no socket to listen on")?;
    let cache = Arc::new(Cache::new(Policy::Unbounded { visit_bytes: arguments.visit_bytes }));
    let end = Arc::new(Notify::new());
    let _watches = if arguments.without_watch { None } else { Some(watches(&cache, &end)?) };
    if arguments.profile && !strata_metrics::recorder::start(SAMPLE_BYTES) {
        eprintln!("service {}: no memory for the heap profiler", std::process::id());
    }
    println!("{}", listener.local_addr()?);

    let remembered = Arc::clone(&cache);
    let service = Service { cache, generation };
    let successor = listener.try_clone()?;
    let enough = Arc::new(Notify::new());
    let listener = UntilTold::new(listener, Arc::clone(&enough))?;
    let until = async move {
        let mut stop = signal(SignalKind::terminate()).expect("the system has signals");
        tokio::select! {
            _ = stop.recv() => {}
            () = end.notified() => hand_over(successor, generation).await,
        }
        enough.notify_one();
        // The successor shares the limit, and makes pages of its own.
        remembered.shed();
        Strata::trim();
        tokio::time::sleep(GRACE).await;
    };
    let router = router(service).nest(OPERATORS, strata_metrics::routes());
    axum::serve(listener, router).with_graceful_shutdown(until).await?;
    Ok(())
}

/// Sheds first, and hands over when that was not enough.
///
/// What the allocator holds can be more than what is resident: `RLIMIT_DATA` counts memory that was given back as well.
fn watches(cache: &Arc<Cache>, end: &Arc<Notify>) -> Result<[Watch; 3]> {
    let (cache, end) = (Arc::clone(cache), Arc::clone(end));
    let shed = watch::at(Threshold::resident().share_of_limit(SHED_AT), move |crossing| {
        let pages = cache.amount().pages;
        cache.shed();
        Strata::trim();
        say(crossing, &format!("{pages} pages shed"));
    })?;
    let hand_over = |measure: Measure, end: Arc<Notify>| {
        watch::at(measure.share_of_limit(HAND_OVER_AT), move |crossing| {
            say(crossing, "handing over");
            end.notify_one();
        })
    };
    let resident = hand_over(Threshold::resident(), Arc::clone(&end))?;
    Ok([shed, resident, hand_over(Threshold::held(), end)?])
}

fn say(crossing: &Crossing, what: &str) {
    let mib = |bytes: u64| bytes >> 20;
    let limit = crossing.limit_bytes().map_or(0, mib);
    eprintln!("service {}: {} of {limit} MiB: {what}", std::process::id(), mib(crossing.bytes()));
}

/// Returns once a successor listens, after which this process may stop to. Without one it goes on: better slow than gone.
async fn hand_over(listener: std::net::TcpListener, generation: u32) {
    let started = tokio::task::spawn_blocking(move || handover::start_successor(listener, generation + 1));
    match started.await {
        Ok(Ok(successor)) => eprintln!("service {}: {successor} takes over", std::process::id()),
        Ok(Err(error)) => {
            eprintln!("service {}: no successor: {error:#}", std::process::id());
            std::future::pending().await
        }
        Err(_) => std::future::pending().await,
    }
}
