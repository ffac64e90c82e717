//! The pages that the service makes: any number of them, of any size, and the same for every client.

/// Pages of this many different contents; beyond, they begin again.
const CONTENTS: u64 = 251;

/// The page of this number.
pub fn render(number: u64, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| byte(number, index)).collect()
}

/// Whether this is the page of this number, whole.
pub fn is_right(page: &[u8], number: u64, bytes: usize) -> bool {
    page.len() == bytes && page.iter().enumerate().all(|(index, found)| *found == byte(number, index))
}

fn byte(number: u64, index: usize) -> u8 {
    (number % CONTENTS) as u8 ^ index as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_right_or_it_is_another_or_cut_short() {
        let page = render(7, 1000);
        assert!(is_right(&page, 7, 1000));
        assert!(!is_right(&page, 8, 1000) && !is_right(&page[..999], 7, 1000));
    }
}
