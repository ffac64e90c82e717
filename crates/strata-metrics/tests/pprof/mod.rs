//! A reader of pprof's format as backends are: it takes nothing on trust.
//!
//! Field numbers are those of google/pprof's `profile.proto`; what is checked is what its `CheckValid` checks.

use std::collections::HashMap;
use std::io::Read;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Raw {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<WithId>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(int64, tag = "12")]
    period: i64,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    r#type: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "3")]
    number: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct WithId {
    #[prost(uint64, tag = "1")]
    id: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
}

/// A stack, by its addresses, and the bytes of a block.
pub(crate) type Stack = (Vec<u64>, i64);

/// A profile that holds together.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Name and unit of each value.
    pub(crate) types: Vec<(String, String)>,
    /// Which of them is shown first.
    pub(crate) shown: String,
    /// Milliseconds since 1970.
    pub(crate) begun: i64,
    pub(crate) milliseconds: i64,
    pub(crate) period: i64,
    /// The values of each stack.
    pub(crate) samples: HashMap<Stack, Vec<i64>>,
}

impl Profile {
    /// The place of a value, as `alloc_space`.
    pub(crate) fn place(&self, name: &str) -> usize {
        self.types
            .iter()
            .position(|(is, _)| is == name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.types))
    }

    /// The most that a stack with blocks of a size has of a value: others may have blocks of that size too.
    pub(crate) fn most(&self, name: &str, bytes: i64) -> i64 {
        let place = self.place(name);
        let of_size = self.samples.iter().filter(|((_, block), _)| *block == bytes);
        of_size.map(|(_, values)| values[place]).max().unwrap_or(0)
    }
}

/// Reads what a route answered.
pub(crate) fn read(gzipped: &[u8]) -> Profile {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(gzipped).read_to_end(&mut bytes).expect("gzip");
    let raw = Raw::decode(&bytes[..]).expect("a profile");
    let string = |index: i64| raw.string_table[usize::try_from(index).expect("an index")].clone();
    assert_eq!(raw.string_table[0], "");
    let mappings: Vec<u64> = raw.mapping.iter().map(|mapping| mapping.id).collect();
    assert!(!mappings.is_empty() && !mappings.contains(&0), "{mappings:?}");
    let mut places = HashMap::new();
    for Location { id, mapping_id, address } in raw.location.iter().copied() {
        assert!(mapping_id == 0 || mappings.contains(&mapping_id), "mapping {mapping_id}");
        assert!(id != 0 && places.insert(id, address).is_none(), "location {id}");
    }
    let mut samples = HashMap::new();
    for sample in &raw.sample {
        assert_eq!(sample.value.len(), raw.sample_type.len());
        let stack: Vec<u64> = sample.location_id.iter().map(|id| places[id]).collect();
        let bytes = sample.label.iter().find(|label| string(label.key) == "bytes").expect("its size").number;
        let sums = samples.entry((stack, bytes)).or_insert_with(|| vec![0; sample.value.len()]);
        sums.iter_mut().zip(&sample.value).for_each(|(sum, value)| *sum += value);
    }
    Profile {
        types: raw.sample_type.iter().map(|value| (string(value.r#type), string(value.unit))).collect(),
        shown: string(raw.default_sample_type),
        begun: raw.time_nanos / 1_000_000,
        milliseconds: raw.duration_nanos / 1_000_000,
        period: raw.period,
        samples,
    }
}
