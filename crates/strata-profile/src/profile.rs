//! A profile as a value: taken from this process or read from a file, to be printed, compared, and written for other tools.
//!
//! | file       | what                                                                  |
//! |------------|-----------------------------------------------------------------------|
//! | `read`     | from a `.strata` file                                                 |
//! | `growth`   | which stacks grow, from several profiles                              |
//! | `history`  | what became of all that a stack allocated: how soon it was freed, and by whom |
//! | `groups`   | sites put together by function, line, module or label; parts          |
//! | `estimate` | from counts of samples to bytes and blocks, with their standard error |
//! | `modules`  | from an address to the file that it lies in, and the address there     |
//! | `names`    | from an address to functions and lines (feature `symbols`)            |
//! | `pprof`    | for `go tool pprof` and all that read its format                      |
//! | `text`     | for people: the top sites; collapsed stacks                            |
//!
//! Does not know: how samples are taken.

use crate::{estimate::Values, label_table::Labels, modules, modules::Mapping, modules::call_of, ours};
use std::collections::HashMap;
use strata_recorder::recorder::{self, Recorded};

/// What a stack allocated in blocks of one size, by counts of samples. In a difference of two profiles counts may be negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Bytes of a block.
    pub bytes: u64,
    /// The mean distance between samples, in bytes.
    pub mean: u64,
    /// Return addresses, the innermost first.
    pub frames: Vec<u64>,
    /// Samples that were allocated.
    pub allocated: i64,
    /// Of those, samples that were freed.
    pub freed: i64,
    /// Of those, samples that another thread freed than allocated.
    pub freed_by_others: i64,
    /// Samples that lived at the peak.
    pub live_at_peak: i64,
    /// The labels that the thread had, by name: name and value.
    pub labels: Vec<(String, String)>,
    /// Of the freed ones, how many lived below 1 ms, below 2 ms, and so on by powers of two.
    pub lifetimes: Vec<i64>,
}

/// Who allocated: a stack and its labels, whatever the size of the blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stack {
    /// Return addresses, the innermost first.
    pub frames: Vec<u64>,
    /// The labels that the thread had, by name: name and value.
    pub labels: Vec<(String, String)>,
}

impl Site {
    /// Who allocated.
    pub fn stack(&self) -> Stack {
        Stack { frames: self.frames.clone(), labels: self.labels.clone() }
    }

    /// What tells it from other sites.
    pub(crate) fn key(&self) -> (&[u64], u64, u64, &[(String, String)]) {
        (&self.frames, self.bytes, self.mean, &self.labels)
    }
}

/// Which stacks hold and allocated how many bytes, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// All sites.
    pub sites: Vec<Site>,
    /// The process's mappings, in the order of their addresses.
    pub mappings: Vec<Mapping>,
    /// Milliseconds since the profile began; 0 if that is not known.
    pub milliseconds: u64,
    /// When it began, in milliseconds since 1970; 0 if that is not known.
    pub begun: u64,
    /// Samples whose free could not be told, so that they seem to live; and samples whose stack found no room.
    pub lost: [u64; 2],
    /// Of a running process, what was requested of the blocks of size classes that live; `None`: there is no sample, or it is not known.
    pub requested: Option<Requested>,
}

/// What a sample of the live blocks of size classes says of the part of them that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Bytes that were asked for, by the sample.
    pub bytes: u64,
    /// Bytes of the same blocks.
    pub of_bytes: u64,
    /// The standard error of `bytes`, if `of_bytes` is taken for granted.
    pub standard_error: u64,
}

/// A function, and where in its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// Its name; where none is known, the file and the address in it.
    pub function: String,
    /// The source file, if known.
    pub file: Option<String>,
    /// The line, if known.
    pub line: Option<u32>,
}

impl Frame {
    /// Whether it belongs to Rust's standard library, which allocates on behalf of others.
    pub fn is_library(&self) -> bool {
        const FILES: [&str; 3] = ["/rustc/", "/rust/deps/", "/lib/rustlib/src/rust/library/"];
        const CRATES: [&str; 5] = ["alloc::", "core::", "std::", "hashbrown::", "__rust"];
        let function = self.function.trim_start_matches(['<', '&']);
        self.file.as_deref().is_some_and(|file| FILES.iter().any(|part| file.contains(part)))
            || CRATES.iter().any(|name| function.starts_with(name))
    }
}

/// Who knows which functions an address is in.
pub trait Names {
    /// The functions at a return address, the innermost inlined one first; at least one.
    fn frames(&mut self, mapping: Option<&Mapping>, address: u64) -> Vec<Frame>;
}

/// Knows files and addresses only: at once, without reading anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses;

impl Names for Addresses {
    fn frames(&mut self, mapping: Option<&Mapping>, address: u64) -> Vec<Frame> {
        let function = match mapping {
            Some(mapping) => format!("{}+{:#x}", mapping.name(), mapping.file_offset(address)),
            None => format!("{address:#x}"),
        };
        vec![Frame { function, ..Frame::default() }]
    }
}

