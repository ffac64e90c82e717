//! The thread word in an executable.

use std::sync::Barrier;

static FIRST: [u64; 4] = [11; 4];
static SECOND: u64 = 22;

strata_os::thread_word! {
    /// Named by a plain name.
    pub(crate) mod first { initial = FIRST }
}
strata_os::thread_word! {
    /// Named by a full path.
    mod second { initial = crate::SECOND }
}

fn word_of<T>(place: &'static T) -> *mut () {
    (&raw const *place).cast_mut().cast()
}

#[test]
fn a_word_starts_as_the_address_of_its_static_and_stays_as_set() {
    assert_eq!(first::get(), word_of(&FIRST));
    // SAFETY: nothing relies on the word.
    unsafe { first::set(word_of(&SECOND)) };
    assert_eq!(first::get(), word_of(&SECOND));
    // SAFETY: nothing relies on the word.
    unsafe { first::set(word_of(&FIRST)) };
    assert_eq!(first::get(), word_of(&FIRST));
}

#[test]
fn two_words_do_not_disturb_each_other() {
    // SAFETY: nothing relies on the word.
    unsafe { first::set(word_of(&SECOND)) };
    assert_eq!(second::get(), word_of(&SECOND));
    // SAFETY: nothing relies on the word.
    unsafe { second::set(word_of(&FIRST)) };
    assert_eq!(first::get(), word_of(&SECOND));
}

#[test]
fn each_thread_has_its_own() {
    const THREADS: usize = 8;
    let (barrier, places) = (Barrier::new(THREADS), [0_u8; THREADS]);
    std::thread::scope(|scope| {
        for place in &places {
            let barrier = &barrier;
            scope.spawn(move || {
                let mine = (&raw const *place).cast_mut().cast();
                assert_eq!(first::get(), word_of(&FIRST));
                // SAFETY: nothing relies on the word.
                unsafe { first::set(mine) };
                barrier.wait();
                assert_eq!(first::get(), mine);
            });
        }
    });
}
