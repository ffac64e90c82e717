//! The columns of a map: packed and unpacked, by this command and by the page's scripts; and what a process has in them.

use std::alloc::{GlobalAlloc, Layout};
use std::process::{Command, Stdio};

use stratalloc::Strata;

use super::*;
use crate::inspect::process::Process;

/// A heap of arenas as busy programs have them: every number different, as far as they may be.
pub(crate) fn busy(arenas: usize) -> Cells {
    let mut state = 0x9e37_79b9_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut cells = Cells {
        holders: (1..=8).map(|thread| Holder { thread, name: format!("worker-{thread}") }).collect(),
        ranges: vec![HugeRange { start: 1 << 40, bytes: 3 << 20, is_free: true }],
        ..Cells::default()
    };
    for arena in 0..arenas {
        cells.starts.push((1 << 42) + arena as u64 * ARENA_BYTES);
        cells.pinned.push(0);
        for pool in 0..POOLS {
            let class = random(72) as u8;
            let capacity = u32::try_from(POOL_BYTES).unwrap() / block_bytes(class);
            let carved = random(u64::from(capacity) + 1) as u16;
            let live = random(u64::from(carved) + 1) as u16;
            cells.kinds.push(if pool == 0 { Kind::Metadata } else { Kind::Blocks } as u8);
            cells.classes.push(class);
            cells.live.push(live);
            cells.ready.push(random(u64::from(live) + 1) as u16 / 16);
            cells.carved.push(carved);
            cells.pages.push(random(1 << 16) as u16);
            cells.holes.push(0);
            cells.takers.push(random(9) as u16);
            cells.keeping.push(random(32) as u8);
        }
    }
    cells.huge = (0..48).map(|cell| cell % 17).collect();
    cells
}

fn block_bytes(class: u8) -> u32 {
    strata_inspect::block_bytes().nth(class.into()).unwrap()
}

#[test]
fn what_was_packed_is_unpacked() {
    let cells = busy(3);
    let packed = serde_json::to_string(&cells.pack()).unwrap();
    let read: Packed = serde_json::from_str(&packed).unwrap();
    assert_eq!(read.unpack(), Some(cells));
    assert_eq!(Cells::default().pack().unpack(), Some(Cells::default()));
}

#[test]
fn what_is_cut_short_or_means_nothing_is_refused() {
    let whole = busy(1).pack();
    let cut = Packed { columns: whole.columns[..whole.columns.len() / 2].to_owned(), ..whole.clone() };
    let longer = Packed { arenas: 2, ..whole.clone() };
    let shorter = Packed { ranges: Vec::new(), ..whole.clone() };
    let without_classes = Packed { block_bytes: vec![16], ..whole.clone() };
    let without_holders = Packed { holders: Vec::new(), ..whole };
    let boundless = Packed { arenas: usize::MAX, ..Packed::default() };
    for wrong in [cut, longer, shorter, without_classes, without_holders, boundless] {
        assert_eq!(wrong.unpack(), None, "{wrong:?}");
    }
}

