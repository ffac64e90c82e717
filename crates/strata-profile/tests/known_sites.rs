//! A program of which it is known which function holds how much, and what the profile says of it.

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard};
use std::thread;

use std::task::{Context, Poll, Waker};

use strata_profile::{Addresses, Label, Profile, Values, by_thread, label, recorder};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// The recorder belongs to one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Makes the calling thread take a slow path.
fn come_to_a_door() {
    drop(black_box(vec![0_u8; 100_000]));
}

fn start(mean_bytes: u64) {
    assert!(recorder::start(mean_bytes));
    come_to_a_door();
}

fn stop() {
    recorder::stop();
    come_to_a_door();
}

/// What blocks of a size that nothing else asks for hold and held.
fn of_size(profile: &Profile, bytes: u64) -> (Values, Values) {
    let sites = || profile.sites.iter().filter(move |site| site.bytes == bytes);
    (sites().map(|site| site.live()).sum(), sites().map(|site| site.allocated()).sum())
}

/// Boxes of a size that no other code of this program has.
fn boxes<const BYTES: usize>(count: usize) -> Vec<Box<[u8; BYTES]>> {
    (0..count).map(|_| Box::new([1; BYTES])).collect()
}

#[test]
fn at_a_mean_of_one_the_counts_are_exact() {
    let _alone = alone();
    start(1);
    let before = Profile::take();
    let mut kept = boxes::<7168>(100);
    kept.truncate(30);
    let change = Profile::take().compare_to(&before);
    stop();
    let (live, allocated) = of_size(&change, 7168);
    assert_eq!((live.blocks, live.bytes, live.standard_error()), (30.0, 30.0 * 7168.0, 0.0));
    assert_eq!(allocated.blocks, 100.0);
}

#[test]
fn what_lived_at_the_peak_is_known_afterwards() {
    let _alone = alone();
    start(1);
    // More than whatever lived before, in other tests.
    let most = (boxes::<10_240>(9000), boxes::<7168>(300));
    let [largest, others] = [10_240, 7168].map(|bytes| of_size(&Profile::take(), bytes).0.blocks);
    drop(most);
    let later = boxes::<10_240>(50);
    let profile = Profile::take();
    stop();
    let [largest_then, others_then] = [10_240, 7168].map(|bytes| of_size(&profile.at_peak(), bytes).0.blocks);
    assert_eq!((largest_then, others_then), (largest, others));
    assert_eq!(of_size(&profile, 10_240).0.blocks, 50.0);
    drop(later);
}

#[test]
fn what_was_recorded_before_a_stop_lives_no_more() {
    let _alone = alone();
    start(1);
    let before = Profile::take();
    let kept = boxes::<9216>(20);
    stop();
    drop(kept);
    start(1);
    let change = Profile::take().compare_to(&before);
    stop();
    assert_eq!(of_size(&change, 9216), (Values::default(), of_size(&change, 9216).1));
    assert_eq!(of_size(&change, 9216).1.blocks, 20.0);
}

#[test]
fn an_estimate_lies_within_six_standard_errors() {
    let _alone = alone();
    start(16 << 10);
    let before = Profile::take();
    let kept = (boxes::<48>(40_000), boxes::<6144>(1000), boxes::<24_576>(300));
    let change = Profile::take().compare_to(&before);
    stop();
    // Four are exceeded once in some thousand runs: the errors are estimates, too.
    for (bytes, truth) in [(48, 40_000.0 * 48.0), (6144, 1000.0 * 6144.0), (24_576, 300.0 * 24_576.0)] {
        let (live, _) = of_size(&change, bytes);
        assert!(
            (live.bytes - truth).abs() < 6.0 * live.standard_error(),
            "{bytes}: {live:?} instead of {truth}"
        );
    }
    drop(kept);
}

#[test]
fn a_stack_is_the_same_for_all_blocks_of_a_line_and_another_for_another_line() {
    let _alone = alone();
    start(1);
    let before = Profile::take();
    let one = boxes::<5120>(10);
    let other = boxes::<5120>(10);
    let change = Profile::take().compare_to(&before);
    stop();
    let sites: Vec<_> = change.sites.iter().filter(|site| site.bytes == 5120).collect();
    assert_eq!(sites.iter().map(|site| site.allocated).collect::<Vec<_>>(), [10, 10], "{sites:?}");
    assert!(sites.iter().all(|site| site.frames.len() > 3));
    drop((one, other));
}

