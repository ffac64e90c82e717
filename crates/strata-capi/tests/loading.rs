//! How the library gets into a process: opened late, preloaded with options, and the form that it must have for that.

mod finished;

use std::path::Path;
use std::process::Command;

use finished::{Finished, Way, finish, runs, said};

fn expect_opened(visible: &str) {
    let finished = Finished::get();
    let Some(mut program) = finished.program("c/opened.c", Way::System) else { return };
    let output = finish(program.arg(finished.shared()).arg(visible));
    assert!(output.status.success(), "{}\n{}", output.status, said(&output));
}

#[test]
fn opened_for_itself_it_leaves_pointers_of_others_alone() {
    expect_opened("local");
}

#[test]
fn opened_for_all_it_leaves_pointers_of_others_alone() {
    expect_opened("global");
}

#[test]
fn options_come_from_the_environment() {
    // It closes its standard error before it ends, as all of GNU's small programs do.
    let mut command = Command::new("ls");
    command.args(["-d", "."]).env("LD_PRELOAD", Finished::get().shared());
    let silent = finish(&mut command);
    assert!(silent.status.success() && silent.stderr.is_empty(), "{}", said(&silent));
    command.env("STRATA_STATS", "1").env("STRATA_SHOW_OPTIONS", "1").env("STRATA_HUGE_KEEP", "much");
    let output = finish(&mut command);
    let said = said(&output);
    assert!(output.status.success());
    for part in ["strata: STRATA_HUGE_KEEP=much is not accepted", "strata: purge_delay", "]: committed"] {
        assert!(said.contains(part), "{said}");
    }
}

/// What `readelf` or `nm` says of the library, if it is there.
fn binutils(program: &str, arguments: &[&str]) -> Option<String> {
    if !runs(program) {
        println!("skipped: no {program}");
        return None;
    }
    let output = finish(Command::new(program).args(arguments).arg(Finished::get().shared()));
    assert!(output.status.success(), "{}", said(&output));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn static_tls_is_a_few_words() {
    if let Some(segments) = binutils("readelf", &["--program-headers", "--wide"]) {
        let tls = segments.lines().find(|line| line.trim_start().starts_with("TLS")).unwrap();
        let bytes = tls.split_whitespace().nth(5).unwrap().trim_start_matches("0x");
        assert!(usize::from_str_radix(bytes, 16).unwrap() <= 64, "{tls}");
    }
    // Reached by an offset that the loader fills in once: the initial-exec model, which calls no function.
    if let Some(relocations) = binutils("readelf", &["--relocs", "--wide"]) {
        assert!(relocations.contains("TPOFF"), "no word at an offset from the thread pointer");
    }
}

#[test]
fn it_needs_the_c_library_and_the_loader_alone() {
    let Some(entries) = binutils("readelf", &["--dynamic", "--wide"]) else { return };
    let needed = entries.lines().filter(|line| line.contains("(NEEDED)"));
    let others: Vec<_> =
        needed.filter(|line| !line.contains("[libc.so") && !line.contains("[ld-linux")).collect();
    assert!(others.is_empty() && entries.contains("[libc.so"), "{entries}");
}

#[test]
fn it_exports_what_the_interface_has_and_nothing_else() {
    let Some(symbols) = binutils("nm", &["--dynamic", "--defined-only"]) else { return };
    let mut exported: Vec<_> = symbols.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    exported.retain(|name| !name.starts_with("strata_") && !name.starts_with("_Z"));
    let mut family = [
        "malloc",
        "calloc",
        "realloc",
        "free",
        "posix_memalign",
        "aligned_alloc",
        "memalign",
        "valloc",
        "pvalloc",
        "malloc_usable_size",
        "reallocarray",
        "free_sized",
        "free_aligned_sized",
        "malloc_trim",
        "mallinfo",
        "mallinfo2",
        "malloc_stats",
        "malloc_info",
        "mallopt",
        "cfree",
    ];
    family.sort_unstable();
    exported.sort_unstable();
    assert_eq!(exported, family);
    assert_eq!(symbols.matches(" _Zn").count() + symbols.matches(" _Zd").count(), 20);
}

/// The names of the functions that a text declares or defines, by what stands in front of a parenthesis.
fn functions(text: &str, is_one: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names: Vec<_> = text
        .lines()
        .filter(|line| is_one(line))
        .filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next())
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn the_header_declares_what_the_source_defines() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = std::fs::read_to_string(here.join("include/strata.h")).unwrap();
    let [source, watches, heaps] = ["src/strata_api.rs", "src/watch_api.rs", "src/heap.rs"]
        .map(|file| std::fs::read_to_string(here.join(file)).unwrap());
    let is_declaration =
        |line: &str| line.contains("strata_") && line.ends_with(");") && !line.starts_with([' ', 't']);
    let declared = functions(&header, is_declaration);
    let defined =
        functions(&[&*source, &*watches, &*heaps].concat(), |line| line.contains("extern \"C\" fn strata_"));
    assert_eq!(declared, defined);
    // The fields of the structure, in their order; c/strata_api.c compares its size.
    let fields = |text: &str, start: &str| -> Vec<String> {
        let body = text.split(start).nth(1).unwrap().split('}').next().unwrap();
        let lines = body.lines().map(|line| line.split("/*").next().unwrap().trim());
        let names = lines.filter_map(|line| match line.strip_prefix("uint64_t ") {
            Some(field) => field.strip_suffix(';'),
            None => line.strip_suffix(": u64,"),
        });
        names.map(str::to_owned).collect()
    };
    let in_header = fields(&header, "struct strata_stats {");
    assert_eq!(in_header, fields(&source, "struct CStats {"));
    assert!(!in_header.is_empty());
    if runs("c++") {
        let mut compile = Command::new("c++");
        compile.args(["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++"]);
        let output = finish(compile.arg(here.join("include/strata.h")));
        assert!(output.status.success(), "{}", said(&output));
    }
}
