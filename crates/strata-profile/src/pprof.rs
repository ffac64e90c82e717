//! pprof's format (`profile.proto`), gzipped: for `go tool pprof`, and for all that scrape `/debug/pprof/heap`.
//!
//! Addresses are those in the files (ELF virtual addresses) and each mapping reaches from 0 to 2⁶⁴ − 1: so readers that compute a base
//! from offsets, which is wrong for files that rust-lld links, have none to compute. Values are estimates already.
//!
//! Does not know: who reads it.

use crate::modules::{Module, call_of};
use crate::{Frame, Names, Profile, ours};
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use std::collections::HashMap;
use std::io::{self, Write};

mod proto {
    //! The messages; numbers are those of `profile.proto`.

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Profile {
        #[prost(message, repeated, tag = "1")]
        pub(crate) sample_type: Vec<ValueType>,
        #[prost(message, repeated, tag = "2")]
        pub(crate) sample: Vec<Sample>,
        #[prost(message, repeated, tag = "3")]
        pub(crate) mapping: Vec<Mapping>,
        #[prost(message, repeated, tag = "4")]
        pub(crate) location: Vec<Location>,
        #[prost(message, repeated, tag = "5")]
        pub(crate) function: Vec<Function>,
        #[prost(string, repeated, tag = "6")]
        pub(crate) string_table: Vec<String>,
        #[prost(int64, tag = "9")]
        pub(crate) time_nanos: i64,
        #[prost(int64, tag = "10")]
        pub(crate) duration_nanos: i64,
        #[prost(message, optional, tag = "11")]
        pub(crate) period_type: Option<ValueType>,
        #[prost(int64, tag = "12")]
        pub(crate) period: i64,
        #[prost(int64, tag = "14")]
        pub(crate) default_sample_type: i64,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct ValueType {
        #[prost(int64, tag = "1")]
        pub(crate) r#type: i64,
        #[prost(int64, tag = "2")]
        pub(crate) unit: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Sample {
        #[prost(uint64, repeated, tag = "1")]
        pub(crate) location_id: Vec<u64>,
        #[prost(int64, repeated, tag = "2")]
        pub(crate) value: Vec<i64>,
        #[prost(message, repeated, tag = "3")]
        pub(crate) label: Vec<Label>,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct Label {
        #[prost(int64, tag = "1")]
        pub(crate) key: i64,
        #[prost(int64, tag = "2")]
        pub(crate) str: i64,
        #[prost(int64, tag = "3")]
        pub(crate) num: i64,
        #[prost(int64, tag = "4")]
        pub(crate) num_unit: i64,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct Mapping {
        #[prost(uint64, tag = "1")]
        pub(crate) id: u64,
        #[prost(uint64, tag = "2")]
        pub(crate) memory_start: u64,
        #[prost(uint64, tag = "3")]
        pub(crate) memory_limit: u64,
        #[prost(uint64, tag = "4")]
        pub(crate) file_offset: u64,
        #[prost(int64, tag = "5")]
        pub(crate) filename: i64,
        #[prost(int64, tag = "6")]
        pub(crate) build_id: i64,
        #[prost(bool, tag = "7")]
        pub(crate) has_functions: bool,
        #[prost(bool, tag = "8")]
        pub(crate) has_filenames: bool,
        #[prost(bool, tag = "9")]
        pub(crate) has_line_numbers: bool,
        #[prost(bool, tag = "10")]
        pub(crate) has_inline_frames: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Location {
        #[prost(uint64, tag = "1")]
        pub(crate) id: u64,
        #[prost(uint64, tag = "2")]
        pub(crate) mapping_id: u64,
        #[prost(uint64, tag = "3")]
        pub(crate) address: u64,
        #[prost(message, repeated, tag = "4")]
        pub(crate) line: Vec<Line>,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct Line {
        #[prost(uint64, tag = "1")]
        pub(crate) function_id: u64,
        #[prost(int64, tag = "2")]
        pub(crate) line: i64,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct Function {
        #[prost(uint64, tag = "1")]
        pub(crate) id: u64,
        #[prost(int64, tag = "2")]
        pub(crate) name: i64,
        #[prost(int64, tag = "3")]
        pub(crate) system_name: i64,
        #[prost(int64, tag = "4")]
        pub(crate) filename: i64,
    }
}

/// Which of its values a profile in pprof's format shows to a reader who asks for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Bytes that live (`inuse_space`).
    #[default]
    Live,
    /// Bytes that were allocated (`alloc_space`).
    Allocated,
}

impl Shown {
    const fn sample_type(self) -> &'static str {
        match self {
            Self::Live => "inuse_space",
            Self::Allocated => "alloc_space",
        }
    }
}

impl Profile {
    /// The profile in pprof's format, by addresses: its reader finds names, by build id.
    ///
    /// # Errors
    /// None that is known: the writer is memory.
    pub fn to_pprof(&self) -> io::Result<Vec<u8>> {
        self.to_pprof_showing(Shown::Live)
    }

    /// The same with other values shown first.
    ///
    /// # Errors
    /// None that is known: the writer is memory.
    pub fn to_pprof_showing(&self, shown: Shown) -> io::Result<Vec<u8>> {
        gzipped(&Builder::new(self, None).build(shown))
    }

    /// The same with the names of functions, so that its reader needs no files.
    ///
    /// # Errors
    /// None that is known: the writer is memory.
    pub fn to_pprof_with(&self, names: &mut dyn Names) -> io::Result<Vec<u8>> {
        gzipped(&Builder::new(self, Some(names)).build(Shown::Live))
    }
}

fn gzipped(profile: &proto::Profile) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(&profile.encode_to_vec())?;
    out.finish()
}

struct Builder<'profile> {
    profile: &'profile Profile,
    names: Option<&'profile mut dyn Names>,
    out: proto::Profile,
    strings: HashMap<String, i64>,
    /// By path: the mapping's id, and what its file says.
    modules: HashMap<String, (u64, Module)>,
    /// By address: the location's id; `None` if it is the allocator's own.
    locations: HashMap<u64, (u64, bool)>,
    functions: HashMap<(String, Option<String>), u64>,
}

impl<'profile> Builder<'profile> {
    fn new(profile: &'profile Profile, names: Option<&'profile mut dyn Names>) -> Self {
        let mut builder = Self {
            profile,
            names,
            out: proto::Profile::default(),
            strings: HashMap::new(),
            modules: HashMap::new(),
            locations: HashMap::new(),
            functions: HashMap::new(),
        };
        builder.string("");
        builder
    }

    fn build(mut self, shown: Shown) -> proto::Profile {
        let types = [
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
            ("inuse_objects", "count"),
            ("inuse_space", "bytes"),
        ];
        self.out.sample_type = types.map(|(name, unit)| self.value_type(name, unit)).into();
        self.out.default_sample_type = self.string(shown.sample_type());
        self.out.period_type = Some(self.value_type("space", "bytes"));
        self.out.period =
            self.profile.sites.iter().map(|site| site.mean.cast_signed()).max().unwrap_or_default();
        self.out.time_nanos = self.profile.begun.cast_signed().saturating_mul(1_000_000);
        self.out.duration_nanos = self.profile.milliseconds.cast_signed().saturating_mul(1_000_000);
        // The first mapping is the program's own file, by convention: it lies lowest.
        if let Some(program) = self.profile.mappings.first() {
            self.in_module(&program.path, 0);
        }
        for site in &self.profile.sites {
            let stack: Vec<_> = site.frames.iter().map(|address| self.location(*address)).collect();
            let own = stack
                .iter()
                .take(ours::MOST_OF_OURS)
                .rposition(|(_, is_ours)| *is_ours)
                .map_or(0, |last| last + 1);
            let (allocated, live) = (site.allocated(), site.live());
            let bytes = self.string("bytes");
            let size = proto::Label { key: bytes, str: 0, num: site.bytes.cast_signed(), num_unit: bytes };
            let labels = site.labels.iter().map(|(name, value)| proto::Label {
                key: self.string(name),
                str: self.string(value),
                ..proto::Label::default()
            });
            let label = labels.chain([size]).collect();
            self.out.sample.push(proto::Sample {
                location_id: stack.into_iter().skip(own).map(|(id, _)| id).collect(),
                value: [allocated.blocks, allocated.bytes, live.blocks, live.bytes]
                    .map(|value| value.round() as i64)
                    .into(),
                label,
            });
        }
        self.out
    }

    fn value_type(&mut self, name: &str, unit: &str) -> proto::ValueType {
        proto::ValueType { r#type: self.string(name), unit: self.string(unit) }
    }

    fn string(&mut self, text: &str) -> i64 {
        if let Some(index) = self.strings.get(text) {
            return *index;
        }
        let index = self.out.string_table.len() as i64;
        self.out.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), index);
        index
    }

    /// The location of a return address, and whether it is the allocator's own.
    fn location(&mut self, address: u64) -> (u64, bool) {
        if let Some(known) = self.locations.get(&address) {
            return *known;
        }
        let call = call_of(address);
        let mapping = self.profile.mapping(call);
        let frames = self.names.as_mut().map(|names| names.frames(mapping, address)).unwrap_or_default();
        let is_ours =
            mapping.is_some_and(crate::Mapping::is_ours) || frames.last().is_some_and(ours::is_ours);
        let (mapping_id, file_address) = match mapping {
            Some(mapping) => self.in_module(&mapping.path, mapping.file_offset(call)),
            None => (0, call),
        };
        // What the allocator's functions were inlined into is not theirs.
        let shown = frames.iter().filter(|frame| !ours::is_ours(frame) || is_ours);
        let line = shown.map(|frame| self.line(frame)).collect();
        let id = self.out.location.len() as u64 + 1;
        self.out.location.push(proto::Location { id, mapping_id, address: file_address, line });
        self.locations.insert(address, (id, is_ours));
        (id, is_ours)
    }

    fn in_module(&mut self, path: &str, offset: u64) -> (u64, u64) {
        if let Some((id, module)) = self.modules.get(path) {
            return (*id, module.address(offset));
        }
        let module = Module::open(path);
        let id = self.out.mapping.len() as u64 + 1;
        let is_named = self.names.is_some();
        let mapping = proto::Mapping {
            id,
            memory_start: 0,
            memory_limit: u64::MAX,
            file_offset: 0,
            filename: self.string(path),
            build_id: self.string(&module.build_id),
            has_functions: is_named,
            has_filenames: is_named,
            has_line_numbers: is_named,
            has_inline_frames: is_named,
        };
        self.out.mapping.push(mapping);
        let address = module.address(offset);
        self.modules.insert(path.to_owned(), (id, module));
        (id, address)
    }

    fn line(&mut self, frame: &Frame) -> proto::Line {
        let key = (frame.function.clone(), frame.file.clone());
        let known = self.functions.get(&key).copied();
        let function_id = known.unwrap_or_else(|| {
            let id = self.out.function.len() as u64 + 1;
            let name = self.string(&frame.function);
            let filename = self.string(frame.file.as_deref().unwrap_or_default());
            self.out.function.push(proto::Function { id, name, system_name: name, filename });
            self.functions.insert(key, id);
            id
        });
        proto::Line { function_id, line: frame.line.unwrap_or_default().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, Mapping, Site};
    use std::io::Read;

    #[test]
    fn what_is_written_has_what_pprof_asks_for() {
        let site = |frames: &[u64], bytes| Site {
            bytes,
            mean: 1,
            frames: frames.into(),
            allocated: 5,
            freed: 2,
            labels: vec![("tenant".to_owned(), "a".to_owned())],
            ..Site::default()
        };
        let path = std::env::current_exe().unwrap().display().to_string();
        let mapping = Mapping { start: 0x1000, end: 0x9000, offset: 0, path };
        let ours = Mapping { start: 0x9000, end: 0xa000, offset: 0, path: "/x/libstrata.so".to_owned() };
        let profile = Profile {
            sites: vec![site(&[0x9100, 0x1100, 0x1200], 64), site(&[0x1100, 0x1200], 16)],
            mappings: vec![mapping, ours],
            ..Profile::default()
        };
        let mut raw = Vec::new();
        let gzipped = profile.to_pprof_with(&mut Addresses).unwrap();
        flate2::read::GzDecoder::new(&gzipped[..]).read_to_end(&mut raw).unwrap();
        let read = proto::Profile::decode(&raw[..]).unwrap();
        assert_eq!(read.string_table[0], "");
        assert_eq!(read.sample.len(), 2);
        assert!(
            read.sample
                .iter()
                .all(|sample| sample.value.len() == 4 && sample.location_id == read.sample[0].location_id)
        );
        assert_eq!(read.sample[0].value, [5, 320, 3, 192]);
        let texts = |label: &proto::Label| {
            [label.key, label.str].map(|text| read.string_table[text as usize].as_str())
        };
        assert_eq!(
            read.sample[0].label.iter().map(texts).collect::<Vec<_>>(),
            [["tenant", "a"], ["bytes", ""]]
        );
        assert!(
            read.mapping.iter().all(|mapping| (mapping.memory_start, mapping.memory_limit) == (0, u64::MAX))
        );
        assert!(
            read.location.iter().all(|place| place.id != 0 && place.mapping_id != 0 && place.line.len() == 1)
        );
        assert_eq!(read.string_table[read.default_sample_type as usize], "inuse_space");
    }

    #[test]
    fn a_reader_is_shown_what_the_writer_chose() {
        let shown = |shown| {
            let built = Builder::new(&Profile::default(), None).build(shown);
            built.string_table[built.default_sample_type as usize].clone()
        };
        assert_eq!([Shown::Live, Shown::Allocated].map(shown), ["inuse_space", "alloc_space"]);
    }
}
