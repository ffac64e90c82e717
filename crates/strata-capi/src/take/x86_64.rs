//! `malloc` in twelve instructions of x86-64: `take::pop` as LLVM would not write it, and its slow path by a jump.
//!
//! Does not know: anything that `pop` does not.

/// The code of a function that takes `size` bytes and leaves for `with_care`, with the least alignment as second argument.
macro_rules! code {
    ($with_care:path) => {
        core::arch::naked_asm!(
            "cmp rdi, {small_bytes}",
            "ja 3f",
            "lea rcx, [rip + {small}]",
            "movzx ecx, word ptr [rcx + 2 * rdi]",
            // The second thread word: the cache that this thread allocates from, and in it the magazine.
            concat!("mov rax, qword ptr [rip + ", $crate::free::exported::thread_word!(), "@GOTTPOFF]"),
            "add rcx, qword ptr fs:[rax + 8]",
            "mov rdx, qword ptr [rcx + {count}]",
            "sub rdx, 1",
            "js 4f",
            "mov qword ptr [rcx + {count}], rdx",
            "mov rax, qword ptr [rcx + 8 * rdx + {slots}]",
            "ret",
            "3:",
            "lea rax, [rdi - 1]",
            "cmp rax, {medium_bytes}",
            "jae 4f",
            "shr rax, {medium_shift}",
            "lea rcx, [rip + {medium}]",
            "movzx ecx, word ptr [rcx + 2 * rax]",
            // The same once more: a jump there would be one instruction more.
            concat!("mov rax, qword ptr [rip + ", $crate::free::exported::thread_word!(), "@GOTTPOFF]"),
            "add rcx, qword ptr fs:[rax + 8]",
            "mov rdx, qword ptr [rcx + {count}]",
            "sub rdx, 1",
            "js 4f",
            "mov qword ptr [rcx + {count}], rdx",
            "mov rax, qword ptr [rcx + 8 * rdx + {slots}]",
            "ret",
            "4:",
            "mov esi, {granule_bytes}",
            "jmp {with_care}",
            small = sym strata_cache::size_table::SMALL,
            small_bytes = const strata_core::size_class::SMALL_BYTES,
            medium = sym strata_cache::size_table::MEDIUM,
            medium_bytes = const strata_cache::size_table::MEDIUM_BYTES,
            medium_shift = const strata_cache::size_table::MEDIUM_STEP_BYTES.ilog2(),
            count = const strata_cache::size_table::MAGAZINE_FIELDS[0],
            slots = const strata_cache::size_table::MAGAZINE_FIELDS[2],
            granule_bytes = const strata_core::layout::GRANULE_BYTES,
            with_care = sym $with_care,
        )
    };
}
pub(crate) use code;

/// Defines `malloc`, with the function that serves what no magazine does.
macro_rules! define_malloc {
    ($name:ident, $with_care:path) => {
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C" fn $name(size: usize) -> *mut core::ffi::c_void {
            $crate::take::code!($with_care)
        }
    };
}
pub(crate) use define_malloc;
