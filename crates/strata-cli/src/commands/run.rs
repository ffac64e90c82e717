//! `strata run`: run any program on Strata, by preloading its library.
//!
//! The command replaces itself by the program, so signals, exit code, terminal and process id are the program's own.
//!
//! Does not know: what the library does. What it cannot do, the program's file tells beforehand, because the
//! loader would ignore the library in silence.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use object::Endianness;
use object::elf::{FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};
use stratalloc::{OptionErrorKind, Strata};

use crate::commands::not_started::NotStarted;
use crate::profile::{self, Target};

/// Run a program on Strata instead of its own malloc
///
/// The program needs no change: its dynamic loader is told to load libstrata.so first. Programs that it starts run on
/// Strata, too.
///
/// The exit code is the program's; 127 if there is no such program, 126 if it cannot be run like this, 125 if this command fails, as
/// with `env`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Report on standard error, or at the end of FILE, when the program ends: what it holds, its peak, its time
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "not asked for; asked for; asked for in a file")]
    stats: Option<Option<PathBuf>>,
    /// The report as one line of JSON
    #[arg(long, requires = "stats")]
    json: bool,
    /// A report of each process that the program starts, too
    #[arg(long, requires = "stats")]
    children: bool,
    /// Profile the heap, and write who holds how much when the program ends: .pb.gz (pprof), .svg (a flame graph), .folded, .dhat.json, .heaptrack.gz,
    /// .txt or .strata, which is there while the program runs
    #[arg(long, value_name = "FILE", value_parser = Target::named)]
    profile: Option<Target>,
    /// Bytes from one sample to the next, on average; also with K, M or G; 1 samples every block [default: 512K; 4K with --leaks]
    #[arg(long, value_name = "BYTES", value_parser = profile::rate)]
    profile_rate: Option<u64>,
    /// Tell apart which thread allocated, by its name: a label called thread
    #[arg(long, requires = "profile")]
    profile_threads: bool,
    /// When the program ends, show on standard error the stacks whose blocks still live: leaks, and what it keeps to its end on purpose.
    /// Of small blocks a part is sampled; --profile-rate 1 counts every block, of programs with few
    #[arg(long)]
    leaks: bool,
    /// Set an option, such as purge_delay=1000; may be said again for another
    #[arg(long = "option", short = 'o', value_name = "NAME=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
    /// The program and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// An option that the library will accept.
fn option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("say it as NAME=VALUE, such as purge_delay=1000")?;
    // This command's own copy of the allocator obeys; it has nothing to allocate with it.
    match Strata::set_option(name, value) {
        Ok(()) => Ok((name.to_owned(), value.to_owned())),
        Err(why) if why.kind() == OptionErrorKind::OnlyAtStart => Ok((name.to_owned(), value.to_owned())),
        Err(why) => Err(format!("{why}; docs/options.md has them all")),
    }
}

/// Runs the command: comes back only if it cannot.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let Some((program, rest)) = arguments.program.split_first() else { bail!("no program to run") };
    let library = library()?;
    let path = find(program, std::env::var_os("PATH").as_deref())?;
    if let Some(obstacle) = obstacle(&path)? {
        bail!(NotStarted::Unfit(format!("{} {obstacle}", path.display())));
    }
    let is_profiled = arguments.profile.is_some() || arguments.leaks;
    if is_profiled && arguments.stats.is_some() && !arguments.children {
        return run_profiled(&mut unprofiled(arguments)?, arguments);
    }
    let mut command = Command::new(&path);
    command.arg0(program).args(rest).env("LD_PRELOAD", preload(&library, std::env::var_os("LD_PRELOAD"))?);
    for (name, value) in &arguments.options {
        command.env(format!("STRATA_{}", name.to_uppercase()), value);
    }
    if let Some(file) = &arguments.stats {
        command.envs(report(arguments, file.as_deref())?);
    }
    for variable in unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
        eprintln!("strata: {variable} is no option and does nothing; docs/options.md has them all");
    }
    if is_profiled {
        return run_profiled(&mut command, arguments);
    }
    let error = command.exec();
    let why = format!("running {}: {error}", path.display());
    bail!(if error.kind() == ErrorKind::NotFound { NotStarted::Missing(why) } else { NotStarted::Unfit(why) })
}

