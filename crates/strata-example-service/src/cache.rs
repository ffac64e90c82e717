//! What the service remembers: pages, which can be made again, and visits, which should not have been kept.
//!
//! Both grow without bound: that is the bug of this service. The load test, which is about allocators and not about the
//! bug, has a bound on the pages and keeps no visits.
//!
//! Does not know: HTTP, who decides to shed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::page;

/// A rendered page.
pub type Page = Arc<[u8]>;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everything: the bug.
    Unbounded {
        /// What each visit leaves behind.
        visit_bytes: usize,
    },
    /// The last pages, a number of them.
    LastPages(usize),
}

/// The memory of the service.
#[derive(Debug)]
pub struct Cache {
    policy: Policy,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pages: HashMap<(u64, usize), Page>,
    /// In the order in which they came.
    order: VecDeque<(u64, usize)>,
    page_bytes: usize,
    visits: Vec<Box<[u8]>>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Amount {
    /// Pages in the cache.
    pub pages: usize,
    /// Their bytes.
    pub page_bytes: usize,
    /// Visits remembered.
    pub visits: usize,
    /// Their bytes.
    pub visit_bytes: usize,
}

impl Cache {
    /// An empty one.
    pub fn new(policy: Policy) -> Self {
        Self { policy, kept: Mutex::default() }
    }

    /// The page of this number and size: from the cache, or made now.
    pub fn page(&self, number: u64, bytes: usize) -> Page {
        if let Some(page) = self.kept().pages.get(&(number, bytes)) {
            return Arc::clone(page);
        }
        let page: Page = page::render(number, bytes).into();
        self.kept().insert((number, bytes), Arc::clone(&page), self.policy);
        page
    }

    /// Remembers a visit.
    pub fn visit(&self, number: u64) {
        if let Policy::Unbounded { visit_bytes } = self.policy {
            let visit = page::render(number, visit_bytes).into_boxed_slice();
            self.kept().visits.push(visit);
        }
    }

    /// Forgets all pages.
    pub fn shed(&self) {
        let mut kept = self.kept();
        let (pages, order) = (std::mem::take(&mut kept.pages), std::mem::take(&mut kept.order));
        kept.page_bytes = 0;
        // Freed when no client waits.
        drop(kept);
        drop((pages, order));
    }

    /// What is kept now.
    pub fn amount(&self) -> Amount {
        let kept = self.kept();
        let visit_bytes = kept.visits.iter().map(|visit| visit.len()).sum();
        Amount {
            pages: kept.pages.len(),
            page_bytes: kept.page_bytes,
            visits: kept.visits.len(),
            visit_bytes,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn insert(&mut self, key: (u64, usize), page: Page, policy: Policy) {
        self.page_bytes += page.len();
        if self.pages.insert(key, page).is_some() {
            // Another thread made the same page meanwhile.
            self.page_bytes -= key.1;
            return;
        }
        self.order.push_back(key);
        if let Policy::LastPages(count) = policy {
            while self.pages.len() > count
                && let Some(oldest) = self.order.pop_front()
            {
                self.pages.remove(&oldest);
                self.page_bytes -= oldest.1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_kept_until_pages_are_shed() {
        let cache = Cache::new(Policy::Unbounded { visit_bytes: 10 });
        for number in 0..100 {
            assert!(page::is_right(&cache.page(number, 50), number, 50));
            cache.visit(number);
        }
        cache.page(5, 50);
        let amount = Amount { pages: 100, page_bytes: 5000, visits: 100, visit_bytes: 1000 };
        assert_eq!(cache.amount(), amount);
        cache.shed();
        assert_eq!(cache.amount(), Amount { pages: 0, page_bytes: 0, ..amount });
    }

    #[test]
    fn a_bounded_cache_forgets_the_oldest_pages() {
        let cache = Cache::new(Policy::LastPages(3));
        for number in 0..100 {
            cache.page(number, 300);
            cache.visit(number);
            assert!(cache.amount().pages <= 3);
        }
        assert_eq!(cache.amount(), Amount { pages: 3, page_bytes: 900, visits: 0, visit_bytes: 0 });
    }
}
