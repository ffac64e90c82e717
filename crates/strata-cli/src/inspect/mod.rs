//! Looking at a process or a core file: how its memory is read, and what is said when it cannot be.

pub(crate) mod core_file;
pub(crate) mod moment;
pub(crate) mod pagemap;
pub(crate) mod process;
pub(crate) mod refusal;
pub(crate) mod snapshot;
