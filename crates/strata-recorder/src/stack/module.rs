//! Which loaded module an address of code is in, and where its tables for unwinding are.
//!
//! glibc says so without a lock from 2.35 on (`_dl_find_object`). Elsewhere the loader lists its modules, under a lock of its own that a
//! thread may take twice. Neither allocates.
//!
//! Does not know: what is in the tables.

use core::ffi::{c_int, c_void};
use core::ptr::null;

/// Where a module's tables are: its `.eh_frame_hdr`, and the end of what is mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module {
    pub(super) tables: *const u8,
    pub(super) end: *const u8,
}

impl Module {
    /// That of an address of code, if it has tables.
    pub(super) fn of(code: usize) -> Option<Self> {
        let find = strata_os::weak_address!("_dl_find_object");
        let module = if find.is_null() { listed(code) } else { found(find, code) };
        module.filter(|module| !module.tables.is_null())
    }
}

/// What glibc knows of an object, as its manual has it.
#[repr(C)]
struct Object {
    flags: u64,
    start: *const u8,
    end: *const u8,
    link_map: *const c_void,
    tables: *const u8,
    reserved: [u64; 7],
}

fn found(find: *mut c_void, code: usize) -> Option<Module> {
    type Find = unsafe extern "C" fn(*const c_void, *mut Object) -> c_int;
    // SAFETY: the function of this name, as glibc's manual has it.
    let find = unsafe { core::mem::transmute::<*mut c_void, Find>(find) };
    let mut object =
        Object { flags: 0, start: null(), end: null(), link_map: null(), tables: null(), reserved: [0; 7] };
    // SAFETY: room for an object.
    let answer = unsafe { find(core::ptr::without_provenance(code), &raw mut object) };
    (answer == 0).then_some(Module { tables: object.tables, end: object.end })
}

struct Search {
    code: usize,
    module: Option<Module>,
}

fn listed(code: usize) -> Option<Module> {
    let mut search = Search { code, module: None };
    // SAFETY: `examine` gets what it is given here.
    unsafe { libc::dl_iterate_phdr(Some(examine), (&raw mut search).cast()) };
    search.module
}

unsafe extern "C" fn examine(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
    // SAFETY: from `listed`, which waits.
    let search = unsafe { &mut *search.cast::<Search>() };
    // SAFETY: the loader's description of a module, for as long as this runs.
    let info = unsafe { &*info };
    // SAFETY: the loader says how many headers there are.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let start = |header: &libc::Elf64_Phdr| (info.dlpi_addr + header.p_vaddr) as usize;
    let holds = |header: &&libc::Elf64_Phdr, address: usize| {
        header.p_type == libc::PT_LOAD && address.wrapping_sub(start(header)) < header.p_memsz as usize
    };
    if !headers.iter().any(|header| holds(&header, search.code)) {
        return 0;
    }
    let tables = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME).map(start);
    search.module = tables.and_then(|tables| {
        let mapped = headers.iter().find(|header| holds(header, tables))?;
        let end = start(mapped) + mapped.p_filesz as usize;
        Some(Module { tables: at(tables), end: at(end) })
    });
    1
}

/// What the loader has mapped there.
fn at(address: usize) -> *const u8 {
    core::ptr::with_exposed_provenance(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same_tables() {
        let here = Module::of as fn(usize) -> Option<Module>;
        let code = (here as *const ()).addr();
        let module = listed(code).unwrap();
        assert!(module.tables < module.end);
        assert_eq!(Module::of(code).unwrap().tables, module.tables);
        assert!(listed(16).is_none() && Module::of(16).is_none());
    }
}
