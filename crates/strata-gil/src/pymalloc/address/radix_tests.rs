//! Stretches, borders, neighbours, and nodes of the radix tree.

use super::super::super::parameters::Current;
use super::*;
use std::boxed::Box;
use std::vec::Vec;

fn tree() -> Box<RadixTree> {
    Box::new(RadixTree::NONE)
}

fn at(address: usize) -> NonNull<u8> {
    NonNull::without_provenance(address.try_into().unwrap())
}

fn owns(tree: &RadixTree, address: usize) -> bool {
    tree.owns::<Current>(&ArenaTable::EMPTY, at(address))
}

const ALIGNED: usize = 0x7f12_3450_0000;
const SHIFTED: usize = ALIGNED + 0x4_3000;

fn owns_exactly(tree: &RadixTree, base: usize) {
    assert!(!owns(tree, base - 1));
    assert!(owns(tree, base));
    assert!(owns(tree, base + ARENA_BYTES / 2));
    assert!(owns(tree, base + ARENA_BYTES - 1));
    assert!(!owns(tree, base + ARENA_BYTES));
}

#[test]
fn an_empty_tree_owns_nothing() {
    let tree = tree();
    for address in [1, ALIGNED, SHIFTED, usize::MAX] {
        assert!(!owns(&tree, address));
    }
}

#[test]
fn an_arena_is_owned_from_its_first_to_its_last_byte() {
    for base in [ALIGNED, SHIFTED, ARENA_BYTES, usize::MAX - 3 * ARENA_BYTES] {
        let mut tree = tree();
        assert!(tree.admit(at(base)));
        owns_exactly(&tree, base);
        tree.dismiss(at(base));
        assert!(!owns(&tree, base) && !owns(&tree, base + ARENA_BYTES - 1));
    }
}

#[test]
fn neighbours_share_a_stretch_and_come_and_go_alone() {
    let mut tree = tree();
    assert!(tree.admit(at(SHIFTED)));
    assert!(tree.admit(at(SHIFTED + ARENA_BYTES)));
    assert!(owns(&tree, SHIFTED + ARENA_BYTES - 1) && owns(&tree, SHIFTED + ARENA_BYTES));
    tree.dismiss(at(SHIFTED));
    owns_exactly(&tree, SHIFTED + ARENA_BYTES);
}

#[test]
fn a_gap_inside_a_stretch_stays_foreign() {
    let mut tree = tree();
    assert!(tree.admit(at(SHIFTED)));
    assert!(tree.admit(at(SHIFTED + ARENA_BYTES + 0x5000)));
    owns_exactly(&tree, SHIFTED);
    owns_exactly(&tree, SHIFTED + ARENA_BYTES + 0x5000);
}

#[test]
fn nodes_are_counted_and_kept() {
    let mut tree = tree();
    // The last stretch of one bottom node, and the first of the next.
    let border = (1 << (BOTTOM_BITS + ARENA_SHIFT)) - 0x1000;
    assert!(tree.admit(at(border)));
    tree.dismiss(at(border));
    assert!(tree.admit(at(border)));
    let nodes = tree.nodes();
    assert_eq!((nodes.mid_count, nodes.bottom_count), (1, 2));
    assert_eq!((nodes.root_bytes, nodes.mid_bytes, nodes.bottom_bytes), (262_144, 262_144, 131_072));
    owns_exactly(&tree, border);
}

#[test]
fn many_arenas_agree_with_a_list() {
    let mut tree = tree();
    let bases: Vec<_> = (0..200).map(|i| ALIGNED + i * (ARENA_BYTES + 0x3000)).collect();
    bases.iter().for_each(|&base| assert!(tree.admit(at(base))));
    bases.iter().skip(1).step_by(2).for_each(|&base| tree.dismiss(at(base)));
    let live: Vec<_> = bases.iter().step_by(2).collect();
    for address in (ALIGNED - ARENA_BYTES..ALIGNED + 230 * ARENA_BYTES).step_by(0x1000) {
        let expected = live.iter().any(|&&base| address.wrapping_sub(base) < ARENA_BYTES);
        assert_eq!(owns(&tree, address), expected, "{address:#x}");
    }
}
