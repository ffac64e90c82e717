//! From an address to its functions and lines, from the debugging information of the file that it lies in.
//!
//! Does not know: stacks.

use crate::modules::{Module, call_of};
use crate::{Frame, Mapping, Names};
use addr2line::Loader;
use std::collections::HashMap;

/// Files that were opened, and what was found.
#[derive(Default)]
pub struct DebugInfo {
    files: HashMap<String, Option<(Module, Loader)>>,
    known: HashMap<u64, Vec<Frame>>,
}

impl std::fmt::Debug for DebugInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DebugInfo").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Names for DebugInfo {
    fn frames(&mut self, mapping: Option<&Mapping>, address: u64) -> Vec<Frame> {
        if let Some(known) = self.known.get(&address) {
            return known.clone();
        }
        let found =
            mapping.and_then(|mapping| self.look_up(mapping, address)).filter(|frames| !frames.is_empty());
        let frames = found.unwrap_or_else(|| crate::Addresses.frames(mapping, address));
        self.known.insert(address, frames.clone());
        frames
    }
}

impl DebugInfo {
    fn look_up(&mut self, mapping: &Mapping, address: u64) -> Option<Vec<Frame>> {
        let file = self.files.entry(mapping.path.clone()).or_insert_with(|| {
            let loader = Loader::new(&mapping.path).ok()?;
            Some((Module::open(&mapping.path), loader))
        });
        let (module, loader) = file.as_ref()?;
        let address = module.address(mapping.file_offset(call_of(address)));
        let mut frames = Vec::new();
        if let Ok(mut found) = loader.find_frames(address) {
            while let Ok(Some(frame)) = found.next() {
                let Some(function) = frame.function else { continue };
                let function = function.demangle().map_or_else(|_| String::from("?"), |name| short(&name));
                let (file, line) =
                    frame.location.map_or((None, None), |place| (place.file.map(str::to_owned), place.line));
                frames.push(Frame { function, file, line });
            }
        }
        if frames.is_empty() {
            let symbol = loader.find_symbol(address)?;
            let name = addr2line::demangle_auto(symbol.into(), None);
            frames.push(Frame { function: short(&name), ..Frame::default() });
        }
        Some(frames)
    }
}

/// A Rust name without the hash of its crate.
fn short(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            name.to_owned()
        }
        _ => name.to_owned(),
    }
}
