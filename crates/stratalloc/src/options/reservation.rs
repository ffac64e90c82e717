//! Explicit huge pages at the user's wish, and what he is told when there are too few.
//!
//! Does not know: what becomes of the pages; `strata-segment` does.

use super::table::Row;
use crate::lines::Lines;
use core::fmt::{self, Write};
use strata_cache::thread::RUNTIME;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use strata_os::machine::{self, HugetlbPage, HugetlbRefusal};
use strata_segment::Reserved;

/// Bytes that were asked for already, of each size.
static ASKED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Bytes of these pages that were asked for.
pub(super) fn asked(page: HugetlbPage) -> u64 {
    // Relaxed: a number that stands alone.
    ASKED[page as usize].load(Relaxed)
}

/// Takes as many bytes of these pages as the option says, less those that were asked for before.
pub(super) fn reserve(row: &Row, page: HugetlbPage, bytes: u64) {
    // Relaxed: a number that stands alone; of two that ask at once, one asks for the difference.
    let before = ASKED[page as usize].fetch_max(bytes, Relaxed);
    let wanted = bytes.saturating_sub(before);
    if wanted == 0 {
        return;
    }
    let Reserved { bytes: got, refusal } = RUNTIME.page_heap.reserve_hugetlb(page, wanted);
    if let Some(reason) = refusal {
        let short = Shortage {
            row,
            page,
            asked: bytes,
            wanted,
            got,
            reason,
            configured: machine::hugetlb_pages(page),
        };
        let _ = writeln!(Lines::default(), "{short}");
    }
}

/// Fewer pages than the user wanted.
#[derive(Debug)]
struct Shortage<'table> {
    row: &'table Row,
    page: HugetlbPage,
    asked: u64,
    wanted: u64,
    got: u64,
    reason: HugetlbRefusal,
    /// Pages of this size on the machine, in use or not.
    configured: Option<u64>,
}

impl fmt::Display for Shortage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, page, asked, wanted, got, reason, configured } = self;
        let written = |bytes| row.syntax.written(bytes);
        write!(f, "{}={}: ", row.name, written(*asked))?;
        match (reason, configured) {
            (HugetlbRefusal::NoSuchSize, _) | (_, None) => {
                write!(f, "this system has no huge pages of {page}; ordinary memory is used")
            }
            (HugetlbRefusal::NoAddresses, _) => {
                match got {
                    0 => {
                        write!(f, "no addresses are left for huge pages of {page}; ordinary memory is used")?
                    }
                    got => write!(
                        f,
                        "addresses are left for only {} of huge pages of {page}; then ordinary memory is used",
                        written(*got)
                    )?,
                }
                f.write_str(". See ulimit -v")
            }
            (HugetlbRefusal::TooFew, Some(configured)) => {
                let missing = (wanted - got).div_ceil(page.bytes() as u64);
                match got {
                    0 => write!(f, "no huge pages of {page} are free; ordinary memory is used")?,
                    got => write!(
                        f,
                        "only {} of huge pages of {page} are free; then ordinary memory is used",
                        written(*got)
                    )?,
                }
                write!(f, ". As root: echo {} > {}", configured + missing, file(*page))
            }
        }
    }
}

fn file(page: HugetlbPage) -> &'static str {
    match page {
        HugetlbPage::TwoMiB => "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
        HugetlbPage::OneGiB => "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::named;
    use super::*;
    use std::string::ToString;

    fn shortage(
        page: HugetlbPage,
        got: u64,
        reason: HugetlbRefusal,
        configured: Option<u64>,
    ) -> std::string::String {
        let (name, wanted) = match page {
            HugetlbPage::TwoMiB => ("reserve_2m", 64 << 20),
            HugetlbPage::OneGiB => ("reserve_1g", 2 << 30),
        };
        let row = named(name).unwrap();
        Shortage { row, page, asked: wanted, wanted, got, reason, configured }.to_string()
    }

    #[test]
    fn the_user_is_told_what_to_do() {
        assert_eq!(
            shortage(HugetlbPage::TwoMiB, 0, HugetlbRefusal::TooFew, Some(0)),
            "reserve_2m=64M: no huge pages of 2 MiB are free; ordinary memory is used. \
             As root: echo 32 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
        );
        assert_eq!(
            shortage(HugetlbPage::OneGiB, 1 << 30, HugetlbRefusal::TooFew, Some(7)),
            "reserve_1g=2G: only 1G of huge pages of 1 GiB are free; then ordinary memory is used. \
             As root: echo 8 > /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
        );
    }

    #[test]
    fn who_is_short_of_addresses_is_not_told_to_set_pages_apart() {
        assert_eq!(
            shortage(HugetlbPage::TwoMiB, 0, HugetlbRefusal::NoAddresses, Some(64)),
            "reserve_2m=64M: no addresses are left for huge pages of 2 MiB; ordinary memory is used. See ulimit -v"
        );
        assert_eq!(
            shortage(HugetlbPage::OneGiB, 1 << 30, HugetlbRefusal::NoAddresses, Some(7)),
            "reserve_1g=2G: addresses are left for only 1G of huge pages of 1 GiB; then ordinary memory is used. \
             See ulimit -v"
        );
    }

    #[test]
    fn a_size_that_the_system_does_not_have_is_called_so() {
        let expected = "reserve_1g=2G: this system has no huge pages of 1 GiB; ordinary memory is used";
        for (reason, configured) in [(HugetlbRefusal::NoSuchSize, Some(0)), (HugetlbRefusal::TooFew, None)] {
            assert_eq!(shortage(HugetlbPage::OneGiB, 0, reason, configured), expected);
        }
    }
}
