//! What the kernel says of transparent huge pages of 2 MiB: to whom it gives them.
//!
//! ```text
//!   /sys/kernel/mm/transparent_hugepage/  hpage_pmd_size                  2097152, or there are none that fit an arena
//!                                         hugepages-2048kB/enabled        always [inherit] madvise never      (since 6.8)
//!                                         enabled                         always [madvise] never
//!   prctl(PR_GET_THP_DISABLE)             this process, or the one that started it, said no
//! ```
//!
//! Kernels with pages of 16 or 64 KiB have huge pages of 32 or 512 MiB: for us as if there were none.
//!
//! Does not know: who wants some (`strata-segment` does).

use super::raw::{self, flags};
use super::small_file;
use crate::machine::{HUGE_PAGE_BYTES, HugePages};
use core::ffi::{CStr, c_int};

// Of the kernel's interface, which is fixed; the C library's header may be older than the kernel.
const PR_GET_THP_DISABLE: c_int = 42;
/// Answer of a process that takes huge pages only where it asks for them (since 6.18); 1 means nowhere.
const DISABLED_EXCEPT_ADVISED: c_int = 3;

const SIZE: &CStr = c"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";
const OF_THIS_SIZE: &CStr = c"/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled";
const OF_ALL_SIZES: &CStr = c"/sys/kernel/mm/transparent_hugepage/enabled";

/// To whom the kernel gives huge pages, as things are now.
pub fn huge_pages() -> HugePages {
    let mut buffer = [0; 64];
    let size = small_file::read(SIZE, &mut buffer).and_then(small_file::number);
    if size != Some(HUGE_PAGE_BYTES as u64) {
        return HugePages::Never;
    }
    let (mut own, mut all) = ([0; 64], [0; 64]);
    let own = small_file::read(OF_THIS_SIZE, &mut own).and_then(selected);
    let all = small_file::read(OF_ALL_SIZES, &mut all).and_then(selected);
    within(process_says(), policy(own, all))
}

/// The policy for a size whose own word is `own`, where `all` is that for all sizes.
fn policy(own: Option<&[u8]>, all: Option<&[u8]>) -> HugePages {
    match own {
        None | Some(b"inherit") => meaning(all),
        own => meaning(own),
    }
}

fn meaning(word: Option<&[u8]>) -> HugePages {
    match word {
        Some(b"always") => HugePages::Always,
        Some(b"madvise") => HugePages::OnAdvice,
        _ => HugePages::Never,
    }
}

/// The word in brackets.
fn selected(text: &[u8]) -> Option<&[u8]> {
    let begin = text.iter().position(|byte| *byte == b'[')? + 1;
    let rest = text.get(begin..)?;
    rest.get(..rest.iter().position(|byte| *byte == b']')?)
}

fn process_says() -> c_int {
    let nothing = flags(0);
    let arguments = [flags(PR_GET_THP_DISABLE), nothing, nothing, nothing, nothing];
    // SAFETY: asks for a number; a kernel that does not know the question refuses.
    unsafe { raw::call(libc::SYS_prctl, arguments) }.map_or(-1, |answer| answer as c_int)
}

fn within(process: c_int, policy: HugePages) -> HugePages {
    match (process, policy) {
        (1, _) => HugePages::Never,
        (DISABLED_EXCEPT_ADVISED, HugePages::Always) => HugePages::OnAdvice,
        (_, policy) => policy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::in_child::is_true_in_a_child;
    use HugePages::{Always, Never, OnAdvice};

    #[test]
    fn the_word_in_brackets_holds() {
        assert_eq!(selected(b"always [madvise] never\n"), Some(&b"madvise"[..]));
        assert_eq!(selected(b"[always] inherit madvise never"), Some(&b"always"[..]));
        for text in [&b"always madvise"[..], b"", b"[never", b"never]"] {
            assert_eq!(selected(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_size_has_its_own_policy_or_inherits_that_of_all() {
        let policy =
            |own: &'static str, all: &'static str| policy(Some(own.as_bytes()), Some(all.as_bytes()));
        assert_eq!(policy("inherit", "madvise"), OnAdvice);
        assert_eq!(policy("inherit", "never"), Never);
        assert_eq!(policy("never", "always"), Never);
        assert_eq!(policy("always", "never"), Always);
        assert_eq!(policy("madvise", "never"), OnAdvice);
        assert_eq!(policy("what comes next", "always"), Never);
        assert_eq!(super::policy(None, Some(b"always")), Always, "before kernel 6.8 there is one policy");
        assert_eq!(super::policy(None, None), Never, "a kernel without huge pages");
    }

    #[test]
    fn a_process_that_said_no_gets_none() {
        for policy in [Always, OnAdvice, Never] {
            assert_eq!(within(1, policy), Never);
            assert_eq!(within(0, policy), policy);
            assert_eq!(within(-1, policy), policy, "a kernel that does not know the question");
        }
        assert_eq!(within(DISABLED_EXCEPT_ADVISED, Always), OnAdvice);
        assert_eq!(within(DISABLED_EXCEPT_ADVISED, Never), Never);
    }

    #[test]
    fn a_prctl_of_this_process_counts() {
        const PR_SET_THP_DISABLE: c_int = 41;
        assert!(is_true_in_a_child(|| {
            // SAFETY: a flag of the child.
            unsafe { libc::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) };
            huge_pages() == Never
        }));
    }
}
