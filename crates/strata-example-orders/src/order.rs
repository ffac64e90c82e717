//! An order: strings and lists of strings, as they come in JSON.

use serde::{Deserialize, Serialize};

/// What a customer wants.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Who.
    pub customer: String,
    /// Where to.
    pub address: Vec<String>,
    /// What.
    pub items: Vec<Item>,
    /// Words to the shop.
    pub note: Option<String>,
}

/// A line of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Item {
    /// The article's number.
    pub article: String,
    /// Its name.
    pub name: String,
    /// Pieces.
    pub count: u32,
    /// For one, in cents.
    pub cents: u64,
}

impl Order {
    /// What it costs, in cents.
    pub fn total_cents(&self) -> u64 {
        self.items.iter().map(|item| u64::from(item.count) * item.cents).sum()
    }

    /// Bytes of its texts: what a program would say that it holds.
    pub fn text_bytes(&self) -> usize {
        let items = self.items.iter().map(|item| item.article.len() + item.name.len());
        let lines = self.address.iter().chain(&self.note).map(String::len);
        self.customer.len() + items.sum::<usize>() + lines.sum::<usize>()
    }

    /// One like those of a shop, the same for the same number: about a kilobyte and a half of JSON.
    pub fn sample(number: u64) -> Self {
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let item = |index: u64| Item {
            article: format!("{:08x}-{index:04}", spread.wrapping_mul(index + 1) as u32),
            name: "a thing of some kind, ".repeat(1 + ((spread >> index) % 3) as usize),
            count: 1 + (spread % 5) as u32,
            cents: 99 + spread % 10_000,
        };
        Self {
            customer: format!("customer number {spread}"),
            address: vec![
                format!("{} Long Street", number % 300),
                "Some Town".to_owned(),
                "Some Land".to_owned(),
            ],
            items: (0..6 + spread % 9).map(item).collect(),
            note: spread.is_multiple_of(3).then(|| "please ring twice; ".repeat(1 + (spread % 7) as usize)),
        }
    }
}
