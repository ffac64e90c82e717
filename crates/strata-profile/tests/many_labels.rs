//! More labels than are made.

use strata_profile::{Label, Profile, label, recorder};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

#[test]
fn labels_beyond_the_last_one_are_the_one_that_they_are_within() {
    assert!(recorder::start(1));
    let tenant = Label::new("tenant", "a");
    let _scope = tenant.enter();
    let all: Vec<Label> = (0..3000).map(|request| Label::new("request", request)).collect();
    let made = all.iter().filter(|label| **label != tenant).count();
    assert!((2040..2049).contains(&made), "{made}");
    assert_eq!(Label::new("request", 5), all[5], "the same label again");
    let _lost = label("request", "one more");
    let kept = vec![0_u8; 700_000];
    let profile = Profile::take();
    recorder::stop();
    let site = profile.sites.iter().find(|site| site.bytes == 700_000).expect("the block");
    assert_eq!(site.labels, [("tenant".to_owned(), "a".to_owned())]);
    drop(kept);
}
