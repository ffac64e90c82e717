//! A faked `/proc` and `/sys`, in as many shapes as containers have.

use super::*;
use std::path::PathBuf;
use std::string::String;
use std::{format, fs};

const MIB: u64 = 1 << 20;
/// How version 1 says that there is no limit.
const NONE: u64 = 9_223_372_036_854_771_712;

/// A folder with files of the kernel's making, gone with the value.
struct Fake(PathBuf);

impl Fake {
    fn new(name: &str, cgroup: &str, mountinfo: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("strata-cgroup-{}-{name}", std::process::id()));
        let fake = Fake(folder);
        fake.file("proc/self/cgroup", cgroup).file("proc/self/mountinfo", mountinfo);
        fake
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn one(&self, group: &str, limit: u64, usage: u64) -> &Self {
        self.file(&format!("{group}/memory.limit_in_bytes"), &format!("{limit}\n"));
        self.file(&format!("{group}/memory.usage_in_bytes"), &format!("{usage}\n"))
    }

    fn two(&self, group: &str, max: &str, usage: u64) -> &Self {
        self.file(&format!("{group}/memory.max"), &format!("{max}\n"));
        self.file(&format!("{group}/memory.high"), "max\n");
        self.file(&format!("{group}/memory.current"), &format!("{usage}\n"))
    }

    fn root(&self) -> &[u8] {
        std::os::unix::ffi::OsStrExt::as_bytes(self.0.as_os_str())
    }

    fn limit(&self) -> Option<u64> {
        Seen(self.root()).fold(None, |limit: Option<u64>, level| least(limit, level.limit))
    }

    fn usage(&self) -> Option<u64> {
        Seen(self.root()).fold(None, |usage: Option<u64>, level| usage.or(level.usage))
    }

