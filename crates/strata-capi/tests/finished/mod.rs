//! The library as users get it, and programs in C and C++ that are built and run on it.
//!
//! The library is built by cargo, in the release profile and a folder of its own: what `cargo test` built has no link-time
//! optimisation, and may have been built for tests of other crates with features that change it.
//!
//! Does not know: what a program checks.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Longer than any program takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);

/// How a program meets an allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not at all: the C library's own. Shows that the program asks for what is promised.
    System,
    /// `LD_PRELOAD`.
    Preloaded,
    /// `-lstrata`.
    Linked,
    /// `-Wl,--whole-archive libstrata.a`, the C library as usual.
    Archive,
    /// The same with `-static`.
    Static,
    /// `dlopen`, by a program that has another allocator.
    Opened,
}

/// Which processor the libraries and the programs are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Machine {
    Own,
    /// Another one's compiler, and an emulator that runs what it makes.
    Aarch64,
}

const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// Where the two libraries and the programs are.
pub(crate) struct Finished {
    folder: PathBuf,
    machine: Machine,
}

impl Finished {
    /// Builds the libraries, once in each test program.
    pub(crate) fn get() -> &'static Self {
        static FINISHED: OnceLock<Finished> = OnceLock::new();
        FINISHED.get_or_init(|| {
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished");
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--release", "--package", "strata-capi", "--target-dir"]);
            build.arg(&target).current_dir(env!("CARGO_MANIFEST_DIR"));
            assert!(build.status().unwrap().success(), "the library does not build");
            Self { folder: target.join("release"), machine: Machine::Own }
        })
    }

    /// The same for aarch64. `None`, with a message: a part of what this takes is not there.
    pub(crate) fn for_aarch64() -> Option<&'static Self> {
        static FINISHED: OnceLock<Option<Finished>> = OnceLock::new();
        FINISHED.get_or_init(Self::build_for_aarch64).as_ref()
    }

    fn build_for_aarch64() -> Option<Self> {
        let tools = ["qemu-aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++"];
        let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
        let library = Path::new(String::from_utf8(sysroot).unwrap().trim()).join("lib/rustlib").join(AARCH64);
        if !tools.iter().all(|tool| runs(tool)) || !library.is_dir() {
            println!("skipped: needs {tools:?} and `rustup target add {AARCH64}`");
            return None;
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--release", "--package", "strata-capi", "--target", AARCH64]);
        build.arg("--target-dir").arg(&target).current_dir(env!("CARGO_MANIFEST_DIR"));
        build.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", tools[1]);
        assert!(build.status().unwrap().success(), "the library does not build for aarch64");
        Some(Self { folder: target.join(AARCH64).join("release"), machine: Machine::Aarch64 })
    }

    /// `libstrata.so`.
    pub(crate) fn shared(&self) -> PathBuf {
        self.folder.join("libstrata.so")
    }

    fn archive(&self) -> PathBuf {
        self.folder.join("libstrata.a")
    }

    /// Compiles `source` (below tests/) and answers with a command that runs it. `None`, with a message: there is no such
    /// compiler, or no static C library.
    pub(crate) fn program(&self, source: &str, way: Way) -> Option<Command> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(source);
        let is_cxx = source.extension().is_some_and(|extension| extension == "cpp");
        let compiler = match (self.machine, is_cxx) {
            (Machine::Own, false) => "cc",
            (Machine::Own, true) => "c++",
            (Machine::Aarch64, false) => "aarch64-linux-gnu-gcc",
            (Machine::Aarch64, true) => "aarch64-linux-gnu-g++",
        };
        if !runs(compiler) {
            println!("skipped: {} needs {compiler}", source.display());
            return None;
        }
        let name = format!("{}-{way:?}", source.file_stem()?.to_string_lossy());
        let program = self.folder.join("programs").join(name);
        std::fs::create_dir_all(program.parent()?).unwrap();
        // Another test may run it meanwhile, or compile it, too.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: the numbers only have to differ.
        let fresh = program.with_extension(COUNT.fetch_add(1, Relaxed).to_string());
        let mut compile = Command::new(compiler);
        compile.args(if is_cxx { &["-std=c++17"][..] } else { &["-std=gnu11"] });
        compile.args([
            "-O1",
            "-g",
            "-Wall",
            "-Wextra",
            "-Wno-use-after-free",
            "-fno-builtin",
            "-pthread",
            "-I",
        ]);
        compile.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"));
        compile.arg(&source).arg("-o").arg(&fresh);
        self.link(&mut compile, way);
        let output = compile.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if way == Way::Static && !output.status.success() && said.contains("cannot find -l") {
            println!("skipped: no static C library for {}", source.display());
            return None;
        }
        assert!(output.status.success() && !said.contains("warning"), "{compile:?}\n{said}");
        std::fs::rename(fresh, &program).unwrap();
        Some(self.command(&program, way))
    }

    /// What runs a program that was compiled to meet the library in this way.
    fn command(&self, program: &Path, way: Way) -> Command {
        if self.machine == Machine::Aarch64 {
            let mut run = Command::new("qemu-aarch64");
            // Variables for the program, not for the emulator.
            match way {
                Way::Preloaded => run.arg("-E").arg(format!("LD_PRELOAD={}", self.shared().display())),
                _ => run.arg("-E").arg(format!("LD_LIBRARY_PATH={}", self.folder.display())),
            };
            run.args(["-L", "/usr/aarch64-linux-gnu"]).arg(program);
            return run;
        }
        let mut run = Command::new(program);
        match way {
            Way::Preloaded => run.env("LD_PRELOAD", self.shared()),
            Way::Linked => run.env("LD_LIBRARY_PATH", &self.folder),
            Way::Opened => run.env("STRATA_LIBRARY", self.shared()),
            Way::System | Way::Archive | Way::Static => &mut run,
        };
        run
    }

    fn link(&self, compile: &mut Command, way: Way) {
        match way {
            Way::System | Way::Preloaded => {}
            Way::Opened => _ = compile.arg("-DOPENED"),
            Way::Linked => {
                compile.arg("-L").arg(&self.folder).arg("-lstrata");
            }
            Way::Archive | Way::Static => {
                compile.args(if way == Way::Static { &["-static", "-DLINKED_STATICALLY"][..] } else { &[] });
                compile.arg("-Wl,--whole-archive").arg(self.archive()).arg("-Wl,--no-whole-archive");
            }
        }
        // Found before 2.34 in libraries of their own; empty ones since.
        compile.args(["-ldl", "-lrt"]);
    }
}

