//! What `strata explain` can inspect: C programs that preload the library or have it linked in statically, other users' processes
//! where the kernel allows it; and what it says where it does not.

mod stage;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use stage::{Story, answer, python_has, strata, text};

/// A user that no process here has.
const NOBODY: u32 = 65_534;

/// The finished library, built where strata-capi's tests build it.
fn library(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--release", "--package", "strata-capi", "--target-dir"]);
        assert!(build.arg(&target).status().expect("cargo starts").success(), "the library does not build");
        target.join("release")
    });
    folder.join(name)
}

/// Compiles `blocks.c`; `None`: there is no compiler, or no static C library.
fn compiled(name: &str, more: &[&str]) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/blocks.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut compile = Command::new("cc");
    let compiled = compile.arg("-O0").arg(source).args(more).arg("-o").arg(&program).output();
    if compiled.is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    println!("skipped: no C compiler, or no static C library");
    None
}

fn assert_has_the_blocks(story: &Story) {
    let explained = answer(&["explain", &story.number(), "--json"]);
    let explained: Value = serde_json::from_str(&explained).expect("JSON");
    let bytes = |name: &str| {
        let lines = explained["lines"].as_array().expect("lines");
        lines
            .iter()
            .find(|line| line["name"] == name)
            .and_then(|line| line["bytes"].as_u64())
            .expect("a line")
    };
    let (small, huge) = (bytes("live-small"), bytes("live-huge"));
    assert!((30_000 * 112..30_000 * 112 + (1 << 20)).contains(&small), "{explained}");
    assert!((8 << 20..9 << 20).contains(&huge), "{explained}");
}

#[test]
fn a_program_that_preloads_the_library() {
    let Some(program) = compiled("blocks", &[]) else { return };
    let story = Story::start(Command::new(program).env("LD_PRELOAD", library("libstrata.so")));
    assert_has_the_blocks(&story);
}

#[test]
fn a_static_program_stripped_of_its_symbols() {
    let archive = library("libstrata.a");
    let archive = archive.to_str().expect("a path");
    let more = [
        "-static",
        "-s",
        "-Wl,--whole-archive",
        archive,
        "-Wl,--no-whole-archive",
        "-lpthread",
        "-ldl",
        "-lrt",
    ];
    let Some(program) = compiled("blocks-static", &more) else { return };
    assert_has_the_blocks(&Story::start(&mut Command::new(program)));
}

/// The command as another user runs it, from a folder that every user may read.
fn as_nobody(arguments: &[&str]) -> Output {
    let folder = std::env::temp_dir().join(format!("strata-as-nobody-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("its rights");
    let command = folder.join("strata");
    std::fs::copy(strata(), &command).expect("a copy");
    let output = Command::new(command).args(arguments).uid(NOBODY).gid(NOBODY).current_dir("/").output();
    std::fs::remove_dir_all(&folder).expect("it goes");
    output.expect("it starts")
}

fn is_root() -> bool {
    // SAFETY: asks for a number.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        println!("skipped: only root starts programs as another user");
    }
    is_root
}

#[test]
fn another_users_process_is_refused_with_the_remedy() {
    if !is_root() {
        return;
    }
    let story = Story::play("idle", "");
    let output = as_nobody(&["explain", &story.number()]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("runs as user 0") && said.contains("sudo"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_process_that_does_not_want_it_is_refused_with_the_remedy() {
    if !is_root() {
        return;
    }
    let Some(program) = compiled("blocks-hidden", &[]) else { return };
    let library = library("libstrata.so");
    let copy = std::env::temp_dir().join(format!("strata-hidden-{}", std::process::id()));
    std::fs::create_dir_all(&copy).expect("a folder");
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).expect("its rights");
    for (file, name) in [(&program, "blocks"), (&library, "libstrata.so")] {
        std::fs::copy(file, copy.join(name)).expect("a copy");
    }
    let mut command = Command::new(copy.join("blocks"));
    command.arg("hidden").env("LD_PRELOAD", copy.join("libstrata.so")).uid(NOBODY).gid(NOBODY);
    let story = Story::start(command.current_dir("/"));
    let output = as_nobody(&["explain", &story.number()]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("PR_SET_DUMPABLE"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    // Root may.
    assert_has_the_blocks(&story);
    drop(story);
    std::fs::remove_dir_all(&copy).expect("it goes");
}

const LARGE_LIST: &str = "
import sys
words = [str(number) * 3 for number in range(2_000_000)]
print('ready', flush=True)
sys.stdin.readline()
keep = words[::1000]
del words
print('deleted', flush=True)
sys.stdin.readline()
";

#[test]
fn a_python_program_that_deletes_a_large_list_gets_its_memory_back() {
    if !python_has("sys") {
        return println!("skipped: python3 is not installed");
    }
    let mut python = Command::new("python3");
    python.args(["-c", LARGE_LIST]).env("PYTHONMALLOC", "malloc");
    let mut story = Story::start(python.env("LD_PRELOAD", library("libstrata.so")));
    let explained =
        || -> Value { serde_json::from_str(&answer(&["explain", &story.number(), "--json"])).expect("JSON") };
    let before = explained();
    let rss = |explained: &Value| explained["rss_bytes"].as_u64().expect("bytes");
    assert!(rss(&before) > 150 << 20, "{before}");
    assert!(before["page_table_bytes"].as_u64().expect("bytes") > 100 << 10, "{before}");
    assert_eq!(story.go_on(), "deleted");
    // The program sleeps: its one thread never calls the allocator again.
    let start = Instant::now();
    let explained =
        || -> Value { serde_json::from_str(&answer(&["explain", &story.number(), "--json"])).expect("JSON") };
    let mut after = explained();
    // A sample in the middle of the purge sees less of it than the kernel does a moment later.
    let is_settled =
        |after: &Value| rss(after) < rss(&before) / 4 && after["causes"][0]["cause"] != "purge-delay";
    while !is_settled(&after) && start.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(200));
        after = explained();
    }
    assert!(rss(&after) < rss(&before) / 4, "{after}");
    // Every thousandth string keeps its page, which is told.
    let cause = &after["causes"][0];
    assert_eq!(cause["cause"], "fragmentation", "{after}");
    assert!(cause["evidence"].as_str().expect("text").contains("80 B"), "{after}");
}
