//! The orders, and those that were asked for of late; shared by all requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dashmap::DashMap;
use moka::sync::Cache;

use crate::order::Order;

/// Answers that are kept ready.
const CACHED: u64 = 20_000;

/// All state of the service.
pub struct Shop {
    orders: DashMap<u64, Arc<Order>>,
    answers: Cache<u64, Arc<str>>,
    text_bytes: AtomicU64,
}

impl Default for Shop {
    fn default() -> Self {
        Self { orders: DashMap::new(), answers: Cache::new(CACHED), text_bytes: AtomicU64::new(0) }
    }
}

impl Shop {
    /// Keeps an order; its total.
    pub fn add(&self, id: u64, order: Order) -> u64 {
        let cents = order.total_cents();
        self.text_bytes.fetch_add(order.text_bytes() as u64, Relaxed);
        if let Some(before) = self.orders.insert(id, Arc::new(order)) {
            self.text_bytes.fetch_sub(before.text_bytes() as u64, Relaxed);
        }
        self.answers.invalidate(&id);
        cents
    }

    /// An order as JSON.
    pub fn answer(&self, id: u64) -> Option<Arc<str>> {
        if let Some(answer) = self.answers.get(&id) {
            return Some(answer);
        }
        let order = Arc::clone(&*self.orders.get(&id)?);
        let answer: Arc<str> = serde_json::to_string(&*order).ok()?.into();
        self.answers.insert(id, Arc::clone(&answer));
        Some(answer)
    }

    /// How many orders there are.
    pub fn count(&self) -> usize {
        self.orders.len()
    }

    /// Bytes of text in them.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes.load(Relaxed)
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.orders.clear();
        self.orders.shrink_to_fit();
        self.answers.invalidate_all();
        // The cache drops what is invalid when it is used next, or now.
        self.answers.run_pending_tasks();
        self.text_bytes.store(0, Relaxed);
    }
}
