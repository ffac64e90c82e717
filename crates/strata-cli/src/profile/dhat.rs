//! DHAT's format, version 2: what `dh_view.html` of valgrind and Firefox's profiler show.
//!
//! Numbers are estimates. The peak and the end are the same moment here: that of the profile.
//!
//! Does not know: where names come from.

use std::collections::HashMap;

use anyhow::Result;
use serde_json::{Value, json};
use strata_profile::{Frame, Names, Profile};

/// The profile as a file.
pub(super) fn write(profile: &Profile, names: &mut dyn Names) -> Result<Vec<u8>> {
    let mut frames = vec![json!("[root]")];
    let mut known = HashMap::new();
    let mut points = Vec::new();
    for (stack, site) in profile.named_sites(names) {
        let (all, live) = (site.allocated(), site.live());
        let stack: Vec<usize> =
            stack.into_iter().map(|frame| number(frame, &mut known, &mut frames)).collect();
        points.push(json!({
            "tb": whole(all.bytes), "tbk": whole(all.blocks),
            "gb": whole(live.bytes), "gbk": whole(live.blocks),
            "eb": whole(live.bytes), "ebk": whole(live.blocks),
            "mb": whole(live.bytes), "mbk": whole(live.blocks),
            "tl": 0, "fs": stack,
        }));
    }
    let milliseconds = profile.milliseconds;
    let file = json!({
        "dhatFileVersion": 2, "mode": "strata-heap", "verb": "Allocated", "bklt": true, "bkacc": false,
        "tu": "ms", "Mtu": "s", "tuth": 10, "cmd": "", "pid": 0, "tg": milliseconds, "te": milliseconds,
        "pps": points, "ftbl": frames,
    });
    Ok(serde_json::to_vec(&file)?)
}

fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

/// The frame's place in the table.
fn number(frame: Frame, known: &mut HashMap<Frame, usize>, frames: &mut Vec<Value>) -> usize {
    if let Some(number) = known.get(&frame) {
        return *number;
    }
    let place = match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!(" ({file}:{line})"),
        _ => String::new(),
    };
    frames.push(json!(format!("{}{place}", frame.function)));
    let number = frames.len() - 1;
    known.insert(frame, number);
    number
}
