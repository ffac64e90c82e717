//! The profiler within a C++ program in which everything happens at once: `cxx/torture.cpp` says what.
//!
//! `STRATA_TEST_ROUNDS` says how often it switches the profiler, in each of the four ways.

mod installed;

use std::path::Path;
use std::process::Command;

use installed::installed;

/// How often the program switches the profiler unless the environment says otherwise: about a second.
const ROUNDS: &str = "41";

#[test]
fn exceptions_plugins_forks_and_signals_while_the_profiler_is_switched_on_and_off() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("torture");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cxx/torture.cpp");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, flags) in [("torture", &["-pthread"][..]), ("plugin.so", &["-DPLUGIN", "-shared", "-fPIC"])] {
        let mut compiler = Command::new("c++");
        compiler.args(["-std=c++17", "-O1", "-g"]).args(flags).arg("-o").arg(folder.join(name)).arg(&source);
        match compiler.arg("-ldl").status() {
            Ok(status) => assert!(status.success(), "{name} does not compile"),
            Err(_) => return println!("skipped: no C++ compiler"),
        }
    }
    let plugin = folder.join("plugin.so");
    let rounds = std::env::var("STRATA_TEST_ROUNDS").unwrap_or_else(|_| ROUNDS.into());
    // Off until a signal comes, and switched by each; or on from the start to the end.
    for (profile, by_signal) in [("by_signal.strata", true), ("by_option.strata", false)] {
        for unwinding in ["tables", "frames"] {
            let file = folder.join(format!("{unwinding}.{profile}"));
            let _ = std::fs::remove_file(&file);
            let mut run = Command::new(folder.join("torture"));
            run.arg(&plugin).arg(&rounds).env("LD_PRELOAD", installed().join("libstrata.so"));
            run.env("STRATA_PROFILE", &file).env("STRATA_PROFILE_RATE", "4K");
            run.env("STRATA_PROFILE_UNWIND", unwinding);
            if by_signal {
                run.env("STRATA_PROFILE_SIGNAL", "12");
            }
            let output = run.output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert!(output.status.success(), "{profile}, {unwinding}: {}", String::from_utf8_lossy(&said));
            let shown = Command::new(installed().join("strata")).arg("profile").arg(&file).output().unwrap();
            let text = String::from_utf8_lossy(&shown.stdout).into_owned();
            assert!(shown.status.success() && text.contains("allocated: "), "{profile}, {unwinding}: {text}");
            assert!(!text.contains("allocated: 0 B"), "{profile}, {unwinding}: {text}");
        }
    }
}
