//! git over a repository made from a fixed seed: a log with all differences, blame, and a pack made anew.

use std::fmt::Write;
use std::fs::File;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::text::Writer;
use super::{Program, Rounds};
use crate::place::{Place, ask};

const COMMITS: usize = 400;
const FILES: usize = 60;
const LINES_OF_A_FILE: usize = 200;
const FILES_OF_A_COMMIT: usize = 3;
const LINES_OF_A_CHANGE: usize = 6;

const SCRIPT: &str = "
set -e
git log -p --stat -M --all | cksum
for file in 0 7 13 21; do git blame -w \"file-$file.txt\" HEAD | cksum; done
git rev-list --objects --all | git pack-objects --quiet --threads=1 --no-reuse-delta --window=20 --stdout | cksum
";

pub(super) const GIT: Program = Program {
    name: "git",
    work: "log with differences, blame, and packing of 400 commits",
    packages: &[&["git"]],
    rounds: Rounds::All,
    prepare,
    run: |run| {
        let repository = run.place.input("repository");
        run.once(["env".into(), "-C".into(), repository, "sh".into(), run.place.input("git.sh")])
    },
};

fn prepare(place: &Place) -> Result<()> {
    place.put("git.sh", SCRIPT)?;
    place.put("history", history())?;
    let repository = place.input("repository");
    ask(place.command("git").args(["init", "--quiet", "--initial-branch=main"]).arg(&repository))?;
    let history = File::open(place.input("history")).context("opening the history")?;
    let mut import = place.command("git");
    import.current_dir(&repository).args(["fast-import", "--quiet"]).stdin(Stdio::from(history));
    ask(&mut import)?;
    ask(place.command("git").current_dir(&repository).args(["checkout", "--quiet", "main"]))?;
    Ok(())
}

/// What `git fast-import` reads: each commit changes a few lines of a few files.
fn history() -> String {
    let mut writer = Writer::new(5);
    let mut files: Vec<Vec<String>> =
        (0..FILES).map(|_| (0..LINES_OF_A_FILE).map(|_| writer.line()).collect()).collect();
    let mut stream = String::new();
    commit(&mut stream, 0, files.iter().enumerate());
    for number in 1..=COMMITS {
        let changed: Vec<usize> = (0..FILES_OF_A_COMMIT).map(|_| writer.below(FILES)).collect();
        changed.iter().for_each(|index| change(&mut writer, &mut files[*index]));
        commit(&mut stream, number, changed.iter().map(|index| (*index, &files[*index])));
    }
    stream
}

fn change(writer: &mut Writer, file: &mut Vec<String>) {
    for _ in 0..LINES_OF_A_CHANGE {
        let at = writer.below(file.len());
        file[at] = writer.line();
    }
    file.insert(writer.below(file.len()), writer.line());
}

fn commit<'a>(stream: &mut String, number: usize, files: impl Iterator<Item = (usize, &'a Vec<String>)>) {
    let message = format!("Change {number}\n");
    // Writing into a string does not fail.
    let _ = write!(
        stream,
        "commit refs/heads/main\ncommitter A <a@example.org> {} +0000\ndata {}\n{message}",
        1_700_000_000 + number * 60,
        message.len()
    );
    for (index, lines) in files {
        let text = lines.join("\n") + "\n";
        let _ = write!(stream, "M 100644 inline file-{index}.txt\ndata {}\n{text}", text.len());
    }
}
