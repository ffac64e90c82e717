//! The text of a dump: why, the page for human readers, and the same as the line of JSON that `strata snapshot` writes.
//!
//! Each part is a function of its own that is not inlined, so that their buffers do not lie on the stack at once.
//!
//! Does not know: where it goes.

use crate::explain::explain;
use crate::global::Strata;
use crate::report::Name;
use core::fmt::{self, Write};
use strata_inspect::SNAPSHOT_VERSION;
use strata_os::{Output, clock, machine};

/// Why there is a dump.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// The signal came.
    Signal,
    /// Memory was refused, so often by now.
    Refused {
        /// This time included.
        times: u64,
    },
    /// The program asked for it.
    Asked,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal => f.write_str("a signal asks for a dump"),
            Self::Refused { times: 1 } => f.write_str("memory is refused, and null returned"),
            Self::Refused { times } => write!(f, "memory is refused for the {times}th time"),
            Self::Asked => f.write_str("the program asks for a dump"),
        }
    }
}

/// Writes all of it.
pub(super) fn write(out: &mut Output, why: Why) {
    let _ = write_head(out, why);
    let _ = write_page(out);
    let _ = write_json(out);
}

#[inline(never)]
fn write_head(out: &mut Output, why: Why) -> fmt::Result {
    let mut name = [0; 16];
    let length = machine::thread_name(&mut name);
    let name = Name(name.get(..length).unwrap_or_default());
    writeln!(out, "strata: {why}: process {}, thread {name}\n", machine::process())
}

/// The waterfall and its causes; where the kernel does not say what is in memory, the table of statistics.
#[inline(never)]
fn write_page(out: &mut Output) -> fmt::Result {
    match explain() {
        Some(explanation) => writeln!(out, "{explanation}"),
        None => writeln!(out, "The kernel does not say what is in memory.\n{}", Strata::stats()),
    }
}

/// One line, which `strata diff` reads.
#[inline(never)]
fn write_json(out: &mut Output) -> fmt::Result {
    let mut name = [0; 16];
    let length = machine::thread_name(&mut name);
    let name = Name(name.get(..length).unwrap_or_default());
    let taken_ms = clock::unix_milliseconds();
    write!(
        out,
        "{{\"strata_snapshot\":{SNAPSHOT_VERSION},\"taken_ms\":{taken_ms},\"name\":\"{name}\",\"explanation\":"
    )?;
    write_explanation(out)?;
    write_heap(out)?;
    out.write_str("}\n")
}

#[inline(never)]
fn write_explanation(out: &mut Output) -> fmt::Result {
    match explain() {
        Some(explanation) => explanation.write_json(out),
        None => write!(out, "{{\"pid\":{},\"rss_bytes\":0,\"lines\":[],\"causes\":[]}}", machine::process()),
    }
}

#[inline(never)]
fn write_heap(out: &mut Output) -> fmt::Result {
    write!(out, ",\"heaps\":[{{\"pid\":{},\"stats\":", machine::process())?;
    Strata::stats().write_json(out)?;
    out.write_str(",\"threads\":[")?;
    let (mut result, mut separator) = (Ok(()), "");
    Strata::each_thread(|thread| {
        result = result.and_then(|()| out.write_str(separator)).and_then(|()| thread.write_json(out));
        separator = ",";
    });
    result?;
    out.write_str("]}]")
}
