//! What a task allocates belongs to where it was spawned, whichever thread polls it.

use std::time::Duration;

use strata_profile::{Label, Profile, label, recorder, spawn};
use stratalloc::Strata;
use tokio::runtime::Builder;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// A block of this size, allocated after the task has waited: perhaps on another thread.
async fn hold(bytes: usize) -> Vec<u8> {
    tokio::time::sleep(Duration::from_millis(2)).await;
    vec![1; bytes]
}

/// The labels of the blocks of this size.
fn labels(profile: &Profile, bytes: u64) -> Vec<(String, String)> {
    profile.sites.iter().find(|site| site.bytes == bytes).expect("the block").labels.clone()
}

/// A task that spawns itself.
fn spawn_within(depth: usize) -> Vec<u8> {
    if depth == 0 { vec![1; 900_000] } else { futures(depth) }
}

fn futures(depth: usize) -> Vec<u8> {
    let _within = Label::here().enter();
    let _turn = label("turn", depth % 2);
    spawn_within(depth - 1)
}

#[test]
fn a_task_is_labelled_by_the_line_that_spawns_it_and_keeps_its_tenant() {
    assert!(recorder::start(1));
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    let (kept, line) = runtime.block_on(async {
        let first = (0..20).map(|_| spawn(hold(700_000)));
        let first: Vec<_> = first.collect();
        let _scope = label("tenant", "acme");
        let (second, line) = (spawn(hold(800_000)), line!());
        let mut kept = Vec::new();
        for task in first.into_iter().chain([second]) {
            kept.push(task.await.unwrap());
        }
        (kept, line)
    });
    let profile = Profile::take();
    let task = ("task".to_owned(), format!("{}:{line}", file!()));
    assert_eq!(labels(&profile, 800_000), [task.clone(), ("tenant".to_owned(), "acme".to_owned())]);
    let other = labels(&profile, 700_000);
    assert!(other.len() == 1 && other[0].0 == "task" && other[0] != task, "{other:?}");
    drop(kept);
    // Tasks within tasks: of each name the innermost, and no more labels than there are different ones.
    let deepest = spawn_within(5000);
    let profile = Profile::take();
    recorder::stop();
    let names: Vec<_> = labels(&profile, 900_000).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["task", "turn"]);
    drop(deepest);
}
