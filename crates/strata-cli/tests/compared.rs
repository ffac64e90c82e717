//! What a program holds at its end, by site: the truth, and what Strata, jemalloc and heaptrack say of it, in one table
//! (`cargo test -p strata-cli --test compared -- --nocapture`).
//!
//! jemalloc is asked where a `libjemalloc.so.2` with profiling is installed, as Debian's is, heaptrack where it is: they are shown,
//! and not judged, but for heaptrack, which counts every block.

mod installed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use installed::installed;
use strata_profile::Profile;

/// The sites of `c/sites.c`, each with the bytes of a block and how many live at the end.
const SITES: [(&str, f64, f64); 5] = [
    ("tiny", 48.0, 200_000.0),
    ("page", 4096.0, 5000.0),
    ("mean", 524_288.0, 60.0),
    ("huge", 8_388_608.0, 8.0),
    ("churn", 1008.0, 0.0),
];
/// The mean distance between samples of both profilers.
const MEAN: f64 = 524_288.0;
const MIB: f64 = 1_048_576.0;

/// Bytes by site.
type Held = BTreeMap<&'static str, f64>;

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compared");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The program; its functions' addresses are those in its file.
fn program() -> PathBuf {
    let program = folder().join("sites");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/sites.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-g", "-no-pie", "-fno-omit-frame-pointer", "-o"]).arg(&program).arg(source);
    assert!(compiler.status().unwrap().success(), "the program does not compile");
    program
}

/// The site whose name is in a text, as a word.
fn site(text: &str) -> Option<&'static str> {
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.find_map(|word| SITES.iter().map(|(name, ..)| *name).find(|name| *name == word))
}

/// Sums up lines of collapsed stacks.
fn of_folded(folded: &str) -> Held {
    let mut held = Held::new();
    for line in folded.lines() {
        let Some((stack, bytes)) = line.rsplit_once(' ') else { continue };
        if let (Some(site), Ok(bytes)) = (site(stack), bytes.parse::<f64>()) {
            *held.entry(site).or_default() += bytes;
        }
    }
    held
}

