//! The report that `STRATA_STATS=1` prints when the program ends, and on request: a table, or one line of JSON.
//!
//! | variable            | what `strata run --stats` says by it                       |
//! |---------------------|------------------------------------------------------------|
//! | `STRATA_STATS_OF`   | the process that reports: its children do not              |
//! | `STRATA_STATS_FILE` | where the report goes instead of the standard error output |
//! | `STRATA_STATS_JSON` | `1`: JSON                                                  |
//!
//! Does not know: how anything is counted, nor the form of the table.

use crate::global::Strata;
use crate::options;
use core::ffi::CStr;
use core::fmt::{self, Write};
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use strata_inspect::{Bytes, Fixed, Short};
use strata_os::{Output, clock, machine};

/// The longest path of a report.
const PATH_BYTES: usize = 1024;

/// When Strata was loaded, in milliseconds of its clock; only where a report is wanted. Not zero, as `options::STATS`.
static LOADED_MS: AtomicU64 = AtomicU64::new(u64::MAX);

strata_os::at_exit!(report_if_wanted);

/// A report will be wanted when the program ends: notes when it began.
pub(crate) fn begin() {
    // Relaxed: a number that stands alone.
    LOADED_MS.store(clock::milliseconds(), Relaxed);
}

extern "C" fn report_if_wanted() {
    if options::wants_stats() && is_asked() {
        write_report(output());
    }
}

/// Prints the statistics on standard error.
pub fn print() {
    write_report(Output::stderr());
}

/// Whether this process is the one that is asked for, if one is.
fn is_asked() -> bool {
    let mut buffer = [0; 24];
    let asked = variable(c"STRATA_STATS_OF", &mut buffer).and_then(|text| text.parse::<u64>().ok());
    asked.is_none_or(|process| process == machine::process())
}

/// The file that is asked for, or the standard error output, also if that file cannot be written.
fn output() -> Output {
    let mut buffer = [0; PATH_BYTES];
    let length = machine::environment(c"STRATA_STATS_FILE", &mut buffer).filter(|length| *length > 0);
    // The byte behind the value is still zero.
    let path = length.and_then(|_| CStr::from_bytes_until_nul(&buffer).ok());
    path.and_then(Output::append_to).unwrap_or(Output::stderr())
}

fn variable<'buffer>(name: &CStr, buffer: &'buffer mut [u8]) -> Option<&'buffer str> {
    let length = machine::environment(name, buffer)?;
    core::str::from_utf8(buffer.get(..length)?).ok()
}

fn write_report(mut out: Output) {
    let process = Process::now();
    let _ = if variable(c"STRATA_STATS_JSON", &mut [0; 8]) == Some("1") {
        process.write_json(&mut out)
    } else {
        process.write_table(&mut out)
    };
}

/// What is said of the process as a whole.
#[derive(Debug)]
struct Process {
    name: [u8; 16],
    name_len: usize,
    used: machine::Used,
    /// Since Strata was loaded; `None` if that was not noted.
    wall_ms: Option<u64>,
}

impl Process {
    fn now() -> Self {
        let mut name = [0; 16];
        let name_len = machine::thread_name(&mut name);
        // Relaxed: a number that stands alone.
        let wall_ms = clock::milliseconds().checked_sub(LOADED_MS.load(Relaxed));
        Self { name, name_len, used: machine::used(), wall_ms }
    }

    fn name(&self) -> Name<'_> {
        Name(self.name.get(..self.name_len).unwrap_or_default())
    }

    fn write_table(&self, out: &mut Output) -> fmt::Result {
        let prefix = Fixed::<64>::of(format_args!("strata {}[{}]: ", self.name(), machine::process()));
        let mut out = Prefixed { out, prefix, is_begun: false };
        writeln!(out, "{}", Strata::stats())?;
        let used = &self.used;
        write!(out, "process    {:>11} resident", Bytes(machine::resident_bytes()))?;
        write!(out, ", {} at its peak", Bytes(used.peak_resident_bytes))?;
        match machine::hugetlb_bytes() {
            0 => writeln!(out)?,
            bytes => writeln!(out, "; {} in explicit huge pages", Bytes(bytes))?,
        }
        let (user, system) = (Seconds(used.user_ms), Seconds(used.system_ms));
        write!(out, "time       {user:>11} s in the program, {system} s in the kernel")?;
        if let Some(wall_ms) = self.wall_ms {
            write!(out, ", {} s on the wall", Seconds(wall_ms))?;
        }
        writeln!(out, "; {} page faults", used.faults)
    }

    fn write_json(&self, out: &mut Output) -> fmt::Result {
        let Self { used, wall_ms, .. } = self;
        write!(out, "{{\"name\":\"{}\",\"pid\":{}", self.name(), machine::process())?;
        match wall_ms {
            Some(milliseconds) => write!(out, ",\"wall_ms\":{milliseconds}")?,
            None => write!(out, ",\"wall_ms\":null")?,
        }
        write!(out, ",\"user_ms\":{},\"system_ms\":{}", used.user_ms, used.system_ms)?;
        write!(out, ",\"resident_bytes\":{}", machine::resident_bytes())?;
        write!(out, ",\"peak_resident_bytes\":{},\"faults\":{}", used.peak_resident_bytes, used.faults)?;
        out.write_str(",\"stats\":")?;
        Strata::stats().write_json(out)?;
        out.write_str("}\n")
    }
}

/// A name as it may stand in a line, and in JSON.
pub(crate) struct Name<'text>(pub(crate) &'text [u8]);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => f.write_char('_'),
            byte => f.write_char(char::from(*byte)),
        })
    }
}

/// Milliseconds, shown as seconds with two decimals.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Short::of(format_args!("{}.{:02}", self.0 / 1000, self.0 % 1000 / 10)).fmt(f)
    }
}

/// Lines that begin with who speaks.
struct Prefixed<'out> {
    out: &'out mut Output,
    prefix: Fixed<64>,
    is_begun: bool,
}

impl Write for Prefixed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            if !self.is_begun {
                self.out.write_str(self.prefix.as_str())?;
            }
            self.out.write_str(part)?;
            self.is_begun = !part.ends_with('\n');
        }
        Ok(())
    }
}
