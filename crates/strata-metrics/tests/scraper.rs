//! A substitute for scrapers: it asks as Prometheus, Grafana Alloy and Parca do, and is as strict with the answers.
//!
//! | scraper    | asks for                                            | expects                                                      |
//! |------------|-----------------------------------------------------|--------------------------------------------------------------|
//! | Prometheus | `/metrics`, with a list of dialects                 | the content type says which of them it got                   |
//! | Parca      | `/debug/pprof/allocs`, `/heap`, every 10 s          | pprof that holds together, with all four values              |
//! | Alloy      | `/debug/pprof/allocs` every 15 s                    | the same; takes differences of `alloc_*` by stack itself     |
//! | Alloy      | `?seconds=N`, with N + 3 seconds of patience        | a profile of that time alone, with its duration              |
//!
//! (Their sources: Prometheus `scrape/scrape.go`; Parca `pkg/scrape/scrape.go`; Alloy `pyroscope/scrape`.)

mod pprof;
mod served;

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use served::{Answer, serve};
use strata_metrics::{METRICS, recorder};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const ANY: &str = "*/*";
const PATIENCE: Duration = Duration::from_secs(600);
const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
                            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const CLASSIC: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

/// Blocks of a size that hardly anything else has: the server may, so that stacks are told apart as well.
const BYTES: usize = 7168;

/// The recorder belongs to one test at a time.
static RECORDER: Mutex<()> = Mutex::new(());

fn boxes(count: usize) -> Vec<Box<[u8; BYTES]>> {
    (0..count).map(|_| Box::new(black_box([1; BYTES]))).collect()
}

/// Asks as scrapers do, which take answers gzipped as well.
fn ask(address: SocketAddr, path: &str, accept: &str, timeout: Duration) -> Answer {
    served::ask(address, path, &[("Accept", accept), ("Accept-Encoding", "gzip")], timeout)
}

fn profile_of(answer: &Answer) -> pprof::Profile {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("Content-Type"), "application/octet-stream");
    // The body is a file that is gzipped, not a text that was gzipped for its way: clients must not unpack it.
    assert_eq!(answer.header("Content-Encoding"), "");
    assert_eq!(answer.body[..2], [0x1f, 0x8b]);
    let profile = pprof::read(&answer.body);
    let types = [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ];
    assert_eq!(profile.types, types.map(|(name, unit)| (name.to_owned(), unit.to_owned())));
    profile
}