/// The same command without a profile. It becomes the program, whose number is then known before it starts.
fn unprofiled(arguments: &Arguments) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this command")?);
    let mut stats = OsString::from("--stats");
    if let Some(Some(file)) = &arguments.stats {
        stats.push("=");
        stats.push(file);
    }
    command.arg("run").arg(stats).args(arguments.json.then_some("--json"));
    command.args(arguments.options.iter().map(|(name, value)| format!("--option={name}={value}")));
    command.arg("--").args(&arguments.program);
    Ok(command)
}

/// Runs the program with a profile, which this command writes or shows when it has ended.
fn run_profiled(command: &mut Command, arguments: &Arguments) -> Result<ExitCode> {
    let raw = match &arguments.profile {
        Some(target) => {
            target.refuse_unwritable()?;
            target.raw()?
        }
        None => std::env::temp_dir().join(format!("strata-leaks-{}.strata", std::process::id())),
    };
    let rate = arguments.profile_rate.unwrap_or(if arguments.leaks { 4 << 10 } else { 512 << 10 });
    command.env("STRATA_PROFILE", &raw).env("STRATA_PROFILE_RATE", rate.to_string());
    if arguments.profile_threads {
        command.env("STRATA_PROFILE_THREADS", "1");
    }
    let status = command.status().map_err(|error| NotStarted::Unfit(error.to_string()))?;
    // A signal as shells tell it.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    match tell_profile(arguments, &raw) {
        // A program that failed is what its caller must learn of: it may have ended before it wrote anything.
        Err(error) if code != 0 => eprintln!("strata: {error:#}"),
        told => told?,
    }
    Ok(u8::try_from(code).unwrap_or(1).into())
}

/// Writes or shows the profile of a program that has ended.
fn tell_profile(arguments: &Arguments, raw: &Path) -> Result<()> {
    if arguments.leaks {
        eprint!("{}", profile::leaks(&profile::read(raw)?));
    }
    match &arguments.profile {
        Some(target) => eprintln!("{}", target.finish(raw)?),
        None => fs::remove_file(raw).with_context(|| format!("{} stays behind", raw.display()))?,
    }
    Ok(())
}

/// The variables that ask the library for a report.
fn report(arguments: &Arguments, file: Option<&Path>) -> Result<Vec<(&'static str, OsString)>> {
    let mut variables = vec![("STRATA_STATS", "1".into())];
    if let Some(file) = file {
        strata_harness::targets::file(file)?;
        // The program may go elsewhere.
        let path = std::path::absolute(file).with_context(|| format!("finding {}", file.display()))?;
        variables.push(("STRATA_STATS_FILE", path.into()));
    }
    if arguments.json {
        variables.push(("STRATA_STATS_JSON", "1".into()));
    }
    if !arguments.children {
        // This process becomes the program.
        variables.push(("STRATA_STATS_OF", std::process::id().to_string().into()));
    }
    Ok(variables)
}

/// Variables that resemble options and are none.
fn unknown(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_unknown = |name: &String| {
        let Some(option) = name.strip_prefix("STRATA_") else { return false };
        // No option takes this, so nothing changes.
        let answer = Strata::set_option(&option.to_lowercase(), "?");
        answer.is_err_and(|why| why.kind() == OptionErrorKind::Unknown) && !OURS.contains(&option)
    };
    names.filter(is_unknown).collect()
}

/// What the library and the profiler know beside options.
const OURS: [&str; 10] = [
    "STATS_OF",
    "STATS_FILE",
    "STATS_JSON",
    "PROFILE",
    "PROFILE_RATE",
    "PROFILE_SIGNAL",
    "PROFILE_THREADS",
    "PROFILE_UNWIND",
    "DUMP",
    "DUMP_SIGNAL",
];

