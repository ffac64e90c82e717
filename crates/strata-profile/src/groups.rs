//! A profile's sites put together: by function, line, module or label; and the part of them that somebody asks for.
//!
//! Does not know: where names come from.

use crate::modules::call_of;
use crate::{Frame, Names, Profile, Site, Values};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What sites are put together by: of a stack the innermost function that is not the allocator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// The function.
    Function,
    /// The line in its source.
    Line,
    /// The file of the program or library that it is in.
    Module,
    /// The value of the label with this name; `thread` is one if it was asked for.
    Label(String),
}

impl FromStr for Grouping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "function" => Self::Function,
            "line" => Self::Line,
            "module" => Self::Module,
            "" => return Err("by function, line, module, or a label's name such as thread".to_owned()),
            name => Self::Label(name.to_owned()),
        })
    }
}

impl Profile {
    /// What lives, put together, the group that holds most first.
    pub fn groups(&self, by: &Grouping, names: &mut dyn Names) -> Vec<(String, Values)> {
        let mut groups: BTreeMap<String, Values> = BTreeMap::new();
        for site in &self.sites {
            let sum = groups.entry(self.group_of(site, by, names)).or_default();
            *sum = [*sum, site.live()].into_iter().sum();
        }
        let mut groups: Vec<_> = groups.into_iter().filter(|(_, live)| live.blocks != 0.0).collect();
        groups.sort_by(|(_, one), (_, other)| other.bytes.abs().total_cmp(&one.bytes.abs()));
        groups
    }

    fn group_of(&self, site: &Site, by: &Grouping, names: &mut dyn Names) -> String {
        let of_frame = |frame: Option<Frame>, text: fn(&Frame) -> String| {
            frame.map_or("?".to_owned(), |frame| text(&frame))
        };
        match by {
            Grouping::Function => of_frame(self.innermost(site, names), |frame| frame.function.clone()),
            Grouping::Line => of_frame(self.innermost(site, names), crate::text::place),
            Grouping::Module => self.module_of(site, names),
            Grouping::Label(name) => {
                let value = site.labels.iter().find(|(known, _)| known == name);
                value.map_or_else(|| format!("(no {name})"), |(_, value)| value.clone())
            }
        }
    }

    fn innermost(&self, site: &Site, names: &mut dyn Names) -> Option<Frame> {
        self.named(site, names).into_iter().next()
    }

    /// The module of the first address that has a function which is not the allocator's.
    fn module_of(&self, site: &Site, names: &mut dyn Names) -> String {
        let addresses = self.addresses(site, names);
        let mapping = addresses.first().and_then(|address| self.mapping(call_of(*address)));
        mapping.map_or("?".to_owned(), |mapping| mapping.name().to_owned())
    }

    /// Only the sites with a function, file or label in which this text is.
    pub fn only(&self, text: &str, names: &mut dyn Names) -> Self {
        self.part(|profile, site| profile.has(site, text, names))
    }

    /// Only the sites without one.
    pub fn without(&self, text: &str, names: &mut dyn Names) -> Self {
        self.part(|profile, site| !profile.has(site, text, names))
    }

    fn part(&self, mut is_in: impl FnMut(&Self, &Site) -> bool) -> Self {
        let sites = self.sites.iter().filter(|site| is_in(self, site)).cloned().collect();
        Self { sites, mappings: self.mappings.clone(), ..*self }
    }

    fn has(&self, site: &Site, text: &str, names: &mut dyn Names) -> bool {
        let in_frame = |frame: &Frame| {
            frame.function.contains(text) || frame.file.as_ref().is_some_and(|file| file.contains(text))
        };
        let in_label = site.labels.iter().any(|(name, value)| format!("{name}={value}").contains(text));
        in_label || self.named(site, names).iter().any(in_frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, Mapping};

    fn profile() -> Profile {
        let site = |frame, allocated, tenant: &str| Site {
            bytes: 64,
            mean: 1,
            frames: vec![frame, 0x2100],
            allocated,
            labels: vec![("tenant".to_owned(), tenant.to_owned())],
            ..Site::default()
        };
        let mapping =
            |start: u64, path: &str| Mapping { start, end: start + 0x1000, offset: 0, path: path.to_owned() };
        Profile {
            sites: vec![site(0x1100, 3, "a"), site(0x1200, 5, "b"), site(0x2300, 4, "a")],
            mappings: vec![mapping(0x1000, "/lib/libone.so"), mapping(0x2000, "/bin/two")],
            ..Profile::default()
        }
    }

    fn groups(by: &str) -> Vec<(String, f64)> {
        let groups = profile().groups(&by.parse().unwrap(), &mut Addresses);
        groups.into_iter().map(|(name, live)| (name, live.blocks)).collect()
    }

    #[test]
    fn sites_are_put_together_by_what_is_asked_for() {
        let named = |groups: &[(&str, f64)]| {
            groups.iter().map(|(name, live)| ((*name).to_owned(), *live)).collect::<Vec<_>>()
        };
        assert_eq!(groups("module"), named(&[("libone.so", 8.0), ("two", 4.0)]));
        assert_eq!(groups("tenant"), named(&[("a", 7.0), ("b", 5.0)]));
        assert_eq!(groups("thread"), named(&[("(no thread)", 12.0)]));
        assert_eq!(groups("function").len(), 3);
        assert!("".parse::<Grouping>().is_err());
    }

    #[test]
    fn a_part_of_a_profile_has_what_was_asked_for() {
        let live = |profile: Profile| profile.live().blocks;
        assert_eq!(live(profile().only("libone.so", &mut Addresses)), 8.0);
        assert_eq!(live(profile().without("libone.so", &mut Addresses)), 4.0);
        assert_eq!(live(profile().only("tenant=b", &mut Addresses)), 5.0);
    }
}
