//! The process that a test runs in: what it uses, and a fresh one where the test must be alone.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Names the test that a child process runs.
const CHILD: &str = "STRATA_TEST_CHILD";

/// Longest life of a child, unless its test says otherwise.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) const KIB: usize = 1 << 10;
pub(crate) const MIB: usize = 1 << 20;

/// Runs `body` in a process of its own: `name` is the calling test's, as the harness lists it.
///
/// # Panics
/// If the child does not end well.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some_and(|child| child == name) {
        // Ends the line that the harness began, so that what the body says starts one.
        println!();
        return body();
    }
    expect_success(child_for(name).spawn().unwrap());
}

/// The same of a body that takes longer than [`PATIENCE`], and says meanwhile how far it is.
///
/// # Panics
/// If the child does not end well.
pub(crate) fn alone_for(name: &str, patience: Duration, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some_and(|child| child == name) {
        println!();
        return body();
    }
    let mut child = child_for(name).stdout(Stdio::inherit()).stderr(Stdio::inherit()).spawn().unwrap();
    let status = end_of(&mut child, patience);
    assert!(status.success(), "the child ended with {status}");
}

/// What starts the test `name` of this program in a child, which takes the branch of [`alone`] that runs the body.
pub(crate) fn child_for(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"]);
    // The C library's own allocator would reserve 64 MiB for each thread that uses it.
    command.env("MALLOC_ARENA_MAX", "1");
    command.env(CHILD, name).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for a child and passes on what it had to say.
///
/// # Panics
/// If it does not end with 0.
pub(crate) fn expect_success(child: Child) {
    expect_code(child, 0);
}

/// As [`expect_success`], with another exit code.
pub(crate) fn expect_code(mut child: Child, code: i32) {
    let outputs = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let readers = [read_all(outputs.0), read_all(outputs.1)];
    let status = end_of(&mut child, PATIENCE);
    let [output, errors] = readers.map(|reader| reader.join().unwrap());
    assert_eq!(status.code(), Some(code), "the child ended with {status}\n{output}\n{errors}");
    let said = output.lines().filter(|line| line.starts_with("  "));
    said.for_each(|line| println!("{line}"));
}

/// How a child ends, which is killed when it takes longer.
fn end_of(child: &mut Child, patience: Duration) -> ExitStatus {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            return child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        from.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Bytes of a line of `/proc/self/status`, as `VmRSS`; allocates nothing that stays.
pub(crate) fn status_bytes(name: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * KIB
}

/// Resident memory.
pub(crate) fn resident_bytes() -> usize {
    status_bytes("VmRSS:")
}

/// Resident memory at its highest.
pub(crate) fn peak_resident_bytes() -> usize {
    status_bytes("VmHWM:")
}

/// Address space.
pub(crate) fn address_space_bytes() -> usize {
    status_bytes("VmSize:")
}

/// Sets the soft limit of a resource; `None`: as high as it goes.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, bytes: Option<usize>) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes the value that it is given.
    let known = unsafe { libc::getrlimit(resource, &raw mut limit) };
    limit.rlim_cur = bytes.map_or(limit.rlim_max, |bytes| bytes as libc::rlim_t);
    // SAFETY: reads the value that it is given.
    let done = unsafe { libc::setrlimit(resource, &raw const limit) };
    assert_eq!((known, done), (0, 0));
}

/// Whether this test runs under ThreadSanitizer, whose own memory and time are many times the program's.
pub(crate) fn is_sanitized() -> bool {
    std::env::var_os("TSAN_OPTIONS").is_some()
}

/// Whether this test was built without optimisation, or with the sanitizer in it: then it does less.
pub(crate) fn is_slow() -> bool {
    let is_debug = |path: std::path::PathBuf| path.components().any(|part| part.as_os_str() == "debug");
    is_sanitized() || std::env::current_exe().is_ok_and(is_debug)
}
