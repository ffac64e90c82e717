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

fn explained(story: &Story) -> Value {
    serde_json::from_str(&answer(&["explain", &story.number(), "--json"])).expect("JSON")
}

fn line(explained: &Value, name: &str) -> Option<u64> {
    let lines = explained["lines"].as_array().expect("lines");
    lines.iter().find(|line| line["name"] == name).and_then(|line| line["bytes"].as_u64())
}

fn assert_has_the_blocks(story: &Story) {
    let explained = explained(story);
    let bytes = |name: &str| line(&explained, name).expect("a line");
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

/// Thirty thousand blocks of 100 bytes, each on 112.
#[test]
fn what_was_requested_is_told_while_the_profiler_is_on_and_left_out_otherwise() {
    let Some(program) = compiled("blocks-requested", &[]) else { return };
    let preloaded = || {
        let mut command = Command::new(&program);
        command.env("LD_PRELOAD", library("libstrata.so"));
        command
    };
    let without = Story::start(&mut preloaded());
    let explained_without = explained(&without);
    assert_eq!(line(&explained_without, "requested"), None, "{explained_without}");
    assert!(explained_without["requested_error_bytes"].is_null(), "{explained_without}");
    let page = answer(&["explain", &without.number()]);
    assert!(page.contains("what was requested, before it is rounded up"), "{page}");

    let file = std::env::temp_dir().join(format!("strata-requested-{}.strata", std::process::id()));
    // Every block is a sample; then one in sixteen or so.
    for (rate, tolerance) in [("1", 0.002), ("2K", 0.05)] {
        let story = Story::start(preloaded().env("STRATA_PROFILE", &file).env("STRATA_PROFILE_RATE", rate));
        let explained = explained(&story);
        let bytes = |name: &str| line(&explained, name).expect("a line");
        assert_eq!(bytes("requested") + bytes("size-class-rounding"), bytes("live-small"), "{explained}");
        let (requested, truth) = (bytes("requested") as f64, 3_000_000.0);
        // What the C library asked for is among it: a buffer for standard output, and a few small blocks.
        assert!((requested / truth - 1.0).abs() < tolerance + 0.005, "{rate}: {explained}");
        assert!(explained["requested_error_bytes"].is_u64(), "{explained}");
        let page = answer(&["explain", &story.number()]);
        assert!(page.contains("requested, by the profiler's estimate"), "{page}");
        assert!(
            page.contains("rounded up to size classes") && !page.contains("before it is rounded"),
            "{page}"
        );
        drop(story);
        let _ = std::fs::remove_file(&file);
    }
}

/// It is also profiled: its loader is not there to say where tables for stacks are.
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
    assert_has_the_blocks(&Story::start(&mut Command::new(&program)));
    let file = std::env::temp_dir().join(format!("strata-static-{}.strata", std::process::id()));
    let mut profiled = Command::new(program);
    let story = Story::start(profiled.env("STRATA_PROFILE", &file).env("STRATA_PROFILE_RATE", "4K"));
    assert_has_the_blocks(&story);
    assert!(line(&explained(&story), "requested") > Some(2_900_000));
    drop(story);
    let _ = std::fs::remove_file(file);
}

/// Gives a folder the system's libraries, and runs `blocks` there as if it were the whole system.
const CONTAINER: &str = r#"cd "$0"
for folder in usr lib lib64 bin; do
    if [ -h /$folder ]; then cp -d /$folder .; elif [ -d /$folder ]; then mkdir $folder && mount --rbind /$folder $folder; fi
done
exec chroot . /usr/bin/env LD_PRELOAD=/libstrata.so STRATA_PROFILE=/heap.strata STRATA_PROFILE_RATE=4K /blocks"#;

/// A process with a root and process numbers of its own: seen from outside, with the names of its functions.
#[test]
fn a_process_in_a_container() {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        return println!("skipped: there is no unshare, or namespaces are not for this user");
    }
    let Some(program) = compiled("blocks-contained", &["-g"]) else { return };
    let root = std::env::temp_dir().join(format!("strata-container-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("a folder");
    std::fs::copy(&program, root.join("blocks")).expect("a copy");
    std::fs::copy(library("libstrata.so"), root.join("libstrata.so")).expect("a copy");
    let mut story = Story::start(unshare().args(["sh", "-c", CONTAINER]).arg(&root));
    story.pid = only_child(story.pid);
    assert_has_the_blocks(&story);
    let page = answer(&["explain", &story.number()]);
    assert!(page.contains("(blocks)") && page.contains("requested, by the profiler's"), "{page}");
    let file = root.join("snapshot.json");
    answer(&["snapshot", &story.number(), "-o", file.to_str().expect("a path")]);
    let snapshot = std::fs::read_to_string(file).expect("a snapshot");
    let snapshot: Value = serde_json::from_str(&snapshot).expect("JSON");
    let most = snapshot["sites"][0]["line"].as_str().expect("a line of code");
    assert!(most.starts_with("main (") && most.contains("blocks.c:"), "{most}");
    drop(story);
    let _ = std::fs::remove_dir_all(&root);
}

fn only_child(process: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    children.expect("children").trim().parse().expect("one number")
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
    let before = explained(&story);
    let rss = |explained: &Value| explained["rss_bytes"].as_u64().expect("bytes");
    assert!(rss(&before) > 150 << 20, "{before}");
    assert!(before["page_table_bytes"].as_u64().expect("bytes") > 100 << 10, "{before}");
    assert_eq!(story.go_on(), "deleted");
    // The program sleeps: its one thread never calls the allocator again.
    let start = Instant::now();
    let mut after = explained(&story);
    // A sample in the middle of the purge sees less of it than the kernel does a moment later.
    let is_settled =
        |after: &Value| rss(after) < rss(&before) / 4 && after["causes"][0]["cause"] != "purge-delay";
    while !is_settled(&after) && start.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(200));
        after = explained(&story);
    }
    assert!(rss(&after) < rss(&before) / 4, "{after}");
    // Every thousandth string keeps its page, which is told.
    let cause = &after["causes"][0];
    assert_eq!(cause["cause"], "fragmentation", "{after}");
    assert!(cause["evidence"].as_str().expect("text").contains("80 B"), "{after}");
}

/// The same with its fix: what stays is copied before the list goes, so that the copies lie side by side.
#[test]
fn a_python_program_that_copies_what_it_keeps_has_no_problem() {
    if !python_has("sys") {
        return println!("skipped: python3 is not installed");
    }
    let program = LARGE_LIST.replace("words[::1000]", "[''.join(list(word)) for word in words[::1000]]");
    assert_ne!(program, LARGE_LIST);
    let mut python = Command::new("python3");
    python.args(["-c", &program]).env("PYTHONMALLOC", "malloc");
    let mut story = Story::start(python.env("LD_PRELOAD", library("libstrata.so")));
    assert_eq!(story.go_on(), "deleted");
    let (start, mut after) = (Instant::now(), explained(&story));
    while after["causes"][0]["cause"] != "none" && start.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(200));
        after = explained(&story);
    }
    assert_eq!(after["causes"][0]["cause"], "none", "{after}");
    assert!(line(&after, "free-blocks").expect("a line") < 2 << 20, "{after}");
}