/// What Strata says, and the sum of what it says lives.
fn of_strata(program: &Path) -> (Held, Profile) {
    let file = folder().join("sites.strata");
    let _ = std::fs::remove_file(&file);
    let strata = |arguments: &[&str]| {
        let output =
            Command::new(installed().join("strata")).args(arguments).current_dir(folder()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    strata(&["run", "--profile", "sites.strata", "--", program.to_str().unwrap()]);
    strata(&["profile", "sites.strata", "-o", "sites.folded"]);
    let folded = std::fs::read_to_string(folder().join("sites.folded")).unwrap();
    (of_folded(&folded), Profile::read(&file).unwrap())
}

/// What jemalloc says; `None`: there is none, or none with profiling.
fn of_jemalloc(program: &Path) -> Option<Held> {
    let library = ["x86_64-linux-gnu", "aarch64-linux-gnu", ""]
        .map(|folder| Path::new("/usr/lib").join(folder).join("libjemalloc.so.2"))
        .into_iter()
        .find(|path| path.exists())?;
    let prefix = folder().join("jemalloc");
    let mut run = Command::new(program);
    run.env("LD_PRELOAD", library);
    run.env(
        "MALLOC_CONF",
        format!("prof:true,prof_final:true,lg_prof_sample:19,prof_prefix:{}", prefix.display()),
    );
    let process = {
        let mut child = run.spawn().unwrap();
        assert!(child.wait().unwrap().success());
        child.id()
    };
    let file = std::fs::read_to_string(format!("{}.{process}.0.f.heap", prefix.display())).ok()?;
    Some(of_heap_v2(&file, &addresses(program)))
}

/// The addresses of the sites' functions.
fn addresses(program: &Path) -> Vec<(u64, u64, &'static str)> {
    let data = std::fs::read(program).unwrap();
    let object = object::File::parse(&*data).unwrap();
    use object::{Object, ObjectSymbol};
    let sites = object
        .symbols()
        .filter_map(|symbol| Some((symbol.address(), symbol.size(), site(symbol.name().ok()?)?)));
    sites.collect()
}

/// Reads a profile of jemalloc's; each stack is put right as `jeprof` does it.
fn of_heap_v2(file: &str, addresses: &[(u64, u64, &'static str)]) -> Held {
    let mut held = Held::new();
    let mut site = None;
    for line in file.lines() {
        if let Some(stack) = line.strip_prefix("@ ") {
            let returns =
                stack.split(' ').filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
            let mut found = returns.filter_map(|address| {
                addresses.iter().find(|(start, size, _)| (*start..start + size).contains(&(address - 1)))
            });
            site = found.next().map(|(_, _, name)| *name);
        } else if let (Some(name), Some(counts)) = (site, line.trim().strip_prefix("t*: ")) {
            let numbers: Vec<f64> =
                counts.split([':', ' ', '[']).filter_map(|word| word.parse().ok()).collect();
            let [count, bytes, ..] = numbers[..] else { continue };
            if count > 0.0 {
                *held.entry(name).or_default() += bytes / -(-bytes / count / MEAN).exp_m1();
            }
        }
    }
    held
}

/// What heaptrack counted; `None`: there is none.
fn of_heaptrack(program: &Path) -> Option<Held> {
    let record =
        Command::new("heaptrack").arg("-o").arg(folder().join("heaptrack")).arg(program).output().ok()?;
    assert!(record.status.success(), "{}", String::from_utf8_lossy(&record.stderr));
    let file = ["zst", "gz"]
        .map(|ending| folder().join(format!("heaptrack.{ending}")))
        .into_iter()
        .find(|path| path.exists())?;
    let folded = folder().join("heaptrack.folded");
    let mut print = Command::new("heaptrack_print");
    print.arg("-F").arg(&folded).args(["--flamegraph-cost-type", "leaked"]).arg(&file);
    let printed = print.output().ok()?;
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    Some(of_folded(&std::fs::read_to_string(folded).unwrap()))
}

/// The standard deviation of an estimate of that many blocks.
fn deviation(bytes: f64, blocks: f64) -> f64 {
    let chance = -(-bytes / MEAN).exp_m1();
    (blocks * (1.0 - chance) / chance).sqrt() * bytes
}

#[test]
fn what_a_program_holds_is_what_it_is_known_to_hold() {
    let program = program();
    let (strata, profile) = of_strata(&program);
    let (jemalloc, heaptrack) = (of_jemalloc(&program), of_heaptrack(&program));
    let of = |held: &Held, site| held.get(site).copied().unwrap_or_default();
    let shown = |held: &Option<Held>, site| {
        held.as_ref().map_or_else(|| "(not here)".to_owned(), |held| format!("{:.2}", of(held, site) / MIB))
    };
    println!("| site: live blocks | truth, MiB | standard deviation | Strata | jemalloc | heaptrack |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (site, bytes, blocks) in SITES {
        let (truth, deviation) = (bytes * blocks, deviation(bytes, blocks));
        println!(
            "| `{site}`: {blocks} of {bytes} B | {:.2} | {:.2} | {:.2} | {} | {} |",
            truth / MIB,
            deviation / MIB,
            of(&strata, site) / MIB,
            shown(&jemalloc, site),
            shown(&heaptrack, site)
        );
        let estimate = of(&strata, site);
        // One run in a million is further off.
        assert!((estimate - truth).abs() <= 5.0 * deviation + 1.0, "{site}: {estimate} instead of {truth}");
        if let Some(counted) = &heaptrack {
            assert!(
                (of(counted, site) - truth).abs() < 1.0,
                "{site}: {} instead of {truth}",
                of(counted, site)
            );
        }
    }
    assert_eq!(profile.lost, [0, 0]);
}
