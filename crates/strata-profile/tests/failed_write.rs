//! A file that cannot be written for a while, or was closed by the program: what is written later is whole.
//!
//! One test, since a process has one file, and the limit is the process's.

use std::ffi::CString;
use std::fs;
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::path::Path;

use strata_profile::{Profile, log, recorder};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Boxes of a size that no other code of this program has.
fn boxes<const BYTES: usize>(count: usize) -> Vec<Box<[u8; BYTES]>> {
    (0..count).map(|_| Box::new(black_box([1; BYTES]))).collect()
}

/// Blocks of this size that live, by the file.
fn live(path: &Path, bytes: u64) -> f64 {
    let profile = Profile::read(path).unwrap();
    profile.sites.iter().filter(|site| site.bytes == bytes).map(|site| site.live().blocks).sum()
}

fn limit_files_to(bytes: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes into it.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) }, 0);
    limit.rlim_cur = bytes.min(limit.rlim_max);
    // SAFETY: reads it.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}

/// The descriptor under which this process has a file.
fn descriptor_of(path: &Path) -> i32 {
    let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let found = all.into_iter().find(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path));
    found.expect("it is open").file_name().to_str().unwrap().parse().unwrap()
}

#[test]
fn a_state_that_was_not_written_is_told_by_the_next_one() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).canonicalize().unwrap().join("failed_write.strata");
    let _ = fs::remove_file(&path);
    assert!(log::open(&CString::new(path.to_str().unwrap()).unwrap()));
    assert!(recorder::start(1));
    // Has this thread take a slow path, and so learn of it.
    drop(black_box(vec![0_u8; 100_000]));

    let first = boxes::<7168>(30);
    log::write();
    assert_eq!(live(&path, 7168), 30.0);
    // From here on nothing is added, also by this thread's own samples, once a second.
    limit_files_to(1);
    let whole = fs::metadata(&path).unwrap().len();
    let second = boxes::<9216>(20);
    // Room for less than a chunk, for some, and for most of what has to be told now. Beyond it a signal would end the process.
    for sixteenths in 0..16 {
        limit_files_to(whole + whole * sixteenths / 16);
        log::write();
        assert_eq!(fs::metadata(&path).unwrap().len(), whole, "a part of a state is no state");
    }
    limit_files_to(u64::MAX);
    let third = boxes::<11_264>(10);
    log::write();
    assert_eq!([7168, 9216, 11_264].map(|bytes| live(&path, bytes)), [30.0, 20.0, 10.0]);

    // A program that closes what it did not open, and has a file of its own there.
    let other = path.with_extension("other");
    fs::write(&other, "the program's own").unwrap();
    let theirs = fs::OpenOptions::new().append(true).open(&other).unwrap();
    let ours = descriptor_of(&path);
    // SAFETY: both are open, and nothing of Rust's has the second one.
    assert_eq!(unsafe { libc::dup2(theirs.as_raw_fd(), ours) }, ours);
    drop(first);
    log::write();
    assert_eq!(fs::read_to_string(&other).unwrap(), "the program's own");
    assert_eq!([7168, 9216, 11_264].map(|bytes| live(&path, bytes)), [0.0, 20.0, 10.0]);

    // A file that somebody cut has no whole state to go on from.
    let cut = fs::OpenOptions::new().write(true).open(&path).unwrap();
    cut.set_len(10).unwrap();
    log::write();
    assert_eq!(fs::metadata(&path).unwrap().len(), 10);
    recorder::stop();
    drop((second, third));
}
