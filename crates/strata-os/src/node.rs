//! NUMA nodes: processors, and the memory that is near to them.
//!
//! Does not know: which there are (`nodes.rs` of each system), nor whose memory belongs where.

/// One node, by the number that the kernel gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(u32);

impl Node {
    /// The node of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Some of the first 64 nodes, at least one. No machine of today that runs a program for itself has more; what lies
/// beyond takes no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSet(u64);

impl NodeSet {
    /// Node 0 alone: a machine whose memory is all equally near.
    pub const ONE: Self = Self(1);

    /// The nodes whose bits are set; [`ONE`](Self::ONE) if none is.
    pub const fn of_mask(mask: u64) -> Self {
        if mask == 0 { Self::ONE } else { Self(mask) }
    }

    /// How many they are.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// All of them, lowest number first.
    pub fn iter(self) -> impl Iterator<Item = Node> {
        (0..u64::BITS).filter(move |number| self.0 >> number & 1 == 1).map(Node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_set_has_the_nodes_of_its_mask_and_never_none() {
        let numbers = |mask| NodeSet::of_mask(mask).iter().map(Node::number).collect::<Vec<_>>();
        assert_eq!(numbers(0b1101), [0, 2, 3]);
        assert_eq!(numbers(1 << 63), [63]);
        assert_eq!(numbers(0), [0]);
        assert_eq!(NodeSet::of_mask(0b1101).count(), 3);
    }
}
