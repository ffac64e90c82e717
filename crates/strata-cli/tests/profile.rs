//! `strata run --profile` and `strata profile`, on a C program of which it is known what holds how much.

mod installed;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use installed::installed;

/// 20 MB in blocks of 200,000 bytes, 5.6 MB in blocks of 100 (which are of 112), and 100 MB that were freed at once. In between 30 MB more live for
/// a while.
const SOURCE: &str = r#"
#include <stdlib.h>
#include <string.h>
static void *held[60000];
__attribute__((noinline)) void *make_small(void) { return malloc(100); }
__attribute__((noinline)) void *make_big(void) { return malloc(192 << 10); }
__attribute__((noinline)) void *make_peak(void) { return malloc(30000000); }
__attribute__((noinline)) void turn_over(void) { void *volatile block = malloc(1000); memset(block, 1, 1000); free(block); }
int main(int argc, char **argv) {
    int count = 0;
    for (int i = 0; i < 50000; i++) held[count++] = make_small();
    for (int i = 0; i < 100; i++) held[count++] = make_big();
    void *passing = make_peak();
    for (int i = 0; i < 100000; i++) turn_over();
    free(passing);
    if (argc > 1) abort();
    return 3;
}
"#;

fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profile");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("known.c"), SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-g", "-o"]).arg(folder.join("known")).arg(folder.join("known.c"));
        assert!(compiler.status().unwrap().success(), "the program does not compile");
        folder
    })
}

fn strata(arguments: &[&str]) -> Output {
    Command::new(installed().join("strata")).args(arguments).current_dir(folder()).output().unwrap()
}