    fn budget(&self) -> Option<(u64, u64)> {
        Seen(self.root()).budget().map(|budget| (budget.limit, budget.usage))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_effective_limit_of_nested_groups_is_the_smallest() {
    let fake = Fake::new("nested", "0::/pod/job/worker\n", "");
    fake.two("sys/fs/cgroup/pod/job/worker", "max", 10 * MIB);
    fake.two("sys/fs/cgroup/pod/job", &format!("{}", 300 * MIB), 60 * MIB);
    fake.two("sys/fs/cgroup/pod", &format!("{}", 200 * MIB), 150 * MIB);
    assert_eq!(fake.limit(), Some(200 * MIB));
    assert_eq!(fake.usage(), Some(10 * MIB));
    assert_eq!(fake.budget(), Some((200 * MIB, 150 * MIB)));
}

#[test]
fn the_budget_is_that_of_the_group_with_the_least_room() {
    let fake = Fake::new("room", "0::/pod/job\n", "");
    fake.two("sys/fs/cgroup/pod/job", &format!("{}", 100 * MIB), 40 * MIB);
    fake.two("sys/fs/cgroup/pod", &format!("{}", 1000 * MIB), 990 * MIB);
    assert_eq!(fake.limit(), Some(100 * MIB));
    assert_eq!(fake.budget(), Some((1000 * MIB, 990 * MIB)));
}

#[test]
fn where_a_process_is_slowed_down_is_a_limit() {
    let fake = Fake::new("high", "0::/job\n", "");
    fake.two("sys/fs/cgroup/job", &format!("{}", 300 * MIB), 40 * MIB);
    fake.file("sys/fs/cgroup/job/memory.high", &format!("{}\n", 250 * MIB));
    assert_eq!(fake.budget(), Some((250 * MIB, 40 * MIB)));
}

#[test]
fn max_everywhere_is_no_limit() {
    let fake = Fake::new("max", "0::/job\n", "");
    fake.two("sys/fs/cgroup/job", "max", 40 * MIB);
    assert_eq!((fake.limit(), fake.usage(), fake.budget()), (None, Some(40 * MIB), None));
}

#[test]
fn pages_of_files_that_nobody_uses_are_not_counted() {
    let fake = Fake::new("files", "0::/job\n", "");
    fake.two("sys/fs/cgroup/job", &format!("{}", 300 * MIB), 290 * MIB);
    fake.file("sys/fs/cgroup/job/memory.stat", &format!("anon 1\nfile 2\ninactive_file {}\n", 200 * MIB));
    assert_eq!(fake.budget(), Some((300 * MIB, 90 * MIB)));
}

#[test]
fn in_a_namespace_of_its_own_the_group_is_the_root() {
    let fake = Fake::new("namespace", "0::/\n", "");
    fake.two("sys/fs/cgroup", &format!("{}", 64 * MIB), 8 * MIB);
    assert_eq!(fake.budget(), Some((64 * MIB, 8 * MIB)));
}

#[test]
fn a_process_outside_of_the_namespace_sees_its_root_only() {
    let fake = Fake::new("outside", "0::/../other\n", "");
    fake.two("sys/fs/cgroup", &format!("{}", 64 * MIB), 8 * MIB);
    fake.two("sys/other", &format!("{}", MIB), MIB);
    assert_eq!(fake.limit(), Some(64 * MIB));
}

#[test]
fn a_hierarchy_of_version_one_is_climbed_too() {
    let fake = Fake::new("one", "5:cpu:/x\n4:memory:/user/job\n0::/\n", "");
    fake.one("sys/fs/cgroup/memory/user/job", NONE, 20 * MIB);
    fake.one("sys/fs/cgroup/memory/user", 128 * MIB, 100 * MIB);
    fake.one("sys/fs/cgroup/memory", NONE, 4000 * MIB);
    fake.two("sys/fs/cgroup", &format!("{}", MIB), MIB);
    assert_eq!(fake.budget(), Some((128 * MIB, 100 * MIB)));
}

#[test]
fn version_one_tells_of_limits_above_what_can_be_seen() {
    let fake = Fake::new("inherited", "4:memory:/\n", "");
    fake.one("sys/fs/cgroup/memory", NONE, 20 * MIB);
    let stat = format!("hierarchical_memory_limit {}\ntotal_inactive_file {}\n", 96 * MIB, 5 * MIB);
    fake.file("sys/fs/cgroup/memory/memory.stat", &stat);
    assert_eq!(fake.budget(), Some((96 * MIB, 15 * MIB)));
}

#[test]
fn a_container_without_namespace_finds_its_groups_by_the_mounts_root() {
    let mounts = "30 29 0:26 / /proc rw - proc proc rw\n\
                  35 31 0:32 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    let fake = Fake::new("docker", "4:memory:/docker/x/job\n", mounts);
    fake.one("sys/fs/cgroup/memory/job", 50 * MIB, 20 * MIB);
    fake.one("sys/fs/cgroup/memory", 128 * MIB, 100 * MIB);
    assert_eq!(fake.limit(), Some(50 * MIB));
    assert_eq!(fake.budget(), Some((128 * MIB, 100 * MIB)));
}

#[test]
fn without_a_list_of_mounts_the_containers_own_group_is_still_found() {
    let fake = Fake::new("no-mounts", "4:memory:/docker/x\n", "");
    fake.one("sys/fs/cgroup/memory", 128 * MIB, 100 * MIB);
    assert_eq!(fake.limit(), Some(128 * MIB));
}

#[test]
fn an_unusual_mount_is_found_behind_lines_of_any_length() {
    let long = "x".repeat(9000);
    let mounts = format!(
        "30 29 0:26 / /a rw - overlay overlay {long}\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    );
    let fake = Fake::new("hybrid", "3:cpu:/\n0::/job\n", &mounts);
    fake.two("sys/fs/cgroup/unified/job", &format!("{}", 70 * MIB), 7 * MIB);
    assert_eq!(fake.budget(), Some((70 * MIB, 7 * MIB)));
}

#[test]
fn a_system_without_control_groups_has_no_limit() {
    let fake = Fake::new("nothing", "", "");
    assert_eq!((fake.limit(), fake.usage(), fake.budget()), (None, None, None));
    assert!(Seen(b"/no/such/folder").budget().is_none());
}

#[test]
fn a_path_of_any_length_is_no_trouble() {
    let group: String = "/group".repeat(500);
    let fake = Fake::new("long", &format!("0::{group}\n"), "");
    fake.two("sys/fs/cgroup", &format!("{}", 64 * MIB), 8 * MIB);
    assert_eq!(fake.limit(), Some(64 * MIB));
}

#[test]
fn levels_go_from_the_group_to_the_root() {
    let all: std::vec::Vec<_> = levels(b"/a/b").collect();
    assert_eq!(all, [&b"/a/b"[..], b"/a", b""]);
    assert_eq!(levels(b"/").collect::<std::vec::Vec<_>>(), [b""]);
    assert_eq!(levels(b"/../../x").collect::<std::vec::Vec<_>>(), [b""]);
}

#[test]
fn whatever_this_machine_says_usage_is_below_the_limit() {
    if let Some(budget) = budget() {
        assert!(budget.usage <= budget.limit + (1 << 20));
        assert!(cgroup_memory_limit().is_some() && cgroup_memory_usage().is_some());
    }
}
