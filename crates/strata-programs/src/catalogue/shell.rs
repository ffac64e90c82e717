//! A shell script that starts hundreds of short programs, as `configure` does: what an allocator costs before it is used.

use super::{Program, Rounds};

const SCRIPT: &str = r#"
i=0
while [ $i -lt 250 ]; do
    i=$((i + 1))
    word=$(expr $i \* 7 % 50)
    printf '%s-%s\n' "$i" "$word" | sed -e 's/1/one/g' -e 's/-/ is /' | tr a-z A-Z
    /bin/true
done | sort | uniq -c | tail -n 40
"#;

pub(super) const SHELL: Program = Program {
    name: "sh",
    work: "a script that starts 1,000 short programs",
    packages: &[&["dash"], &["coreutils"], &["sed"]],
    rounds: Rounds::All,
    prepare: |place| place.put("short.sh", SCRIPT),
    run: |run| run.once(["sh".into(), run.place.input("short.sh")]),
};
