//! PostgreSQL under pgbench: short transactions by four clients, and queries that sort and hash.
//!
//! Measured are the server and all its processes: the peak is that of the largest, and contains the shared buffers that it
//! touched, which no allocator gave it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use super::{Program, Rounds};
use crate::place::{Place, ask};
use crate::results::Sample;
use crate::run::{Done, Run};
use crate::server::Server;

/// PostgreSQL refuses to run as root; the package makes this user.
const USER: &str = "postgres";

const SETTINGS: &[&str] = &[
    "fsync=off",
    "listen_addresses=",
    "shared_buffers=16MB",
    "work_mem=64MB",
    "jit=off",
    "autovacuum=off",
    "max_parallel_workers_per_gather=0",
];

/// Money is neither made nor lost, and every transaction left its line.
const AUDIT: &str = "select sum(abalance) = (select sum(tbalance) from pgbench_tellers) \
    and sum(abalance) = (select sum(bbalance) from pgbench_branches) \
    and sum(abalance) = (select sum(delta) from pgbench_history), sum(abalance), \
    (select count(*) from pgbench_history) from pgbench_accounts";

const QUERIES: &str = "
select count(*), sum(length(names)) from (select aid % 5000 as bucket, string_agg(md5(aid::text), ',' order by aid) as names
    from pgbench_accounts group by 1) as grouped;
select sum(a.aid) from pgbench_accounts a join pgbench_accounts b on md5(a.aid::text) = md5((b.aid + 1)::text);
";

pub(super) const POSTGRES: Program = Program {
    name: "postgres",
    work: "pgbench: 4 clients of 800 transactions, then hash joins and sorts",
    packages: &[&["postgresql"]],
    rounds: Rounds::All,
    prepare,
    run: serve,
};

fn prepare(place: &Place) -> Result<()> {
    place.put("queries.sql", QUERIES)?;
    let data = place.input("postgres");
    std::fs::create_dir(&data).context("making a folder for a cluster")?;
    let mut initdb = place.command(programs()?.join("initdb"));
    initdb.args([
        "--username=strata",
        "--auth=trust",
        "--no-sync",
        "--no-locale",
        "--encoding=UTF8",
        "--pgdata",
    ]);
    initdb.arg(&data).current_dir(&data);
    if let Some(name) = user() {
        let user = User::from_name(name)?.with_context(|| format!("there is no user {name}"))?;
        std::os::unix::fs::chown(&data, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        initdb.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    ask(&mut initdb)?;
    Ok(())
}

fn serve(run: &Run<'_>) -> Result<Done> {
    let (programs, data) = (programs()?, run.scratch.path().join("data"));
    ask(run.place.command("cp").arg("-a").arg(run.place.input("postgres")).arg(&data))?;
    let client = |program: &str, words: &[&str]| client(run.place, &programs.join(program), &data, words);
    let server =
        Server::start(run, server(&programs, &data), user(), Signal::SIGINT, || client("pg_isready", &[]))?;
    let queries = run.place.input("queries.sql").display().to_string();
    let start = Instant::now();
    ask(&mut client("pgbench", &["--initialize", "--quiet", "--scale=2"]))?;
    ask(&mut client("pgbench", &["--no-vacuum", "--client=4", "--transactions=800", "--random-seed=7"]))?;
    ask(&mut client("pgbench", &["--no-vacuum", "--transactions=2", "--file", &queries]))?;
    let wall = start.elapsed();
    let audit = ask(&mut client("psql", &["--no-psqlrc", "--tuples-only", "--command", AUDIT]))?;
    anyhow::ensure!(audit.trim_start().starts_with('t'), "the balances do not agree: {audit}");
    let usage = server.end()?;
    Ok(Done { sample: Sample::of(&usage, wall.as_nanos() as u64), answer: audit.into_bytes() })
}

fn server(programs: &Path, data: &Path) -> Vec<PathBuf> {
    let mut words = vec![programs.join("postgres"), "-D".into(), data.to_owned()];
    for setting in SETTINGS {
        words.extend(["-c".into(), PathBuf::from(setting)]);
    }
    words.extend(["-c".into(), PathBuf::from(format!("unix_socket_directories={}", data.display()))]);
    words
}

fn client(place: &Place, program: &Path, data: &Path, words: &[&str]) -> Command {
    let mut command = place.command(program);
    command.arg("--host").arg(data).args(["--username=strata"]).args(words);
    command.env("PGDATABASE", "postgres");
    command
}

fn user() -> Option<&'static str> {
    geteuid().is_root().then_some(USER)
}

/// Debian keeps them in a folder for each version.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").context("looking for PostgreSQL")?;
    let found = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("postgres").is_file());
    found.max().context("PostgreSQL has no server in /usr/lib/postgresql")
}
