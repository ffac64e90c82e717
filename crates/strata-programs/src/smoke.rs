//! Many more programs, run once on glibc and on Strata, for their answers only: short lines of shell.
//!
//! A program that is not installed is skipped, and said so: nothing is installed for this.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, bail};

use super::allocators::{self, Allocator, GLIBC, STRATA};
use super::place::Place;

struct Line {
    program: &'static str,
    script: &'static str,
}

const fn line(program: &'static str, script: &'static str) -> Line {
    Line { program, script }
}

/// What they print does not depend on the clock or on addresses.
const LINES: &[Line] = &[
    line("sh", "f() { for i in 1 2 3; do echo $i $1; done; }; f a | sort -r; (exit 3) || echo $?"),
    line(
        "bash",
        "declare -A a; for i in {1..2000}; do a[$((i % 97))]+=$i; done; echo ${#a[@]} ${a[5]}; wait < <(true)",
    ),
    line("dash", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); x=$x$i; done; echo ${#x}"),
    line("ls", "ls -1 /etc | head -n 5; ls -d / /usr /bin"),
    line("sort", "seq 200000 | sort --parallel=2 -S 1M -R --random-source=/etc/passwd | sort -n | cksum"),
    line(
        "cut",
        "seq 1000 | paste - - - | cut -f2 | tac | nl | fmt | fold -w 7 | shuf --random-source=/etc/passwd | cksum",
    ),
    line("sha256sum", "seq 100000 > copy; sha256sum copy - < copy; seq 9 | base64 | md5sum"),
    line("find", "find /usr/share/doc -maxdepth 1 -name 'lib*' | sort | xargs -n 50 echo | wc -l"),
    line("tar", "tar cf - -C / etc/passwd etc/group | tar tf -; seq 300000 | gzip -9 | gzip -d | cksum"),
    line("bzip2", "seq 300000 | bzip2 | bzip2 -d | cksum"),
    line("xz", "seq 300000 | xz -T2 --block-size=256KiB | xz -dc -T2 | cksum"),
    line("zstd", "seq 300000 | zstd -T2 -5 | zstd -d | cksum"),
    line("grep", "seq 100000 | grep -E '(1|23)+4.*5$' | grep -c 7; seq 1000 | grep -P '(?<=1)2' | cksum"),
    line("sed", "seq 50000 | sed -E 's/([0-9])([0-9])/\\2\\1/g; N; P; D' | cksum"),
    line(
        "awk",
        "seq 100000 | awk '{ a[$1 % 991] = a[$1 % 991] \",\" $1 } END { for (k in a) n += length(a[k]); print n }'",
    ),
    line("gawk", "seq 100000 | gawk '{ a[$1 % 991][$1] = $1 } END { print length(a), asorti(a) }'"),
    line("diff", "bash -c 'diff <(seq 1 2 20000) <(seq 1 3 20000) | cksum'"),
    line("bc", "echo '2^4000 % 997; scale=200; 4*a(1)' | bc -l"),
    line(
        "openssl",
        "seq 1000 | openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -S 0011223344556677 | openssl dgst -sha512; openssl prime 104729",
    ),
    line(
        "python3",
        "python3 -c 'import sqlite3, ssl, decimal, zlib, hashlib, subprocess; print(subprocess.run([\"echo\", \"a\"], capture_output=True).stdout, decimal.Decimal(2).sqrt())'",
    ),
    line(
        "perl",
        "perl -e 'fork or exit; wait; my @a = map { {n => $_} } 1..50000; print scalar(@a), \"\\n\"; print `echo child`'",
    ),
    line(
        "ruby",
        "ruby -e 'h = Hash.new { |g, k| g[k] = [] }; 100000.times { |i| h[i % 97] << i.to_s }; puts h.values.map(&:size).sum; Thread.new { puts 1 }.join'",
    ),
    line(
        "tclsh",
        "echo 'for {set i 0} {$i < 20000} {incr i} {dict lappend d [expr {$i % 97}] $i}; puts [dict size $d]' | tclsh",
    ),
    line(
        "php",
        "php -r '$a = []; for ($i = 0; $i < 200000; $i++) $a[$i % 991][] = \"x$i\"; echo count($a);'",
    ),
    line(
        "node",
        "node -e 'const m = new Map(); for (let i = 0; i < 2e5; i++) m.set(\"k\" + i, [i]); const { Worker } = require(\"worker_threads\"); new Worker(\"require(\\\"worker_threads\\\").parentPort.postMessage(7)\", { eval: true }).on(\"message\", v => console.log(m.size, v, Buffer.alloc(1 << 20).length))'",
    ),
    line("java", "java -Xmx256m -XX:+UseSerialGC -version 2>/dev/null && echo ran"),
    line(
        "javac",
        "mkdir j && cd j && echo 'class A { public static void main(String[] a) throws Exception { Thread t = new Thread(() -> System.out.println(new StringBuilder(\"ab\").reverse())); t.start(); t.join(); } }' > A.java && javac A.java && java -cp . A",
    ),
    line("gcc", "echo 'int main(void){return 42;}' | gcc -O2 -x c - -o a.out && ./a.out; echo $?"),
    line("clang", "echo 'int main(void){return 41;}' | clang -O2 -x c - -o a.out && ./a.out; echo $?"),
    line("make", "printf 'all: a b\\na b:\\n\\t@echo $@\\n' | make -j2 -O -f - | sort"),
    line("cmake", "cmake -E sha256sum /etc/passwd && cmake -E capabilities | wc -l"),
    line("gdb", "gdb -nx -batch -ex 'print 6*7' -ex 'python print(1)'"),
    line("curl", "curl -s file:///etc/passwd | cksum"),
    line("vim", "seq 9 > v && vim -u NONE -es -c '%s/1/one/' -c 'wq' v; cat v"),
    line("convert", "convert -size 256x256 plasma:red-blue -seed 1 -resize 50% rgb:- | wc -c"),
    line("xmllint", "echo '<a><b c=\"1\"/></a>' | xmllint --format -"),
    line("dot", "echo 'digraph { a -> b; b -> c; a -> c }' | dot -Tplain"),
];

/// Runs them; an error if one says something else on Strata.
pub(super) fn run(root: &Path, libraries: &[String]) -> Result<()> {
    let (known, place) = (allocators::known(libraries)?, Place::new()?);
    let find = |name: &str| {
        let offer = known.iter().find(|offer| offer.name == name).context("an allocator is missing")?;
        offer.find(root, &place)
    };
    let (glibc, strata) = (find(GLIBC)?, find(STRATA)?);
    let mut different = Vec::new();
    for line in LINES {
        let verdict = compare(line, &glibc, &strata, &place)?;
        println!("{:<10} {}", line.program, verdict.as_deref().unwrap_or("same"));
        different.extend(verdict.filter(|verdict| verdict != SKIPPED).map(|_| line.program));
    }
    if !different.is_empty() {
        bail!("other answers on Strata: {}", different.join(", "));
    }
    Ok(())
}

const SKIPPED: &str = "not installed";

/// `None` if both are the same.
fn compare(line: &Line, glibc: &Allocator, strata: &Allocator, place: &Place) -> Result<Option<String>> {
    let found = place.command("sh").args(["-c", &format!("command -v {}", line.program)]).output();
    if !found.context("looking for a program")?.status.success() {
        return Ok(Some(SKIPPED.to_owned()));
    }
    let (expected, ours) = (once(line, glibc, place)?, once(line, strata, place)?);
    let same =
        (expected.status, &expected.stdout, &expected.stderr) == (ours.status, &ours.stdout, &ours.stderr);
    let told = |output: &Output| {
        format!(
            "{}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    Ok((!same).then(|| format!("DIFFERS\non glibc: {}\non Strata: {}", told(&expected), told(&ours))))
}

fn once(line: &Line, allocator: &Allocator, place: &Place) -> Result<Output> {
    let scratch = place.scratch()?;
    let mut command = place.command("bash");
    command.current_dir(scratch.path()).args(["-c", line.script]).env("LD_PRELOAD", &allocator.file);
    command.output().with_context(|| format!("starting {}", line.program))
}
