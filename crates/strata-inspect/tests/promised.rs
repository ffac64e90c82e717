//! The lists of what public crates promise name no type of a crate that promises nothing (decision 0039).
//!
//! `cargo xtask public-api` holds the lists against the source.

use std::path::Path;

const INNER: [&str; 5] =
    ["strata_os::", "strata_core::", "strata_segment::", "strata_cache::", "strata_recorder::"];

#[test]
fn no_signature_names_a_type_of_an_inner_crate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/public-api");
    for package in ["stratalloc", "strata-inspect", "strata-profile", "strata-metrics"] {
        let list = std::fs::read_to_string(folder.join(package).with_extension("txt")).unwrap();
        let named: Vec<&str> =
            list.lines().filter(|line| INNER.iter().any(|path| line.contains(path))).collect();
        assert!(!list.is_empty() && named.is_empty(), "{package} promises {named:#?}");
    }
}
