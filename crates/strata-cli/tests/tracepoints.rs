//! The static tracepoints (USDT) are in the library and in programs in Rust, as notes that `readelf -n`, bpftrace and perf read.

mod installed;

use std::collections::BTreeMap;
use std::path::Path;

use installed::installed;
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};
use strata_profile as _;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Each tracepoint with how many arguments it has; all of its places have as many.
const TRACEPOINTS: [(&str, usize); 6] =
    [("flush", 2), ("purge", 1), ("refill", 2), ("refused", 1), ("sample", 3), ("sample_freed", 1)];

/// The names of a file's tracepoints, each with the arguments of its places.
fn tracepoints(path: &Path) -> BTreeMap<String, Vec<String>> {
    let data = std::fs::read(path).unwrap();
    let header = FileHeader64::<Endianness>::parse(&*data).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, &*data).unwrap();
    let (_, section) = sections.section_by_name(endian, b".note.stapsdt").expect("a section of tracepoints");
    let mut notes = section.notes(endian, &*data).unwrap().expect("notes");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(note) = notes.next().unwrap() {
        assert_eq!((note.name(), note.n_type(endian)), (&b"stapsdt"[..], 3));
        let (addresses, texts) = note.desc().split_at(24);
        let [place, base] = [0, 8].map(|at| u64::from_le_bytes(*addresses[at..].first_chunk().unwrap()));
        assert!(place != 0 && base != 0, "{place:x} {base:x}");
        let mut texts = texts.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        assert_eq!(texts.next().unwrap(), "strata");
        found.entry(texts.next().unwrap()).or_default().push(texts.next().unwrap());
    }
    found
}

#[test]
fn the_library_and_a_program_in_rust_have_all_tracepoints() {
    for path in [installed().join("libstrata.so"), std::env::current_exe().unwrap()] {
        let found = tracepoints(&path);
        for (name, arguments) in TRACEPOINTS {
            let places = found.get(name).unwrap_or_else(|| panic!("{} has no {name}", path.display()));
            assert!(
                places.iter().all(|place| place.split_whitespace().count() == arguments),
                "{name}: {places:?}"
            );
            assert!(
                places
                    .iter()
                    .all(|place| place.split_whitespace().all(|argument| argument.starts_with("8@")))
            );
        }
        assert_eq!(found.len(), TRACEPOINTS.len(), "{found:?}");
    }
}
