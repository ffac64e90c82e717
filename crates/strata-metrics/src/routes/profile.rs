//! `/debug/pprof/heap` and `/debug/pprof/allocs`: heap profiles, as Grafana Alloy, Parca and `go tool pprof` fetch them.
//!
//! Both are the same profile with the same four values; they differ in the one that a reader shows first. Addresses have no
//! names: their reader finds these in the program's file, by its build id.
//!
//! Does not know: what is sampled. Idea: Go's `net/http/pprof`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use strata_profile::{Profile, Shown, recorder};

use super::query::Request;
use super::refusal::Refusal;

type Download = ([(HeaderName, HeaderValue); 3], Vec<u8>);

/// What lives.
pub(super) async fn heap(request: Request) -> Result<Download, Refusal> {
    download(&request, Shown::Live, "heap").await
}

/// What was allocated.
pub(super) async fn allocs(request: Request) -> Result<Download, Refusal> {
    download(&request, Shown::Allocated, "allocs").await
}

async fn download(request: &Request, shown: Shown, name: &str) -> Result<Download, Refusal> {
    let profile = match request.seconds()? {
        None => whole(request).await?,
        Some(time) => within(request, time).await?,
    };
    let bytes = apart(request, move || profile.to_pprof_showing(shown)).await?;
    let bytes = bytes.map_err(|error| failed(request, &error.to_string()))?;
    let file = HeaderValue::from_str(&format!("attachment; filename=\"{name}.pb.gz\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_DISPOSITION, file.unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    Ok((headers, bytes))
}

/// What was recorded since the profiler was first started.
async fn whole(request: &Request) -> Result<Profile, Refusal> {
    let mut profile = taken(request).await?;
    if profile.sites.is_empty() && recorder::mean_bytes() == 0 {
        return Err(off(request));
    }
    profile.begun = since_1970();
    Ok(profile)
}

/// What is recorded from now on, for a time.
async fn within(request: &Request, time: Duration) -> Result<Profile, Refusal> {
    if recorder::mean_bytes() == 0 {
        return Err(off(request));
    }
    let (begun, before) = (since_1970(), taken(request).await?);
    tokio::time::sleep(time).await;
    let mut change = taken(request).await?.compare_to(&before);
    change.begun = begun;
    change.milliseconds = since_1970().saturating_sub(begun);
    Ok(change)
}

async fn taken(request: &Request) -> Result<Profile, Refusal> {
    apart(request, Profile::take).await
}

/// Runs what takes milliseconds where it holds up no other request.
async fn apart<T: Send + 'static>(
    request: &Request,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(request, &error.to_string()))
}

fn failed(request: &Request, error: &str) -> Refusal {
    request.refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("the profile could not be made: {error}"))
}

fn off(request: &Request) -> Refusal {
    request.refuse(
        StatusCode::SERVICE_UNAVAILABLE,
        "the heap profiler is off: have the program call strata_metrics::recorder::start(512 << 10)",
    )
}

fn since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