impl Profile {
    /// What was recorded in this process so far.
    pub fn take() -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        match recorder::recorded() {
            Some(recorded) => Self::of_recorded(recorded, &maps),
            None => Self { mappings: modules::parse(&maps), ..Self::default() },
        }
    }

    /// What a recorder has: this process's, or a copy of another's; with what the kernel says of that process's mappings.
    pub(crate) fn of_recorded(recorded: &Recorded, maps: &str) -> Self {
        let (sites, peak) = (&recorded.sites, recorded.peak.number());
        let mut labels = Labels::default();
        for label in sites.iter().filter(|site| site.is_label()) {
            labels.add(label.number(), label.label(), &label.text());
        }
        let sites = sites.iter().filter(|site| !site.is_label()).map(|site| Site {
            bytes: site.bytes(),
            mean: site.mean(),
            frames: site.frames().collect(),
            labels: labels.of(site.label()),
            // Freed first: a block that is freed meanwhile was allocated before.
            freed: site.freed().cast_signed(),
            freed_by_others: site.freed_by_others().cast_signed(),
            lifetimes: site.lifetimes().map(u64::cast_signed).into(),
            live_at_peak: site.live_at_peak(peak).cast_signed(),
            allocated: site.allocated().cast_signed(),
        });
        Self {
            sites: sites.collect(),
            mappings: modules::parse(maps),
            lost: recorded.lost(),
            requested: recorded.requested().map(|known| Requested {
                bytes: known.bytes,
                of_bytes: known.of_bytes,
                standard_error: known.standard_error,
            }),
            ..Self::default()
        }
    }

    /// The same with what lived when most did: what lives at each site is what lived there then.
    pub fn at_peak(&self) -> Self {
        let mut then = self.clone();
        then.sites.iter_mut().for_each(|site| site.freed = site.allocated - site.live_at_peak);
        then
    }

    /// What changed since `old`, which is of the same process.
    pub fn compare_to(&self, old: &Self) -> Self {
        let before: HashMap<_, &Site> = old.sites.iter().map(|site| (site.key(), site)).collect();
        let changed = self.sites.iter().filter_map(|site| {
            let found = before.get(&site.key());
            let mut site = site.clone();
            if let Some(before) = found {
                site.allocated -= before.allocated;
                site.freed -= before.freed;
                site.freed_by_others -= before.freed_by_others;
                site.live_at_peak -= before.live_at_peak;
                site.lifetimes.iter_mut().zip(&before.lifetimes).for_each(|(now, before)| *now -= before);
            }
            (site.allocated != 0 || site.freed != 0).then_some(site)
        });
        Self {
            sites: changed.collect(),
            milliseconds: self.milliseconds.saturating_sub(old.milliseconds),
            begun: self.begun.saturating_add(old.milliseconds),
            ..self.clone()
        }
    }

    /// The mapping that an address lies in.
    pub fn mapping(&self, address: u64) -> Option<&Mapping> {
        let behind = self.mappings.partition_point(|mapping| mapping.start <= address);
        self.mappings.get(behind.checked_sub(1)?).filter(|mapping| address < mapping.end)
    }

    /// Estimates of what lives: bytes and blocks, as `tracemalloc.get_traced_memory` has them.
    pub fn live(&self) -> Values {
        self.sites.iter().map(Site::live).sum()
    }

    /// The same of all that was allocated.
    pub fn allocated(&self) -> Values {
        self.sites.iter().map(Site::allocated).sum()
    }

    /// Each site with the functions of its stack, the innermost first, without those of the allocator.
    pub fn named_sites<'profile>(
        &'profile self,
        names: &mut dyn Names,
    ) -> impl Iterator<Item = (Vec<Frame>, &'profile Site)> + use<'profile> {
        let named: Vec<_> = self.sites.iter().map(|site| (self.named(site, names), site)).collect();
        named.into_iter()
    }

    /// The functions of a site's stack, the innermost first, without those of the allocator.
    pub(crate) fn named(&self, site: &Site, names: &mut dyn Names) -> Vec<Frame> {
        self.functions(&site.frames, names)
    }

    /// The functions of a stack, the innermost first, without those of the allocator.
    pub fn functions(&self, addresses: &[u64], names: &mut dyn Names) -> Vec<Frame> {
        self.located(addresses, names).into_iter().map(|(_, frame)| frame).collect()
    }

    /// The addresses of a site's stack, once for each of its functions, without those of the allocator.
    pub(crate) fn addresses(&self, site: &Site, names: &mut dyn Names) -> Vec<u64> {
        self.located(&site.frames, names).into_iter().map(|(address, _)| address).collect()
    }

    fn located(&self, addresses: &[u64], names: &mut dyn Names) -> Vec<(u64, Frame)> {
        let mut all = Vec::new();
        // Behind the last one of the allocator's.
        let mut start = 0;
        for address in addresses {
            let mapping = self.mapping(call_of(*address));
            let in_ours = mapping.is_some_and(Mapping::is_ours);
            for frame in names.frames(mapping, *address) {
                let is_ours = in_ours || ours::is_ours(&frame);
                all.push((*address, frame));
                if is_ours && all.len() <= ours::MOST_OF_OURS {
                    start = all.len();
                }
            }
        }
        all.split_off(start)
    }
}
