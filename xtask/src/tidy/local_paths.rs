//! No file names a place that exists on one machine only.

use super::Finding;
use crate::source::line_of;
use crate::table::pattern;
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    // Written so that the pattern does not match itself.
    let place =
        pattern(r#"(?m)(?:^|[\s"'`(=:\[,])(/(?:work|root|tmp/target|home/[a-z]\w*)(?:/[\w.-]+|[-\w]*\b))"#);
    let files = tree.files.iter().filter(|file| file.path != "Cargo.lock");
    let hits = files.flat_map(|file| {
        let found = place.captures_iter(&file.text).map(|hit| {
            let path = hit.get(1).map_or("", |group| group.as_str());
            let line = line_of(&file.text, hit.get_match().end());
            Finding::new(
                &file.path,
                line,
                format!("`{path}` is a path of one machine: name it relative to the workspace"),
            )
        });
        let mut found: Vec<_> = found.collect();
        found.dedup_by_key(|finding| finding.line);
        found
    });
    hits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Tree::of(&[("docs/a.md", text)])).len()
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let (work, tmp, home) = (concat!("/wo", "rk"), concat!("/tmp/", "target"), concat!("/ho", "me/ada"));
        assert_eq!(count(&format!("see {work}/main/x.rs\n`{tmp}-x/debug`\n({home}/src)")), 3);
        assert_eq!(check(&Tree::of(&[("a", &format!("one\ntwo {work}/x"))]))[0].line, 2);
    }

    #[test]
    fn a_relative_path_and_a_system_path_pass() {
        assert_eq!(
            count(concat!(
                "target/release/strata, net/wo",
                "rk/x, /proc/self/maps, /usr/bin/true, https://a.example/wo",
                "rk/b"
            )),
            0
        );
    }
}
