//! The table of statistics that `STRATA_STATS=1` prints when the program ends, and on request.
//!
//! Does not know: how anything is counted, nor how the table looks.

use crate::global::Strata;
use crate::lines::Lines;
use crate::options;
use core::fmt::Write;
use strata_inspect::Bytes;
use strata_os::machine;

strata_os::at_exit!(report_if_wanted);

extern "C" fn report_if_wanted() {
    if options::wants_stats() {
        print();
    }
}

/// Prints the statistics on standard error.
pub fn print() {
    let mut out = Lines::default();
    let _ = writeln!(out, "{}", Strata::stats());
    let resident = Bytes(machine::resident_bytes());
    let _ = match machine::hugetlb_bytes() {
        0 => writeln!(out, "process    {resident:>11} resident"),
        bytes => {
            writeln!(out, "process    {resident:>11} resident, and {} in explicit huge pages", Bytes(bytes))
        }
    };
}
