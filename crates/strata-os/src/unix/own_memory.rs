//! It is not known what is in memory.

pub(crate) fn copy(_address: u64, _into: &mut [u8]) -> bool {
    false
}

pub(crate) fn each_line(_path: &core::ffi::CStr, _each: &mut dyn FnMut(&[u8])) -> bool {
    false
}

pub(crate) fn resident(_start: u64, _end: u64, _each: &mut dyn FnMut(u64, u64, bool)) -> bool {
    false
}
