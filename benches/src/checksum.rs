//! A number that says that the work was done, and done right: equal under every allocator.

/// Folds what a workload computed into one number (FNV-1a over 64-bit words).
#[derive(Debug, Clone, Copy)]
pub struct Checksum(u64);

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

impl Checksum {
    /// Nothing folded in yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OFFSET)
    }

    /// Folds in one number; the order matters.
    pub fn add(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(PRIME);
    }

    /// Folds in a length or a count.
    pub fn add_len(&mut self, len: usize) {
        self.add(len as u64);
    }

    /// Folds in every byte, eight at a time.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.add(u64::from(*byte)));
        self.add_len(bytes.len());
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Default for Checksum {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> u64 {
        let mut checksum = Checksum::new();
        checksum.add_bytes(bytes);
        checksum.value()
    }

    #[test]
    fn one_changed_byte_changes_the_number_wherever_it_is() {
        let original = *b"twenty bytes of data";
        for index in 0..original.len() {
            let mut changed = original;
            changed[index] ^= 1;
            assert_ne!(of(&original), of(&changed), "byte {index}");
        }
    }

    #[test]
    fn the_border_between_two_strings_counts() {
        let (mut one, mut other) = (Checksum::new(), Checksum::new());
        one.add_bytes(b"ab");
        one.add_bytes(b"c");
        other.add_bytes(b"a");
        other.add_bytes(b"bc");
        assert_ne!(one.value(), other.value());
    }
}