/// Runs the program with a profile; the profile's bytes.
fn profiled(name: &str) -> Vec<u8> {
    let output = strata(&["run", "--profile", name, "--profile-rate", "16K", "--", "./known"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{said}");
    assert!(said.starts_with(&format!("{name}: ")) && said.contains("bytes live at the end"), "{said}");
    std::fs::read(folder().join(name)).unwrap()
}

/// The number behind a stack in collapsed form.
fn bytes_of(folded: &str, function: &str) -> f64 {
    let line = folded
        .lines()
        .find(|line| line.ends_with(|last: char| last.is_ascii_digit()) && line.contains(function));
    line.and_then(|line| line.rsplit_once(' ')).map_or(0.0, |(_, bytes)| bytes.parse().unwrap())
}

#[test]
fn functions_that_hold_memory_are_named_with_what_they_hold() {
    let folded = String::from_utf8(profiled("known.folded")).unwrap();
    // Standard errors at this rate: 60 KB of the large blocks, 300 KB of the small ones.
    let (big, small) = (bytes_of(&folded, "main;make_big"), bytes_of(&folded, "main;make_small"));
    assert!((big - 19.66e6).abs() < 600e3 && (small - 5.6e6).abs() < 1.5e6, "{folded}");
    assert_eq!(bytes_of(&folded, "turn_over"), 0.0);
    assert!(!folded.contains("strata"), "{folded}");
    assert!(!folder().join("known.folded.strata").exists());
}

#[test]
fn a_profile_is_shown_compared_and_written_anew() {
    profiled("known.strata");
    let shown = strata(&["profile", "known.strata", "--top", "1"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.starts_with("#1: ") && text.contains("make_big (") && text.contains("known.c:6)"), "{text}");
    let peak = strata(&["profile", "known.strata", "--top", "1", "--peak"]);
    let text = String::from_utf8(peak.stdout).unwrap();
    assert!(text.starts_with("#1: 28.6 MiB ± ") && text.contains("make_peak ("), "{text}");
    let none = strata(&["profile", "known.strata", "--compare", "known.strata"]);
    assert!(String::from_utf8(none.stdout).unwrap().starts_with("live: 0 B"));
    assert!(strata(&["profile", "known.strata", "-o", "anew.dhat.json"]).status.success());
    let dhat: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder().join("anew.dhat.json")).unwrap()).unwrap();
    assert_eq!((dhat["dhatFileVersion"].as_u64(), dhat["pps"].as_array().unwrap().len()), (Some(2), 4));
}

#[test]
fn a_flame_graph_is_drawn_of_a_profile_and_of_a_change() {
    let picture = String::from_utf8(profiled("flame.svg")).unwrap();
    let held =
        picture.split("<title>make_big (").nth(1).expect("a rectangle").split(" bytes").next().unwrap();
    let bytes: f64 = held.replace(',', "").parse().unwrap();
    assert!((bytes - 19.66e6).abs() < 600e3 && picture.contains("Who holds the memory"), "{held}");
    profiled("flame.strata");
    assert!(
        strata(&["profile", "flame.strata", "--compare", "flame.strata", "-o", "same.svg"]).status.success()
    );
    let same = std::fs::read_to_string(folder().join("same.svg")).unwrap();
    assert!(same.contains("<title>make_big (") && same.contains("What changed"), "{same}");
}

#[test]
fn what_still_lives_at_the_end_is_shown() {
    let shown = strata(&["run", "--leaks", "--", "./known"]);
    let said = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert_eq!(shown.status.code(), Some(3), "{said}");
    assert!(
        said.starts_with("what still lives at the end:\n#1: 18.8 MiB ± 0 B, 100 blocks\n    make_big ("),
        "{said}"
    );
    assert!(said.contains(" blocks\n    make_small (") && !said.contains("turn_over"), "{said}");
    let none = strata(&["run", "--leaks", "--profile-rate", "1", "--", "true"]);
    assert!(none.status.success() && !String::from_utf8_lossy(&none.stderr).contains("main"));
}

#[test]
fn a_profile_is_put_together_and_parts_of_it_are_shown() {
    let run =
        ["run", "--profile", "parts.strata", "--profile-rate", "16K", "--profile-threads", "--", "./known"];
    assert_eq!(strata(&run).status.code(), Some(3));
    let shown = |rest: &[&str]| {
        let all = [&["profile", "parts.strata"], rest].concat();
        String::from_utf8(strata(&all).stdout).unwrap()
    };
    let functions = shown(&["--by", "function"]);
    assert!(functions.lines().next().unwrap().ends_with(" make_big"), "{functions}");
    assert!(shown(&["--by", "line"]).lines().next().unwrap().contains("known.c:6)"));
    let [module, thread] = [&["--by", "module"], &["--by", "thread"]].map(|by| shown(by));
    assert!(module.lines().next().unwrap().ends_with(" known") && module == thread, "{module}{thread}");
    let small = shown(&["--without", "make_big", "--by", "function"]);
    assert!(small.lines().next().unwrap().ends_with(" make_small"), "{small}");
    assert!(shown(&["--only", "make_big"]).contains(", thread=known\n"));
    let allocated = shown(&["--allocated"]);
    let most = allocated.lines().take(3).collect::<Vec<_>>();
    assert!(
        most[1].contains(" % freed, half of them within ") && most[1].ends_with(", 0 % by another thread"),
        "{allocated}"
    );
    assert!(
        most[2].contains("turn_over") && allocated.contains("    none freed\n    make_big ("),
        "{allocated}"
    );
}

#[test]
fn a_program_that_crashed_leaves_what_it_wrote() {
    let crashed = strata(&["run", "--profile", "crashed.strata", "--", "./known", "abort"]);
    let said = String::from_utf8_lossy(&crashed.stderr);
    // It lived for less than a second, and wrote its beginning only. Its caller learns that it crashed, whatever became of the profile.
    assert_eq!(crashed.status.code(), Some(134), "{said}");
}

/// A child that was a shell and became another program: both write to the file that has its number.
#[test]
fn a_child_that_becomes_another_program_goes_on_with_its_file() {
    let script = "sh -c 'echo $$; exec true'; exec ./known";
    let output = strata(&["run", "--profile", "twice.strata", "--", "sh", "-c", script]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && !said.contains("cannot be created"), "{said}");
    let child = String::from_utf8_lossy(&output.stdout);
    let file = folder().join(format!("twice.strata.{}", child.trim()));
    assert!(std::fs::metadata(&file).is_ok_and(|found| found.len() > 0), "{}", file.display());
    std::fs::remove_file(file).unwrap();
}

#[test]
fn what_cannot_be_written_or_read_is_refused_in_one_line() {
    let lines = |output: Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let unwritable =
        lines(strata(&["run", "--profile", "/nowhere/a.folded", "--", "sh", "-c", "echo started >&2"]));
    assert!(unwritable.contains("/nowhere/a.folded cannot be written") && !unwritable.contains("started"));
    let nameless = lines(strata(&["run", "--profile", "a.heap", "--", "./known"]));
    assert!(nameless.contains("the name says the format"), "{nameless}");
    let foreign = lines(strata(&["profile", "known.c"]));
    assert_eq!(foreign, "error: reading known.c: this is no profile of Strata's\n");
}

/// The kind of thread that comes to no slow path: it replaces blocks of one size.
const STEADY: &str = r#"
#include <stdlib.h>
#include <stdio.h>
static void *held[100];
__attribute__((noinline)) void *replace(void *old) { free(old); return malloc(5000); }
int main(void) {
    for (int i = 0; i < 100; i++) held[i] = malloc(5000);
    for (int i = 0; i < 1000; i++) held[i % 100] = replace(held[i % 100]);
    puts("steady");
    fflush(stdout);
    while (getchar() != EOF) for (int i = 0; i < 20000; i++) held[i % 100] = replace(held[i % 100]);
    return 0;
}
"#;

#[test]
fn a_signal_switches_also_a_thread_that_comes_to_no_cold_door() {
    std::fs::write(folder().join("steady.c"), STEADY).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-g", "-o", "steady", "steady.c"]).current_dir(folder());
    assert!(compiler.status().unwrap().success());
    let raw = folder().join("steady.strata");
    let _ = std::fs::remove_file(&raw);
    let mut program = Command::new(folder().join("steady"))
        .env("LD_PRELOAD", installed().join("libstrata.so"))
        .envs([("STRATA_PROFILE_SIGNAL", "12"), ("STRATA_PROFILE_RATE", "64K")])
        .env("STRATA_PROFILE", &raw)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 6];
    program.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    // SAFETY: the program is a child that was not waited for.
    unsafe { libc::kill(program.id().cast_signed(), 12) };
    std::thread::sleep(Duration::from_millis(50));
    program.stdin.take().unwrap().write_all(b"twice").unwrap();
    assert!(program.wait().unwrap().success());
    let shown = strata(&["profile", "steady.strata"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    // 100,000 blocks of 5,120 bytes.
    let line = text.lines().find(|line| line.starts_with("allocated: ")).unwrap();
    assert!(line.contains(" MiB") && text.contains("replace ("), "{text}");
}

/// A program that runs already: it keeps a block in a thousand.
const SERVICE: &str = r#"
#include <stdlib.h>
#include <stdio.h>
#include <poll.h>
static void *held[1 << 20];
__attribute__((noinline)) void *keep(void) { return malloc(3000); }
__attribute__((noinline)) void turn_over(void *volatile *blocks) {
    for (int i = 0; i < 1000; i++) blocks[i] = malloc(1000);
    for (int i = 0; i < 1000; i++) free(blocks[i]);
}
int main(void) {
    static void *volatile blocks[1000];
    struct pollfd end = {0, POLLIN, 0};
    for (int count = 0; poll(&end, 1, 1) == 0 && count < 1 << 20; ) {
        turn_over(blocks);
        held[count++] = keep();
    }
    return 0;
}
"#;

fn a_process_to_watch() {
    static COMPILED: OnceLock<()> = OnceLock::new();
    COMPILED.get_or_init(|| {
        std::fs::write(folder().join("service.c"), SERVICE).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-g", "-o", "service", "service.c"]).current_dir(folder());
        assert!(compiler.status().unwrap().success());
    });
}

#[test]
fn a_process_that_runs_already_is_profiled_for_a_while() {
    a_process_to_watch();
    let mut service = Command::new(installed().join("strata"))
        .args(["run", "--", "./service"])
        .current_dir(folder())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = service.id().to_string();
    std::thread::sleep(Duration::from_millis(300));
    let off = strata(&["profile", &pid]);
    let first = strata(&["profile", &pid, "--seconds", "0.5", "--rate", "1"]);
    std::thread::sleep(Duration::from_millis(700));
    let second = strata(&["profile", &pid, "--seconds", "0.5", "--rate", "4K", "-o", "service.folded"]);
    let growth = strata(&["profile", &pid, "--seconds", "1.5", "--rate", "1K", "--growth"]);
    drop(service.stdin.take());
    assert!(service.wait().unwrap().success());
    let off = String::from_utf8_lossy(&off.stderr).into_owned();
    assert!(off.contains("is not profiled: say for how long"), "{off}");
    let (text, said) = (String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    // Others live for the moment at which this looks, or not.
    assert!(
        text.contains("keep (") && text.contains("service.c:6)") && !text.contains("strata"),
        "{text}{said}"
    );
    assert!(said.is_empty() && !text.contains("allocated: 0 B"), "{text}{said}");
    let said = String::from_utf8_lossy(&second.stderr);
    let folded = std::fs::read_to_string(folder().join("service.folded")).unwrap();
    let kept = bytes_of(&folded, "main;keep");
    assert!(kept > 0.0 && kept < 3e6, "{folded}{said}");
    let grows = String::from_utf8_lossy(&growth.stdout);
    assert!(grows.starts_with("#1: +") && grows.contains(" % sure\n    keep ("), "{grows}");
    assert!(!grows.contains("turn_over"), "{grows}");
}

#[test]
fn a_watch_of_a_profiled_process_names_who_grows() {
    a_process_to_watch();
    let raw = folder().join("watched.strata");
    let _ = std::fs::remove_file(&raw);
    let mut service = Command::new(installed().join("strata"))
        .args(["run", "--profile", "watched.strata", "--profile-rate", "4K", "--", "./service"])
        .current_dir(folder())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    while !std::fs::metadata(&raw).is_ok_and(|file| file.len() > 10_000) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", service.id())).unwrap();
    let watched = strata(&["explain", children.trim(), "--watch", "3"]);
    drop(service.stdin.take());
    assert!(service.wait().unwrap().success());
    let text = String::from_utf8_lossy(&watched.stdout);
    assert!(
        text.contains("By its heap profile, what grows:\n#1: +")
            && text.contains("    keep (")
            && text.contains("service.c:6)"),
        "{text}"
    );
    let file = strata(&["profile", "watched.strata", "--growth"]);
    let text = String::from_utf8_lossy(&file.stdout);
    assert!(text.contains(" a minute cannot be told from chance"), "{text}");
}

#[test]
fn a_process_that_cannot_be_profiled_is_told_why() {
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let refused = strata(&["profile", &other.id().to_string(), "--seconds", "1"]);
    other.kill().unwrap();
    other.wait().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("does not run on Strata: start it by `strata run -- PROGRAM`"), "{said}");
    let own = strata(&["profile", "known.c", "--seconds", "1"]);
    assert!(String::from_utf8_lossy(&own.stderr).contains("this is a file"));
    let raw = strata(&["profile", "1", "--seconds", "1", "-o", "a.strata"]);
    assert!(String::from_utf8_lossy(&raw.stderr).contains("choose another format"));
}

#[test]
fn heaptrack_reads_what_is_written_for_it() {
    profiled("known.heaptrack.gz");
    let Ok(output) = Command::new("heaptrack_print").arg("known.heaptrack.gz").current_dir(folder()).output()
    else {
        println!("skipped: no heaptrack_print on this machine");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("make_big") && text.contains("known.c:6"), "{text}");
    // What lived when most did, and as many calls as there were. (Of a hundred blocks one is no sample in one of 1,600 runs.)
    assert!(text.contains("1 calls with 30.00M peak consumption from:"), "{text}");
    assert!([100, 99].iter().any(|calls| text.contains(&format!("{calls} calls with 19."))), "{text}");
}

/// `PPROF` names Go's pprof, unless Debian's Go is installed: a binary that runs alone, of the package `golang-1.19-go`.
fn pprof() -> Option<PathBuf> {
    let installed =
        || std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path()).find_map(in_go);
    std::env::var_os("PPROF").map(PathBuf::from).or_else(installed)
}

/// The same in a folder of Go's.
fn in_go(folder: PathBuf) -> Option<PathBuf> {
    let is_go = folder.file_name()?.to_str()?.starts_with("go-");
    let tools = std::fs::read_dir(folder.join("pkg/tool")).ok().filter(|_| is_go)?;
    tools.flatten().map(|entry| entry.path().join("pprof")).find(|path| path.exists())
}

#[test]
fn pprof_reads_what_is_written_for_it() {
    profiled("known.pb.gz");
    let Some(pprof) = pprof() else {
        println!("skipped: no Go, and PPROF names no pprof");
        return;
    };
    let output = Command::new(pprof).args(["-top", "known.pb.gz"]).current_dir(folder()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("File: known") && text.contains("Type: inuse_space") && text.contains("make_big"),
        "{text}"
    );
}
