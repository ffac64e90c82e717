//! `strata core`: what a dead process tells is what it told when it lived.

mod stage;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use stage::{Story, answer, ask, text};

const STORY: &str = env!("CARGO_BIN_EXE_story");

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("core-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn line(explained: &str, name: &str) -> u64 {
    let explained: Value = serde_json::from_str(explained).expect("JSON");
    let lines = explained["lines"].as_array().expect("lines");
    lines.iter().find(|line| line["name"] == name).and_then(|line| line["bytes"].as_u64()).expect("a line")
}

/// The core that gcore writes of a story; `None`: it cannot, and says so.
fn gcore(story: &Story, folder: &Path) -> Option<PathBuf> {
    let output = Command::new("gcore").arg("-o").arg(folder.join("core")).arg(story.number()).output();
    let is_written = output.is_ok_and(|output| output.status.success());
    if !is_written {
        println!("skipped: there is no gcore (gdb), or it may not read processes");
    }
    is_written.then(|| folder.join(format!("core.{}", story.pid)))
}

/// Compares what the living process says with what its core says.
fn assert_tells_the_same(story: &Story, core: &Path) {
    let alive = answer(&["explain", &story.number(), "--json"]);
    let dead = answer(&["core", STORY, core.to_str().expect("a path"), "--json"]);
    for name in ["strata", "live-small", "live-huge"] {
        let (alive, dead) = (line(&alive, name), line(&dead, name));
        // Pages that hold nothing but zeroes are missing.
        assert!(dead.abs_diff(alive) <= alive / 50 + (64 << 10), "{name}: {alive} alive, {dead} dead");
    }
    let page = answer(&["core", STORY, core.to_str().expect("a path")]);
    assert!(page.contains(&format!("process {} (story), which is dead", story.pid)), "{page}");
}

#[test]
fn a_core_of_gcore_tells_the_same_and_has_no_reserved_addresses() {
    let mut story = Story::play("fragmentation", "");
    story.own_stats();
    // What is due goes before the first of the two reads.
    sleep(Duration::from_secs(2));
    let folder = folder("gcore");
    let Some(core) = gcore(&story, &folder) else { return };
    assert_tells_the_same(&story, &core);
    let bytes = std::fs::metadata(&core).expect("a core").len();
    assert!(bytes < 160 << 20, "{bytes} bytes, of which 256 MiB would be addresses without memory");
    let foreign = ask(&["core", "/bin/sh", STORY]);
    assert!(text(&foreign.stderr).contains("is no core file"), "{}", text(&foreign.stderr));
    let renamed = folder.join("story-1.2");
    std::fs::copy(STORY, &renamed).expect("a copy");
    answer(&["core", renamed.to_str().expect("a path"), core.to_str().expect("a path")]);
    let cut = folder.join("cut");
    std::fs::write(&cut, &std::fs::read(&core).expect("a core")[..1 << 20]).expect("a copy");
    let cut = ask(&["core", STORY, cut.to_str().expect("a path")]);
    assert!(text(&cut.stderr).contains("cut short"), "{}", text(&cut.stderr));
    assert_eq!(text(&cut.stderr).lines().count(), 1);
    std::fs::remove_dir_all(&folder).expect("it goes");
}

/// What `strata core` says if the program is another one: one line, without its beginning.
fn refused(program: &Path, core: &Path) -> String {
    let output = ask(&["core", program.to_str().expect("a path"), core.to_str().expect("a path")]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.lines().count() == 1, "{said}");
    said
}

#[test]
fn another_program_or_build_than_the_one_that_ran_is_refused() {
    let story = Story::play("idle", "");
    let folder = folder("foreign");
    let Some(core) = gcore(&story, &folder) else { return };
    let said = refused(Path::new("/bin/sh"), &core);
    assert!(said.contains("/bin/sh is not the program of this core") && said.contains("`story`"), "{said}");
    // The same program with one byte of its build id changed, as if it had been built again.
    let mut built_again = std::fs::read(STORY).expect("the program");
    let is_id = |bytes: &[u8]| bytes == *b"\x03\0\0\0GNU\0";
    let Some(id) = built_again.windows(8).take(4000).position(is_id) else {
        return println!("half skipped: programs have no build id here");
    };
    built_again[id + 8] ^= 1;
    let other = folder.join("story");
    std::fs::write(&other, built_again).expect("a program");
    let said = refused(&other, &core);
    assert!(said.contains("is another build than the one that ran: its build id is "), "{said}");
    std::fs::remove_dir_all(&folder).expect("it goes");
}

#[test]
fn a_core_of_a_program_that_was_profiled_names_the_lines_of_code() {
    let folder = folder("profiled");
    let mut command = Command::new(STORY);
    command.arg("fragmentation").env("STRATA_PROFILE", folder.join("profile.strata"));
    let story = Story::start(command.env("STRATA_PROFILE_RATE", "16K"));
    sleep(Duration::from_secs(2));
    let Some(core) = gcore(&story, &folder) else { return };
    let dead = answer(&["core", STORY, core.to_str().expect("a path"), "--json"]);
    let dead: Value = serde_json::from_str(&dead).expect("JSON");
    assert_eq!(dead["causes"][0]["cause"], "fragmentation", "{dead}");
    let code = dead["causes"][0]["code"].to_string();
    assert!(code.contains("story/fragmentation.rs:"), "{dead}");
    let page = answer(&["core", STORY, core.to_str().expect("a path")]);
    assert!(page.contains("\n  code  ") && page.contains("requested, by the profiler's estimate"), "{page}");
    std::fs::remove_dir_all(&folder).expect("it goes");
}

#[test]
fn a_core_of_the_kernels_tells_where_the_memory_went() {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.trim() != "core" {
        println!("skipped: the kernel writes cores to {}", pattern.trim());
        return;
    }
    let folder = folder("kernel");
    let mut command = Command::new(STORY);
    command.arg("huge-blocks").current_dir(&folder);
    // SAFETY: sets a limit, which allocates nothing.
    let command = unsafe { command.pre_exec(raise_limit) };
    let story = Story::start(command);
    let alive = answer(&["explain", &story.number(), "--json"]);
    let killed = Command::new("kill").args(["-ABRT", &story.number()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let number = story.pid;
    story.wait();
    let found = ["core".to_owned(), format!("core.{number}")].map(|name| folder.join(name));
    let Some(core) = found.iter().find(|core| core.exists()) else {
        println!("skipped: no core was written");
        return;
    };
    let dead = answer(&["core", STORY, core.to_str().expect("a path"), "--json"]);
    let (alive, dead) = (line(&alive, "live-huge"), line(&dead, "live-huge"));
    assert!(dead.abs_diff(alive) <= alive / 50 + (64 << 10), "{alive} alive, {dead} dead");
    std::fs::remove_dir_all(&folder).expect("it goes");
}

fn raise_limit() -> std::io::Result<()> {
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads the limit.
    let _ = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const all) };
    // If it was refused there is no core, and the test says so.
    Ok(())
}