#[test]
fn the_cells_of_a_process_add_up_to_its_statistics() {
    let layouts = [(704, 2000), (48, 5000), (20_000, 40), (300_000, 10), (9 << 20, 1)];
    let mut held = Vec::new();
    for (bytes, count) in layouts {
        let layout = Layout::from_size_align(bytes, 16).unwrap();
        // SAFETY: the layout has a size.
        held.extend((0..count).map(|_| (unsafe { Strata.alloc(layout) }, layout)));
    }
    // SAFETY: allocated above.
    held.iter().for_each(|(block, _)| unsafe { block.write(1) });
    let mut number = 0;
    held.retain(|(block, layout)| {
        number += 1;
        let stays = layout.size() > 20_000 || number % 50 == 0 || layout.size() == 20_000 && number % 3 != 0;
        if !stays {
            // SAFETY: allocated above, with this layout.
            unsafe { Strata.dealloc(*block, *layout) };
        }
        stays
    });
    let process = Process::open(std::process::id()).unwrap();
    let reading = process.reading();
    let heaps = reading.heaps().unwrap();
    let (cells, stats) = (Cells::of(&heaps[0], &process.threads()), heaps[0].stats());
    let of = |kind: Kind| {
        (0..cells.kinds.len()).filter(|cell| cells.kinds[*cell] == kind as u8).collect::<Vec<_>>()
    };
    assert_eq!(cells.starts.len() as u64, stats.arenas);
    assert_eq!((of(Kind::Run).len() as u64, of(Kind::Run).len()), (stats.large_blocks, 10));
    // A pool of blocks, and those of its span behind it.
    let pools_from = |cell: usize| {
        1 + cells.kinds[cell + 1..].iter().take_while(|kind| **kind == Kind::RunGoesOn as u8).count() as u64
    };
    for (class, of_class) in stats.classes().iter().enumerate() {
        let own = || of(Kind::Blocks).into_iter().filter(|cell| usize::from(cells.classes[*cell]) == class);
        let sum = |column: &[u16]| own().map(|cell| u64::from(column[cell])).sum::<u64>();
        let expected = (of_class.pools, of_class.live_blocks, of_class.ready_blocks);
        let live = sum(&cells.live) - sum(&cells.ready);
        assert_eq!((own().map(pools_from).sum::<u64>(), live, sum(&cells.ready)), expected, "class {class}");
    }
    let resident = |cell: &usize| cells.pages[*cell].count_ones() > 0;
    assert!(of(Kind::Blocks).iter().all(resident) && of(Kind::Metadata).iter().all(resident));
    assert!(of(Kind::Blocks).iter().all(|cell| cells.takers[*cell] > 0));
    assert_eq!(cells.ranges.iter().filter(|range| !range.is_free).count() as u64, stats.huge_blocks);
    assert_eq!(cells.pack().unpack(), Some(cells));
    for (block, layout) in held {
        // SAFETY: allocated above, with this layout.
        unsafe { Strata.dealloc(block, layout) };
    }
}

/// Adds up what the page's own scripts find in a snapshot.
const SUMS: &str = r#"
    let text = "";
    for await (const part of process.stdin) text += part;
    const moment = await momentOf({ heaps: [{ map: JSON.parse(text) }] });
    const sum = (column) => moment[column].reduce((sum, number) => sum + number, 0);
    const resident = Array.from({ length: moment.count }, (_, cell) => residentBytes(moment, cell)).reduce((one, other) => one + other);
    const pools = classRows(moment).reduce((sum, row) => sum + row.pools, 0);
    console.log([moment.count, moment.tiles.length, sum("live"), sum("ready"), sum("carved"), sum("taker"), pools, resident].join(" "));
"#;

#[test]
fn the_pages_scripts_read_what_was_packed() {
    let scripts = [include_str!("../map/page/decode.js"), include_str!("../map/page/facts.js"), SUMS];
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", &scripts.concat()]);
    let Ok(mut node) = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        println!("skipped: no node on this machine");
        return;
    };
    let cells = busy(5);
    let packed = serde_json::to_string(&cells.pack()).unwrap();
    node.stdin.take().unwrap().write_all(packed.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let sum = |column: &[u16]| column.iter().map(|number| u64::from(*number)).sum::<u64>();
    let pages: u64 = cells.pages.iter().map(|pages| u64::from(pages.count_ones())).sum();
    let huge: u64 = cells.huge.iter().map(|pages| u64::from(*pages)).sum();
    let expected = [
        (cells.kinds.len() + cells.huge.len()) as u64,
        5 + 1,
        sum(&cells.live),
        sum(&cells.ready),
        sum(&cells.carved),
        sum(&cells.takers),
        5 * 63,
        (pages + huge) * 4096,
    ];
    let read: Vec<u64> = String::from_utf8(output.stdout)
        .unwrap()
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    assert_eq!(read, expected);
}
