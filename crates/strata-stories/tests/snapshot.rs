//! `strata snapshot` and `strata diff`: two moments of a program that grows.

mod stage;

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use stage::{Story, answer, ask, text};

#[test]
fn what_a_cache_took_between_two_snapshots_is_told_by_its_sizes() {
    let story = Story::play("unbounded-cache", "");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let [before, after] =
        ["before", "after"].map(|name| folder.join(format!("{name}-{}.json", std::process::id())));
    let paths = [&before, &after].map(|path| path.to_str().expect("a path"));
    for path in paths {
        answer(&["snapshot", &story.number(), "-o", path]);
        sleep(Duration::from_secs(1));
    }
    let told = answer(&["diff", paths[0], paths[1]]);
    let (_, live) = told.split_once("live blocks").expect("a table");
    let first = live.lines().nth(1).expect("a row");
    assert!(first.contains("320 B") && first.contains('+'), "{told}");
    assert!(told.contains("live-small") && told.contains("RSS"), "{told}");
    let same = answer(&["diff", paths[0], paths[0]]);
    assert_eq!(same.matches("no change").count(), 4, "{same}");
    let foreign = ask(&["diff", paths[0], "/bin/sh"]);
    assert!(text(&foreign.stderr).contains("is no snapshot") && text(&foreign.stderr).lines().count() == 1);
    for path in [before, after] {
        std::fs::remove_file(path).expect("it goes");
    }
}
