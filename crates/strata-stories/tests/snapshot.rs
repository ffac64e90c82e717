//! `strata snapshot`, `strata diff` and `strata map`: two moments of a program that grows, and a picture of one that is fragmented.

mod stage;

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
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

/// The snapshots in a page.
fn embedded(page: &str) -> Vec<Value> {
    let scripts = page.split("type=\"application/json\">").skip(1);
    let texts = scripts.map(|script| script.split("</script>").next().expect("the script ends"));
    texts.map(|text| serde_json::from_str(text).expect("JSON")).collect()
}

#[test]
fn a_map_is_drawn_of_a_process_and_of_snapshots_of_it() {
    let story = Story::play("fragmentation", "");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let [kept, page] =
        ["map.json", "map.html"].map(|name| folder.join(format!("{}-{name}", std::process::id())));
    let [kept_path, page_path] = [&kept, &page].map(|path| path.to_str().expect("a path"));
    answer(&["snapshot", &story.number(), "-o", kept_path]);
    let snapshot: Value = serde_json::from_slice(&std::fs::read(&kept).expect("a file")).expect("JSON");
    let heap = &snapshot["heaps"][0];
    assert_eq!(heap["map"]["arenas"], heap["stats"]["arenas"]);
    answer(&["map", kept_path, &story.number(), "--moments", "2", "--every", "0.2", "-o", page_path]);
    let found = embedded(&std::fs::read_to_string(&page).expect("a page"));
    assert_eq!((found.len(), &found[0]), (3, &snapshot));
    let live = |snapshot: &Value| snapshot["heaps"][0]["stats"]["live_blocks"].clone();
    assert_eq!(live(&found[2]), live(&snapshot));

    std::fs::remove_file(&page).expect("it goes");
    let whole = std::fs::read(&kept).expect("a file");
    std::fs::write(&kept, &whole[..whole.len() / 2]).expect("a shorter one");
    for (source, says) in [(kept_path, "cut short"), ("/bin/sh", "is no snapshot"), ("4999999", "no process")]
    {
        let refused = ask(&["map", source, "-o", page_path]);
        let error = text(&refused.stderr);
        assert!(error.contains(says) && error.lines().count() == 1 && !page.exists(), "{error}");
    }
    std::fs::remove_file(kept).expect("it goes");
}
