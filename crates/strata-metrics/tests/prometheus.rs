//! A real Prometheus scrapes the routes, answers each query of the dashboard, and evaluates the alerts, where it is installed.

mod promql;
mod served;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use served::{ask, serve};
use strata_metrics::{ALERTS, DASHBOARD};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const PATIENCE: Duration = Duration::from_secs(60);

/// The server and its files, which go with it.
struct Server {
    process: Child,
    folder: PathBuf,
    address: std::net::SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    /// Has Prometheus scrape a service each second; `None` if it is not installed.
    fn start(service: std::net::SocketAddr) -> Option<Self> {
        Command::new("prometheus").arg("--version").output().ok()?;
        let folder = std::env::temp_dir().join(format!("strata-metrics-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: [alerts.yml]\n\
             scrape_configs: [{{job_name: '{}', static_configs: [{{targets: ['{service}']}}]}}]\n",
            promql::JOB
        );
        fs::write(folder.join("prometheus.yml"), config).expect("a file");
        fs::write(folder.join("alerts.yml"), ALERTS).expect("a file");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        let process = Command::new("prometheus")
            .current_dir(&folder)
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).expect("a file"))
            .spawn()
            .ok()?;
        let server = Self { process, folder, address };
        server.wait_until("it answers", |server| {
            std::net::TcpStream::connect(server.address).is_ok()
                && server.ask("/-/ready").is_some_and(|text| text.contains("Ready"))
        });
        Some(server)
    }

    fn ask(&self, path: &str) -> Option<String> {
        let answer = ask(self.address, path, &[], PATIENCE);
        (answer.status == 200).then(|| answer.text().to_owned())
    }

    fn wait_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The series that a query is answered with.
    fn query(&self, query: &str) -> Vec<Value> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let text = self.ask(&format!("/api/v1/query?query={escaped}"));
        let text = text.unwrap_or_else(|| panic!("{query} is refused"));
        let json: Value = serde_json::from_str(&text).expect("JSON");
        json["data"]["result"].as_array().expect("a vector").clone()
    }
}

#[test]
fn a_real_server_answers_each_query() {
    let service = serve();
    let Some(server) = Server::start(service) else {
        return println!("skipped: there is no prometheus here");
    };
    // A rate needs two scrapes.
    server.wait_until("two scrapes", |server| !server.query("rate(strata_purges_total[1m])").is_empty());
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let queries = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    for target in queries {
        let query = promql::filled_in(target["expr"].as_str().expect("a query"));
        let query = query.replace(promql::INSTANCE, &service.to_string());
        assert!(!server.query(&query).is_empty(), "{query} has no answer");
    }
    let dialect = server.ask("/api/v1/targets").expect("targets");
    assert!(dialect.contains("\"health\":\"up\""), "{dialect}");
    let rules: Value = serde_json::from_str(&server.ask("/api/v1/rules").expect("rules")).expect("JSON");
    let rules = rules["data"]["groups"][0]["rules"].as_array().expect("rules").clone();
    assert_eq!(rules.len(), 4);
    server.wait_until("the rules are evaluated", |server| {
        server.ask("/api/v1/rules").is_some_and(|text| text.matches("\"health\":\"ok\"").count() == 4)
    });
}