#[test]
fn prometheus_gets_the_dialect_that_it_prefers() {
    let address = serve();
    let open = ask(address, "/metrics", PROMETHEUS_3, PATIENCE);
    assert_eq!(open.status, 200);
    assert!(open.header("Content-Type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("\n# EOF\n"));
    let classic = ask(address, "/metrics", CLASSIC, PATIENCE);
    assert!(classic.header("Content-Type").starts_with("text/plain; version=0.0.4"));
    for metric in METRICS {
        let family = format!("# TYPE {} ", metric.name());
        assert!(open.text().contains(&family), "{family}");
    }
}

#[test]
fn an_explanation_is_text_or_json_as_asked_for() {
    let address = serve();
    let page = ask(address, "/debug/strata/explain", ANY, PATIENCE);
    assert!(page.status == 200 && page.header("Content-Type").starts_with("text/plain"), "{page:?}");
    assert!(page.text().contains("live"), "{}", page.text());
    for (path, accept) in [
        ("/debug/strata/explain", "application/json"),
        ("/debug/strata/explain?format=json", ANY),
        ("/operators/debug/strata/explain?format=json", ANY),
    ] {
        let answer = ask(address, path, accept, PATIENCE);
        assert_eq!(answer.header("Content-Type"), "application/json", "{path}");
        let json: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(json["pid"], std::process::id());
        let top = json["lines"].as_array().expect("lines").iter().filter(|line| line["parent"].is_null());
        let sum: u64 = top.map(|line| line["bytes"].as_u64().expect("bytes")).sum();
        assert_eq!(json["rss_bytes"], sum);
        assert!(!json["causes"].as_array().expect("causes").is_empty());
    }
}

#[test]
fn what_cannot_be_answered_is_said_with_a_remedy() {
    let _alone = RECORDER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    recorder::stop();
    let address = serve();
    for (path, status, why) in [
        ("/debug/strata/explain?format=xml", 400, "give format=json or format=text"),
        ("/debug/pprof/heap?seconds=0", 400, "give 1 to 600"),
        ("/debug/pprof/allocs?seconds=soon", 400, "seconds=soon is out of range"),
        ("/debug/pprof/allocs?seconds=1", 503, "strata_metrics::recorder::start(512 << 10)"),
    ] {
        let text = ask(address, path, ANY, PATIENCE);
        assert_eq!(text.status, status, "{path}: {}", text.text());
        assert!(text.text().contains(why) && text.text().lines().count() == 1, "{path}: {}", text.text());
        assert!(text.header("Content-Type").starts_with("text/plain"));
        let json = ask(address, path, "application/json", PATIENCE);
        let said: Value = serde_json::from_slice(&json.body).expect("JSON");
        assert_eq!((json.status, json.header("Content-Type")), (status, "application/json"));
        assert!(said["error"].as_str().is_some_and(|error| error.contains(why)), "{said}");
    }
    assert_eq!(ask(address, "/debug/pprof/goroutine", ANY, PATIENCE).status, 404);
}

#[test]
fn parca_reads_heap_and_allocs_which_differ_in_what_they_show() {
    let _alone = RECORDER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let address = serve();
    assert!(recorder::start(1));
    drop(black_box(vec![0_u8; 100_000]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut kept = boxes(50);
    kept.truncate(20);
    for (path, name, shown) in
        [("/debug/pprof/heap?gc=1", "heap", "inuse_space"), ("/debug/pprof/allocs", "allocs", "alloc_space")]
    {
        let answer = ask(address, path, ANY, PATIENCE);
        let file = format!("attachment; filename=\"{name}.pb.gz\"");
        assert_eq!(answer.header("Content-Disposition"), file);
        assert_eq!(answer.header("X-Content-Type-Options"), "nosniff");
        let profile = profile_of(&answer);
        assert_eq!(profile.shown, shown);
        assert!((profile.begun - now).abs() < 60_000, "{} and {now}", profile.begun);
        assert_eq!(profile.period, 1);
        let live = profile.most("inuse_objects", BYTES as i64);
        assert!(live >= 20 && profile.most("alloc_objects", BYTES as i64) >= live + 30, "{live}");
    }
    recorder::stop();
    drop(kept);
}

#[test]
fn alloy_takes_differences_of_two_scrapes_itself() {
    let _alone = RECORDER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let address = serve();
    assert!(recorder::start(1));
    drop(black_box(vec![0_u8; 100_000]));
    let scrape = || profile_of(&ask(address, "/debug/pprof/allocs", ANY, PATIENCE));
    let first = scrape();
    drop(boxes(40));
    let second = scrape();
    recorder::stop();
    let place = second.place("alloc_objects");
    let mut grown = Vec::new();
    for (stack, values) in &second.samples {
        let before = first.samples.get(stack).map_or(0, |values| values[place]);
        assert!(values[place] >= before, "a stack that allocated less than before: {stack:?}");
        if stack.1 == BYTES as i64 {
            grown.push(values[place] - before);
        }
    }
    // What answered the first scrape may have grown too, by another stack.
    assert_eq!(grown.into_iter().max(), Some(40));
}

#[test]
fn alloy_gets_a_profile_of_the_seconds_that_it_asks_for() {
    let _alone = RECORDER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let address = serve();
    assert!(recorder::start(1));
    drop(black_box(vec![0_u8; 100_000]));
    // Many, at another line than those that come meanwhile.
    let before = (0..10_000).map(|_| Box::new(black_box([1; BYTES]))).collect::<Vec<_>>();
    let is_answered = Arc::new(AtomicBool::new(false));
    let work = {
        let is_answered = Arc::clone(&is_answered);
        std::thread::spawn(move || {
            let mut pairs = Vec::new();
            while !is_answered.load(Relaxed) {
                // A thread's end gives back what it freed, so that it counts as freed.
                let two = std::thread::spawn(|| boxes(4).into_iter().step_by(2).collect::<Vec<_>>());
                pairs.extend(two.join().unwrap());
                std::thread::sleep(Duration::from_millis(5));
            }
            pairs
        })
    };
    let start = Instant::now();
    // Beside a sampling request, another is answered, too.
    let aside = std::thread::spawn(move || ask(address, "/", ANY, PATIENCE).status);
    let answer = ask(address, "/debug/pprof/allocs?seconds=2", ANY, PATIENCE);
    let waited = start.elapsed();
    is_answered.store(true, Relaxed);
    let kept = work.join().unwrap();
    recorder::stop();
    assert_eq!(aside.join().unwrap(), 200);
    let profile = profile_of(&answer);
    assert!(waited >= Duration::from_secs(2) && profile.milliseconds >= 2000, "{waited:?}");
    let of = |name| profile.most(name, BYTES as i64);
    let (came, lives) = (of("alloc_objects"), of("inuse_objects"));
    // Each round is four of which two live, and the time may begin and end within one.
    assert!(came > 0 && came < 10_000 && came <= 2 * kept.len() as i64, "{came}");
    assert!((2 * lives - came).abs() <= 8, "{lives} of {came}");
    assert_eq!(of("inuse_space"), lives * BYTES as i64);
    drop((before, kept));
}
