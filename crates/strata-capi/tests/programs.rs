//! Programs of this machine that know nothing of Strata, preloaded: they say what they say without it.

mod finished;

use std::path::Path;
use std::process::Command;

use finished::{Finished, finish, runs, said};

/// Runs a command without and with the library; both must succeed and say the same.
fn expect_same(program: &str, arguments: &[&str]) {
    if !runs(program) && program != "/bin/sh" {
        println!("skipped: no {program}");
        return;
    }
    let command = || {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        command
    };
    let expected = finish(&mut command());
    let output = finish(command().env("LD_PRELOAD", Finished::get().shared()));
    assert!(expected.status.success(), "{program}: {}", said(&expected));
    assert!(output.status.success(), "{program}: {}\n{}", output.status, said(&output));
    assert_eq!(output.stdout, expected.stdout, "{program}");
    assert_eq!(said(&output), said(&expected), "{program}");
}

#[test]
fn sh_runs_pipes_and_functions() {
    let script = "f() { for i in 1 2 3 4 5; do echo $i $1; done; }; f a | sort -r | while read x y; do echo \"$y$x\"; done; \
                  x=$(printf %05000d 7); echo ${#x}; (exit 3) || echo $?";
    expect_same("/bin/sh", &["-c", script]);
}

#[test]
fn ls_lists() {
    expect_same("ls", &["-lRa", "src", "tests"]);
    expect_same("sort", &["src/malloc.rs"]);
    expect_same("tar", &["cf", "-", "src"]);
}

#[test]
fn python_computes() {
    let script = "import json, re, threading, collections, subprocess, sys\n\
        data = [{'k%d' % i: list(range(i % 50)), 's': 'x' * i} for i in range(2000)]\n\
        assert json.loads(json.dumps(data)) == data\n\
        out = []\n\
        def work(n):\n\
        \x20   d = collections.defaultdict(list)\n\
        \x20   for i in range(20000): d[i % 997].append(str(i) * (i % 7))\n\
        \x20   out.append(sum(len(s) for l in d.values() for s in l))\n\
        ts = [threading.Thread(target=work, args=(i,)) for i in range(4)]\n\
        [t.start() for t in ts]; [t.join() for t in ts]\n\
        print(out, len(re.findall('x+', 'axbxx' * 10000)), 7 ** 5000 % 1000007)\n\
        print(subprocess.run([sys.executable, '-c', 'print(1 + 1)'], capture_output=True, text=True).stdout)\n";
    if runs("python3") {
        expect_same("env", &["PYTHONMALLOC=malloc", "python3", "-c", script]);
        let forks = "import multiprocessing as m\nif __name__ == '__main__':\n\
            \x20   with m.get_context('fork').Pool(3) as p: print(sum(p.map(len, [[0] * i for i in range(500)])))\n";
        expect_same("env", &["PYTHONMALLOC=malloc", "python3", "-c", forks]);
    } else {
        println!("skipped: no python3");
    }
}

#[test]
fn perl_computes() {
    let script = "my %h; for my $i (1..100000) { $h{$i % 1009} .= \"$i,\"; } \
        my $n = 0; for (sort keys %h) { $n += length $h{$_}; } print \"$n\\n\"; print `echo child`;";
    expect_same("perl", &["-e", script]);
}

#[test]
fn git_reads_a_repository() {
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.git").exists() {
        println!("skipped: no repository");
        return;
    }
    expect_same("git", &["log", "--stat", "-n", "30", "--no-decorate"]);
    expect_same("git", &["grep", "-n", "unsafe", "HEAD", "--", "*.rs"]);
    expect_same("git", &["blame", "-n", "../../Cargo.toml"]);
}

#[test]
fn a_compiler_compiles() {
    if runs("c++") {
        expect_same("c++", &["-std=c++17", "-O1", "-S", "-o", "-", "tests/cxx/new_delete.cpp"]);
    } else {
        println!("skipped: no c++");
    }
}

