//! `strata run`, beside a finished library as it is after `cargo build --release`.

mod installed;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use installed::installed;

fn run(arguments: &[&str]) -> Output {
    Command::new(installed().join("strata")).arg("run").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn output_and_exit_code_are_the_programs() {
    let output = run(&["--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((&*output.stdout, &*said(&output), output.status.code()), (&b"out\n"[..], "err\n", Some(7)));
}

#[test]
fn a_signal_ends_the_program_itself() {
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(run(&["--", "sh", "-c", "kill -TERM $$"]).status.signal(), Some(15));
}

#[test]
fn the_program_runs_on_strata_with_options() {
    let output =
        run(&["--stats", "--option", "purge_delay=7", "-o", "show_options=1", "--", "ls", "-d", "."]);
    let said = said(&output);
    assert!(output.status.success() && output.stdout == b".\n", "{said}");
    for part in
        ["purge_delay   7 ", "environment", "strata ls[", "]: committed", "at its peak", "on the wall"]
    {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn one_report_is_of_the_program_and_more_on_request() {
    let reports = |arguments: &[&str]| {
        // Not a shell: Debian's ends by `_exit`, which no library hears of.
        let program = ["--", "find", "/", "-maxdepth", "0", "-exec", "ls", "/", ";", "-exec", "ls", "/", ";"];
        let output = run(&[arguments, &program].concat());
        assert!(output.status.success(), "{}", said(&output));
        said(&output).lines().filter(|line| line.contains("]: committed")).count()
    };
    assert_eq!(reports(&["--stats"]), 1);
    assert_eq!(reports(&["--stats", "--leaks"]), 1);
    assert_eq!(reports(&["--stats", "--children"]), 3);
    assert_eq!(reports(&[]), 0);
}

#[test]
fn a_report_goes_into_a_file_as_json_and_what_cannot_be_written_is_refused() {
    let file = installed().join("report.json");
    let _ = std::fs::remove_file(&file);
    let wish = format!("--stats={}", file.display());
    let output = run(&[&wish, "--json", "--", "ls", "/"]);
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&report["name"], report["stats"]["version"].is_u64()), (&"ls".into(), true));
    assert!(report["peak_resident_bytes"].as_u64() > Some(0) && report["wall_ms"].is_u64(), "{report}");
    let refused = run(&["--stats=/proc/no/file", "--", "ls"]);
    assert_eq!(refused.status.code(), Some(125), "{}", said(&refused));
    assert!(refused.stdout.is_empty() && said(&refused).contains("cannot be written"));
}

#[test]
fn a_variable_that_is_no_option_gets_one_line() {
    let output = Command::new(installed().join("strata"))
        .args(["run", "--", "true"])
        .env("STRATA_PURGEDELAY", "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        said(&output).lines().filter(|line| line.contains("STRATA_PURGEDELAY is no option")).count(),
        1
    );
}

#[test]
fn what_cannot_work_is_said_in_a_line() {
    let bad_option = run(&["-o", "huge_keep=much", "--", "ls"]);
    assert!(said(&bad_option).contains("bytes, also with K, M or G"));
    let missing = run(&["--", "no-program-of-this-name"]);
    assert!(said(&missing).contains("no program `no-program-of-this-name`"));
    assert!(!bad_option.status.success() && !missing.status.success());
    let alone = Command::new(env!("CARGO_BIN_EXE_strata")).args(["run", "--", "ls"]).output().unwrap();
    assert!(alone.status.success() || said(&alone).contains("cargo build --release"), "{}", said(&alone));
}

#[test]
fn what_does_not_start_answers_as_env_does() {
    let folder = installed();
    let (plain, orphan) = (folder.join("plain"), folder.join("orphan"));
    std::fs::write(&plain, "echo never\n").unwrap();
    std::fs::write(&orphan, "#!/no/interpreter\n").unwrap();
    std::fs::set_permissions(&orphan, std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in [&plain, &orphan, folder, Path::new("/no/program"), Path::new("no-program-of-this-name")] {
        let env = Command::new("env").arg(name).output().unwrap();
        let ours = run(&["--", name.to_str().unwrap()]);
        assert_eq!(ours.status.code(), env.status.code(), "{}: {}", name.display(), said(&ours));
        assert!([126, 127].map(Some).contains(&ours.status.code()) && ours.stdout.is_empty());
    }
}

#[test]
fn a_static_program_is_refused() {
    let folder = installed();
    let (source, program) = (folder.join("static.c"), folder.join("static"));
    std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let compiled = Command::new("cc").arg("-static").arg(&source).arg("-o").arg(&program).output();
    if !compiled.is_ok_and(|output| output.status.success()) {
        println!("skipped: no C compiler, or no static C library");
        return;
    }
    let output = run(&["--", program.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(126));
    assert!(said(&output).contains("linked statically"), "{}", said(&output));
}

#[test]
fn a_signal_to_the_command_reaches_the_program() {
    use std::io::{BufRead, BufReader};
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = Command::new(installed().join("strata"))
        .args(["run", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn a_setuid_program_and_a_script_for_it_are_refused() {
    use std::os::unix::fs::chown;
    let folder = installed();
    let (program, script) = (folder.join("setuid"), folder.join("setuid.sh"));
    let _ = std::fs::remove_file(&program);
    std::fs::copy("/bin/sh", &program).unwrap();
    if chown(&program, Some(65_534), None).is_err() {
        println!("skipped: only the superuser gives files away");
        return;
    }
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755)).unwrap();
    std::fs::write(&script, format!("#!{}\n", program.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    for refused in [&program, &script] {
        let output = run(&["--", refused.to_str().unwrap()]);
        assert!(!output.status.success() && said(&output).contains("setuid"), "{}", said(&output));
    }
}
