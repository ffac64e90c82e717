//! Operators of the service see its memory.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Ends with the test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn metrics_explanation_and_profiles_are_nested_in_the_service() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
    let mut service = Service(command.arg("--profile").stdout(Stdio::piped()).spawn().unwrap());
    let mut address = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let ask = |path: &str| {
        let address = format!("http://{}{path}", address.trim());
        ureq::get(address).call().unwrap().body_mut().read_to_vec().unwrap()
    };
    assert_eq!(ask("/page/1/1000").len(), 1000);
    let text = |path| String::from_utf8(ask(path)).unwrap();
    assert!(text("/operators/metrics").contains("\nstrata_allocated_bytes "));
    assert!(text("/operators/debug/strata/explain?format=json").contains("\"causes\""));
    for profile in ["heap", "allocs"] {
        assert_eq!(ask(&format!("/operators/debug/pprof/{profile}"))[..2], [0x1f, 0x8b], "not gzipped");
    }
}
