//! Near memory on a real kernel: a whole machine of two nodes, emulated, whose only program is `c/numa.c`.
//!
//! Minutes, so on request: `STRATA_TEST_KERNEL=vmlinuz cargo test -p strata-capi --profile checked --test numa -- --ignored`.
//! It takes Debian's `qemu-system-x86`, a static C library, and a kernel for x86-64 (of the package `linux-image-cloud-amd64`,
//! unpacked by `dpkg -x`), whose path the variable holds.

mod finished;

use finished::{Finished, Way, finish, runs};
use std::path::{Path, PathBuf};
use std::process::Command;

const EMULATOR: &str = "qemu-system-x86_64";

/// Two nodes of one processor each; memory is taken from the host as it is touched.
const MACHINE: &str = "-accel tcg,thread=multi -cpu max -smp 2 -m 5G -nographic -no-reboot \
     -object memory-backend-ram,id=m0,size=2560M -numa node,nodeid=0,cpus=0,memdev=m0 \
     -object memory-backend-ram,id=m1,size=2560M -numa node,nodeid=1,cpus=1,memdev=m1";

/// An entry of a `newc` archive, as the kernel unpacks it into its first file system.
fn entry(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let mut entry = b"070701".to_vec();
    let name = [name.as_bytes(), &[0]].concat();
    let fields = [0, mode, 0, 0, 1, 0, length(content), 0, 0, 0, 0, length(&name), 0];
    fields.iter().for_each(|field| entry.extend(format!("{field:08x}").bytes()));
    for part in [&name[..], content] {
        entry.extend(part);
        entry.resize(entry.len().next_multiple_of(4), 0);
    }
    entry
}

/// Writes a file system that holds the program as `init`.
fn first_file_system(program: &Path) -> PathBuf {
    let path = program.with_extension("cpio");
    let init = entry("init", 0o100_755, &std::fs::read(program).unwrap());
    std::fs::write(&path, [init, entry("TRAILER!!!", 0, &[])].concat()).unwrap();
    path
}

/// Starts the machine with these words for the kernel, which passes those that it does not know on to the program.
fn expect_good_with(words: &str) {
    let kernel = std::env::var_os("STRATA_TEST_KERNEL");
    let (Some(kernel), true) = (kernel, runs(EMULATOR)) else {
        println!("skipped: needs {EMULATOR}, and the path of a kernel in STRATA_TEST_KERNEL");
        return;
    };
    let Some(program) = Finished::get().program("c/numa.c", Way::Static) else { return };
    let mut machine = Command::new(EMULATOR);
    machine.args(MACHINE.split_whitespace()).arg("-kernel").arg(kernel);
    machine.arg("-initrd").arg(first_file_system(Path::new(program.get_program())));
    machine.arg("-append").arg(format!("console=ttyS0 quiet panic=-1 {words}"));
    let output = finish(&mut machine);
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines()
        .filter(|line| line.contains(" node ") || line.contains("KiB"))
        .for_each(|line| println!("{line}"));
    assert!(said.contains("all as promised"), "{machine:?}\n{said}\n{}", finished::said(&output));
}

#[test]
#[ignore = "a minute under an emulator"]
fn memory_is_near_on_a_machine_of_two_nodes() {
    expect_good_with("");
}

#[test]
#[ignore = "a minute under an emulator"]
fn reserved_pages_of_a_gibibyte_are_spread_over_two_nodes_and_near() {
    expect_good_with("hugepagesz=1G hugepages=2 STRATA_RESERVE_1G=2G");
}
