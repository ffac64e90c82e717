//! redis under two loads: fixed commands, whose effect is compared, and its own benchmark.

use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::text::Writer;
use super::{Program, Rounds};
use crate::place::{Place, ask};
use crate::results::Sample;
use crate::run::{Done, Run};
use crate::server::Server;

const COMMANDS: usize = 120_000;
const KEYS: usize = 20_000;

pub(super) const REDIS: Program = Program {
    name: "redis",
    work: "redis-server under 120,000 fixed commands, then redis-benchmark",
    packages: &[&["redis-server"], &["redis-tools"]],
    rounds: Rounds::All,
    prepare: |place| place.put("commands", commands()),
    run: serve,
};

fn serve(run: &Run<'_>) -> Result<Done> {
    let socket = run.scratch.path().join("socket");
    let ping = || client(run.place, &socket, &["ping"]);
    let server = Server::start(run, server(run, &socket), None, Signal::SIGTERM, ping)?;
    let start = Instant::now();
    let fixed = File::open(run.place.input("commands")).context("opening the commands")?;
    ask(client(run.place, &socket, &["--pipe"]).stdin(Stdio::from(fixed)))?;
    let digest = ask(&mut client(run.place, &socket, &["debug", "digest"]))?;
    ask(&mut benchmark(run.place, &socket))?;
    let wall = start.elapsed();
    let usage = server.end()?;
    Ok(Done { sample: Sample::of(&usage, wall.as_nanos() as u64), answer: digest.into_bytes() })
}

fn server(run: &Run<'_>, socket: &Path) -> Vec<PathBuf> {
    let mut words: Vec<PathBuf> = vec!["redis-server".into(), "--unixsocket".into(), socket.to_owned()];
    let options =
        ["--port", "0", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes", "--dir"];
    words.extend(options.map(PathBuf::from));
    words.push(run.scratch.path().to_owned());
    words
}

fn client(place: &Place, socket: &Path, words: &[&str]) -> Command {
    let mut command = place.command("redis-cli");
    command.arg("-s").arg(socket).args(words);
    command
}

fn benchmark(place: &Place, socket: &Path) -> Command {
    let mut command = place.command("redis-benchmark");
    command
        .arg("-s")
        .arg(socket)
        .args(["-n", "60000", "-c", "20", "-P", "16", "-r", "30000", "-d", "120", "-q"]);
    command.args(["-t", "set,get,incr,lpush,lpop,sadd,hset,zadd"]);
    command
}

/// In redis's protocol: strings that grow, hashes, lists, sets and sorted sets over a fixed number of keys.
fn commands() -> String {
    let mut writer = Writer::new(6);
    let mut stream = String::new();
    for _ in 0..COMMANDS {
        let (key, number) = (writer.below(KEYS), writer.below(1000));
        let value = if number % 5 == 0 { writer.line() } else { writer.word() };
        let words = match writer.below(8) {
            0 | 1 => vec!["SET".to_owned(), format!("string:{key}"), value],
            2 => vec!["APPEND".to_owned(), format!("string:{key}"), value],
            3 => vec!["HSET".to_owned(), format!("hash:{}", key % 2000), writer.word(), value],
            4 => vec!["RPUSH".to_owned(), format!("list:{}", key % 3000), value],
            5 => vec!["SADD".to_owned(), format!("set:{}", key % 2000), value],
            6 => vec!["ZADD".to_owned(), format!("sorted:{}", key % 500), number.to_string(), value],
            _ => vec!["DEL".to_owned(), format!("string:{key}")],
        };
        append(&mut stream, &words);
    }
    stream
}

fn append(stream: &mut String, words: &[String]) {
    // Writing into a string does not fail.
    let _ = write!(stream, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(stream, "${}\r\n{word}\r\n", word.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_written_with_its_lengths() {
        let mut stream = String::new();
        append(&mut stream, &["SET".to_owned(), "key".to_owned()]);
        assert_eq!(stream, "*2\r\n$3\r\nSET\r\n$3\r\nkey\r\n");
    }
}