/// Addresses that the library holds when a program ends that did nothing.
fn reserved_under(variables: &[(&str, &str)], limit: Option<u64>) -> String {
    let mut command = Command::new("/bin/sh");
    let limited = limit.map_or_else(String::new, |kib| format!("ulimit -v {kib}; "));
    command.args(["-c", &format!("{limited}export LD_PRELOAD=$LIBRARY; exec true")]);
    command.env("LIBRARY", Finished::get().shared()).env("STRATA_STATS", "1").envs(variables.iter().copied());
    let output = finish(&mut command);
    let said = said(&output);
    let line = said.lines().find(|line| line.contains("]: reserved")).expect(&said);
    line.split_whitespace().skip(3).take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_first_segment_is_as_large_as_was_chosen_and_no_more_than_a_part_of_a_limit() {
    assert_eq!(reserved_under(&[], None), "256.0 MiB");
    for size in ["4M", "64M", "256M"] {
        let expected = size.replace('M', ".0 MiB");
        assert_eq!(reserved_under(&[("STRATA_SEGMENT_SIZE", size)], None), expected);
    }
    assert_eq!(reserved_under(&[], Some(300 << 10)), "16.0 MiB");
    assert_eq!(reserved_under(&[("STRATA_SEGMENT_SIZE", "4M")], Some(300 << 10)), "4.0 MiB");
}

#[test]
fn a_leak_check_finds_nothing_of_ours() {
    if !runs("valgrind") {
        println!("skipped: no valgrind");
        return;
    }
    let mut command = Command::new("valgrind");
    command.args(["-q", "--leak-check=full", "--show-leak-kinds=all", "--error-exitcode=9", "/bin/true"]);
    let output = finish(command.env("LD_PRELOAD", Finished::get().shared()));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "");
}

/// Page faults of a process that does nothing, as most runs have it.
fn page_faults_of_nothing(library: Option<&Path>) -> u64 {
    let faults = || {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: writes the value that it is given.
        unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) };
        // SAFETY: all numbers.
        unsafe { usage.assume_init() }.ru_minflt as u64
    };
    let mut runs = [(); 15].map(|()| {
        let (mut command, before) = (Command::new("/bin/true"), faults());
        library.into_iter().for_each(|library| _ = command.env("LD_PRELOAD", library));
        assert!(command.status().unwrap().success());
        faults() - before
    });
    runs.sort_unstable();
    runs[runs.len() / 2]
}

#[test]
fn a_process_that_does_nothing_costs_few_page_faults_more() {
    let library = Finished::get().shared();
    // Counted among those of all children of this process: alone.
    if std::env::var_os("STRATA_TEST_CHILD").is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone.args(["a_process_that_does_nothing_costs_few_page_faults_more", "--exact"]);
        let output = finish(alone.env("STRATA_TEST_CHILD", "1"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let (without, with) = (page_faults_of_nothing(None), page_faults_of_nothing(Some(library.as_ref())));
    assert!(with <= without + 25, "{with} instead of {without}");
}

/// Bytes of the library's code in a process that reads a file: those of the mapping, and those in memory.
fn code_in_memory() -> (u64, u64) {
    let mut command = Command::new("cat");
    let output = finish(command.arg("/proc/self/smaps").env("LD_PRELOAD", Finished::get().shared()));
    let text = String::from_utf8_lossy(&output.stdout);
    let is_code = |line: &&str| line.contains(" r-xp ") && line.ends_with("/libstrata.so");
    let mut lines = text.lines().skip_while(|line| !is_code(line));
    let mut kib = |name: &str| -> u64 {
        let line = lines.find(|line| line.starts_with(name)).expect(&text);
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (kib("Size:") << 10, kib("Rss:") << 10)
}

#[test]
fn code_that_is_seldom_run_is_not_in_memory_where_little_is_done() {
    let (all, in_memory) = code_in_memory();
    println!("{in_memory} of {all} bytes of code are in memory");
    // Without an order it is seven eighths of it.
    assert!(
        in_memory < all / 4 * 3,
        "{in_memory} of {all}: is `layout.ld` still true of the modules' names?"
    );
}
