//! jq: every JSON value is counted and allocated on its own.

use std::fmt::Write;

use anyhow::Result;

use super::text::Writer;
use super::{Program, Rounds};
use crate::place::Place;

const RECORDS: usize = 30_000;

const FILTER: &str = r#"
    [.[] | select(.tags | length > 1) | {key: .name, total: (.parts | map(.size) | add), tags: (.tags | map(ascii_upcase))}]
    | group_by(.key[0:2]) | map({key: .[0].key[0:2], count: length, total: (map(.total) | add), names: (map(.key) | unique | length)})
"#;

pub(super) const JQ: Program = Program {
    name: "jq",
    work: "reads, filters and groups 30,000 records",
    packages: &[&["jq"]],
    rounds: Rounds::All,
    prepare,
    run: |run| run.once(["jq".into(), "-c".into(), FILTER.into(), run.place.input("records.json")]),
};

fn prepare(place: &Place) -> Result<()> {
    let mut writer = Writer::new(3);
    let records: Vec<String> = (0..RECORDS).map(|number| record(&mut writer, number)).collect();
    place.put("records.json", format!("[{}]", records.join(",\n")))
}

fn record(writer: &mut Writer, number: usize) -> String {
    let mut text =
        format!(r#"{{"id":{number},"name":"{}","note":"{}","tags":["#, writer.word(), writer.line());
    let tags: Vec<String> = (0..writer.below(5)).map(|_| format!("\"{}\"", writer.word())).collect();
    let parts: Vec<String> = (0..1 + writer.below(6))
        .map(|part| format!(r#"{{"part":{part},"size":{}}}"#, writer.below(1000)))
        .collect();
    // Writing into a string does not fail.
    let _ = write!(text, r#"{}],"parts":[{}]}}"#, tags.join(","), parts.join(","));
    text
}