/// Whether there is a program of this name that can say its version.
pub(crate) fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Compiles and runs a program that answers with 0 when everything is as promised.
pub(crate) fn expect_good(source: &str, way: Way) {
    expect_good_of(Finished::get(), source, way);
}

/// The same with these libraries.
pub(crate) fn expect_good_of(finished: &Finished, source: &str, way: Way) {
    if let Some(mut program) = finished.program(source, way) {
        let output = finish(&mut program);
        assert!(output.status.success(), "{program:?}: {}\n{}", output.status, said(&output));
    }
}

/// What it said on standard error.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts a program that was built just now: until a child that another test forked meanwhile has called `exec`, it holds the file
/// open for writing, too.
fn start(command: &mut Command) -> Child {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(10));
            }
            started => return started.unwrap(),
        }
    }
}

/// Waits for the end of a program, and ends one that hangs.
pub(crate) fn finish(command: &mut Command) -> Output {
    finish_within(command, PATIENCE)
}

/// The same of one that hangs if it takes longer than this.
pub(crate) fn finish_within(command: &mut Command, patience: Duration) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = start(command);
    let watched = child.id();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let start = Instant::now();
        if is_done.recv_timeout(patience) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            println!("{watched} still runs after {:?}", start.elapsed());
            let _ = Command::new("kill").args(["-KILL", &watched.to_string()]).status();
        }
    });
    let output = Child::wait_with_output(child).unwrap();
    drop(done);
    watch.join().unwrap();
    output
}