#[test]
fn what_another_thread_frees_and_how_long_it_lived_is_known() {
    let _alone = alone();
    start(1);
    let before = Profile::take();
    let sent = boxes::<3584>(20);
    thread::sleep(std::time::Duration::from_millis(40));
    thread::spawn(move || drop(sent)).join().unwrap();
    drop(boxes::<3584>(20));
    let change = Profile::take().compare_to(&before);
    stop();
    let sites: Vec<_> = change.sites.iter().filter(|site| site.bytes == 3584).collect();
    assert_eq!(sites.iter().map(|site| site.freed_by_others).sum::<i64>(), 20);
    assert_eq!(sites.iter().map(|site| site.freed).sum::<i64>(), 40);
    // From 16 ms on: the coarse clock may be a tick off.
    let long: i64 = sites.iter().flat_map(|site| site.lifetimes.iter().skip(5)).sum();
    let all: i64 = sites.iter().flat_map(|site| &site.lifetimes).sum();
    // The other twenty may do so, too, on a machine that has no processor for this thread.
    assert!((20..=40).contains(&long) && all == 40, "{long} of {all}");
}

/// The values of a label, of what was allocated in blocks of a size.
fn values(profile: &Profile, bytes: u64, name: &str) -> Vec<(String, i64)> {
    let sites = profile.sites.iter().filter(|site| site.bytes == bytes);
    let labels = sites.flat_map(|site| site.labels.iter().map(|label| (label, site.allocated)));
    let mut values: Vec<_> = labels
        .filter(|((known, _), _)| known == name)
        .map(|((_, value), allocated)| (value.clone(), allocated))
        .collect();
    values.sort();
    values
}

#[test]
fn a_sample_belongs_to_the_label_of_its_scope() {
    let _alone = alone();
    start(1);
    let before = Profile::take();
    let outside = boxes::<2560>(1);
    let (inside, within) = {
        let _scope = label("tenant", "a");
        let inside = boxes::<2560>(2);
        let _inner = label("route", "/x");
        (inside, boxes::<2560>(4))
    };
    let other = thread::spawn(|| {
        let _scope = label("tenant", 7);
        boxes::<2560>(8)
    });
    let other = other.join().unwrap();
    let change = Profile::take().compare_to(&before);
    stop();
    let told = |value: &str, count| (value.to_owned(), count);
    assert_eq!(values(&change, 2560, "tenant"), [told("7", 8), told("a", 2), told("a", 4)]);
    assert_eq!(values(&change, 2560, "route"), [told("/x", 4)]);
    assert_eq!(of_size(&change, 2560).1.blocks, 15.0);
    drop((outside, inside, within, other));
}

#[test]
fn a_future_has_its_label_at_each_poll_and_no_other_future_has_it() {
    let _alone = alone();
    start(1);
    let before = Profile::take();
    let mut task = std::pin::pin!(Label::here().scope(async {
        let first = boxes::<1536>(3);
        // Comes back once.
        let mut polled = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        (first, boxes::<1536>(5))
    }));
    let mut context = Context::from_waker(Waker::noop());
    assert!(task.as_mut().poll(&mut context).is_pending());
    let between = boxes::<1536>(1);
    let Poll::Ready(kept) = task.as_mut().poll(&mut context) else { panic!("the future is not ready") };
    let change = Profile::take().compare_to(&before);
    stop();
    let tasks = values(&change, 1536, "task");
    assert_eq!(tasks.iter().map(|(_, count)| count).sum::<i64>(), 8, "{tasks:?}");
    assert!(tasks.iter().all(|(value, _)| value.contains("known_sites.rs:")), "{tasks:?}");
    drop((between, kept));
}

#[test]
fn the_threads_name_is_a_label_if_that_is_asked_for() {
    let _alone = alone();
    start(1);
    by_thread(true);
    let before = Profile::take();
    let named = thread::Builder::new().name("worker-7".to_owned()).spawn(|| boxes::<1280>(2)).unwrap();
    let kept = named.join().unwrap();
    let change = Profile::take().compare_to(&before);
    by_thread(false);
    stop();
    // The main thread has blocks of this size, too.
    assert!(values(&change, 1280, "thread").contains(&("worker-7".to_owned(), 2)));
    drop(kept);
}

#[test]
fn the_top_names_this_program() {
    let _alone = alone();
    start(1);
    let kept = boxes::<20_480>(500);
    let text = Profile::take().top(1, &mut Addresses);
    stop();
    assert!(text.starts_with("#1: ") && text.contains("known_sites"), "{text}");
    drop(kept);
}

#[cfg(feature = "symbols")]
#[test]
fn functions_are_named_and_the_allocators_own_are_left_out() {
    #[inline(never)]
    fn a_function_with_a_name_of_its_own() -> Vec<u8> {
        black_box(Vec::with_capacity(9_000_000))
    }
    let _alone = alone();
    start(1);
    let kept = a_function_with_a_name_of_its_own();
    let text = Profile::take().folded(&mut strata_profile::DebugInfo::default());
    stop();
    let line =
        text.lines().find(|line| line.contains("a_function_with_a_name_of_its_own")).expect("the function");
    assert!(
        line.ends_with(" 9000000") && !line.contains("strata_cache") && !line.contains("__rust_alloc"),
        "{line}"
    );
    drop(kept);
}