/// `libstrata.so`: beside this command, or in the `lib` beside its `bin`.
fn library() -> Result<PathBuf> {
    let command = std::env::current_exe().context("looking for this command's own file")?;
    let folder = command.parent().unwrap_or(Path::new("/"));
    let places = [folder.join("libstrata.so"), folder.join("../lib/libstrata.so")];
    let found = places.iter().find(|place| place.is_file());
    found.cloned().with_context(|| {
        let [beside, installed] = places.each_ref().map(|place| place.display());
        format!(
            "no library at {beside} or {installed}: `cargo build --release` makes both it and this command"
        )
    })
}

/// What is preloaded: ours, and then what was to be preloaded anyway.
fn preload(library: &Path, before: Option<OsString>) -> Result<OsString> {
    let mut list = library.as_os_str().to_owned();
    let separated = |byte: &u8| *byte == b':' || byte.is_ascii_whitespace();
    ensure!(
        !list.as_bytes().iter().any(separated),
        "the loader would not understand the path {}: it must have no space and no colon",
        library.display()
    );
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        list.push(":");
        list.push(before);
    }
    Ok(list)
}

/// The file that a shell would run for `name`.
fn find(name: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, NotStarted> {
    let candidates: Vec<PathBuf> = if name.as_bytes().contains(&b'/') {
        vec![PathBuf::from(name)]
    } else {
        path.into_iter().flat_map(std::env::split_paths).map(|folder| folder.join(name)).collect()
    };
    if let Some(program) = candidates.iter().find(|file| is_program(file)) {
        return Ok(program.clone());
    }
    Err(match candidates.iter().find(|file| file.exists()) {
        Some(file) => NotStarted::Unfit(format!("{} may not be executed", file.display())),
        None => NotStarted::Missing(format!("no program `{}` to be found", name.display())),
    })
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Why nothing can be preloaded into the program, as the rest of a sentence about it.
fn obstacle(program: &Path) -> Result<Option<String>> {
    let metadata = fs::metadata(program).with_context(|| format!("reading {}", program.display()))?;
    if changes_user(&metadata, &fs::metadata("/proc/self")?) {
        return Ok(Some(
            "runs with the rights of another user or group (setuid, setgid): the loader refuses to preload anything \
             into it; run it as that user"
                .to_owned(),
        ));
    }
    let mut start = Vec::new();
    let file = fs::File::open(program).with_context(|| format!("reading {}", program.display()))?;
    // Headers and interpreter stand at the start; only debuggers need the rest.
    file.take(1 << 20).read_to_end(&mut start).with_context(|| format!("reading {}", program.display()))?;
    if let Some(interpreter) = interpreter_of_script(&start) {
        // One that is not there is the kernel's to refuse.
        let is_another = interpreter != program && interpreter.exists();
        let obstacle = if is_another { obstacle(&interpreter)? } else { None };
        return Ok(obstacle.map(|obstacle| format!("is a script, and {} {obstacle}", interpreter.display())));
    }
    Ok(obstacle_in(&start).map(str::to_owned))
}

/// Whether starting a file makes the process another user's than `process` is.
fn changes_user(file: &fs::Metadata, process: &fs::Metadata) -> bool {
    let mode = file.permissions().mode();
    mode & 0o4000 != 0 && file.uid() != process.uid() || mode & 0o2000 != 0 && file.gid() != process.gid()
}

/// The program that runs a script.
fn interpreter_of_script(start: &[u8]) -> Option<PathBuf> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let word = line.split(u8::is_ascii_whitespace).next()?;
    Some(PathBuf::from(OsStr::from_bytes(word)))
}

/// The same for the first bytes of an executable.
fn obstacle_in(start: &[u8]) -> Option<&'static str> {
    if !start.starts_with(b"\x7fELF") {
        // The kernel knows better what this is.
        return None;
    }
    let Ok(header) = FileHeader64::<Endianness>::parse(start) else {
        return Some("is a 32-bit program: the library is for 64 bits");
    };
    let Ok(endian) = header.endian() else { return None };
    let own = if cfg!(target_arch = "aarch64") { object::elf::EM_AARCH64 } else { object::elf::EM_X86_64 };
    if header.e_machine(endian) != own {
        return Some("is for another processor than the library");
    }
    let segments = header.program_headers(endian, start).ok()?;
    let Some(interpreter) = segments.iter().find(|segment| segment.p_type(endian) == PT_INTERP) else {
        return Some(
            "is linked statically: it has no loader that could preload anything; link it with libstrata.a instead",
        );
    };
    let loader = interpreter.data(endian, start).unwrap_or_default();
    let is_musl = loader.windows(4).any(|part| part == b"musl");
    match (is_musl, cfg!(target_env = "musl")) {
        (true, false) => Some("uses the C library musl, and the library was built for glibc"),
        (false, true) => Some("uses glibc, and the library was built for musl"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_checked_before_anything_runs() {
        assert_eq!(option("purge_delay=never"), Ok(("purge_delay".to_owned(), "never".to_owned())));
        assert!(option("show_options=1").is_ok());
        assert!(option("purge_delay").unwrap_err().contains("NAME=VALUE"));
        assert!(option("colour=blue").unwrap_err().contains("no option is called `colour`"));
        assert!(option("huge_keep=much").unwrap_err().contains("bytes, also with K, M or G"));
    }

    #[test]
    fn a_variable_that_is_no_option_is_found() {
        let names = ["HOME", "STRATA_PURGE_DELAY", "STRATA_PURGEDELAY", "STRATA_STATS_FILE", "STRATA_"];
        let unknown = unknown(names.into_iter().map(str::to_owned));
        assert_eq!(unknown, ["STRATA_PURGEDELAY", "STRATA_"]);
    }

    #[test]
    fn what_was_to_be_preloaded_still_is() {
        let library = Path::new("/opt/strata/libstrata.so");
        assert_eq!(preload(library, None).unwrap(), "/opt/strata/libstrata.so");
        assert_eq!(preload(library, Some("".into())).unwrap(), "/opt/strata/libstrata.so");
        assert_eq!(preload(library, Some("a.so:b.so".into())).unwrap(), "/opt/strata/libstrata.so:a.so:b.so");
        assert!(preload(Path::new("/my programs/libstrata.so"), None).is_err());
    }

    #[test]
    fn a_name_is_looked_up_as_a_shell_does() {
        let found = |name, path: Option<_>| find(OsStr::new(name), path.map(OsStr::new));
        assert_eq!(found("sh", Some("/nowhere:/bin")).unwrap(), Path::new("/bin/sh"));
        assert_eq!(found("/bin/sh", None).unwrap(), Path::new("/bin/sh"));
        for missing in [found("sh", Some("/nowhere")), found("sh", None), found("/nowhere/sh", None)] {
            assert!(matches!(missing, Err(NotStarted::Missing(_))));
        }
        assert!(matches!(found("/bin", None), Err(NotStarted::Unfit(_))), "a folder is no program");
    }

    #[test]
    fn a_program_of_this_machine_has_no_obstacle() {
        assert_eq!(obstacle(&std::env::current_exe().unwrap()).unwrap(), None);
        assert_eq!(obstacle(Path::new("/bin/sh")).unwrap(), None);
    }

    /// A program without any segment, hence without a loader.
    fn elf(class: u8, machine: u16) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
        file[16] = 2;
        file[18..20].copy_from_slice(&machine.to_le_bytes());
        file
    }

    #[test]
    fn static_and_foreign_programs_are_named() {
        let (own, other) = if cfg!(target_arch = "aarch64") { (183, 62) } else { (62, 183) };
        assert!(obstacle_in(&elf(2, own)).unwrap().contains("linked statically"));
        assert!(obstacle_in(&elf(2, other)).unwrap().contains("another processor"));
        assert!(obstacle_in(&elf(1, 3)).unwrap().contains("32-bit"));
        assert_eq!(obstacle_in(b"anything else"), None);
    }

    #[test]
    fn a_script_is_as_good_as_its_interpreter() {
        assert_eq!(interpreter_of_script(b"#! /usr/bin/env -S perl\nx"), Some(PathBuf::from("/usr/bin/env")));
        assert_eq!(interpreter_of_script(b"\x7fELF"), None);
    }
}
