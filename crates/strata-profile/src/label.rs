//! Labels: what the program says of its work, so that a profile says for whom memory was allocated.
//!
//! A scope is entered and left on one thread. A future is another matter: it is polled on any thread, and waits in between while others are polled.
//! So [`Label::scope`] enters the label at each poll. (tokio's hooks for tasks are unstable; [`Label::here`] names the line instead that spawns one.)
//!
//! Does not know: what is done with a label's number.

use pin_project_lite::pin_project;
use std::cell::Cell;
use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use strata_recorder::labels;

thread_local! {
    /// The calling thread's label. It needs no destructor, so it is there as long as the thread is.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

static ASKED: fn() -> u32 = || CURRENT.get();

/// A name and a value, perhaps within another label. Copied like a number.
///
/// Some two thousand different ones are made in a process, since none is given back: label tenants and routes, not requests. A label beyond that
/// is the one that it is within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(u32);

/// Has the calling thread's samples belong to a label until the scope is dropped: [`Label::new`] and [`Label::enter`] in one.
///
/// ```
/// let _scope = strata_profile::label("tenant", 42);
/// ```
pub fn label(name: &str, value: impl Display) -> Scope {
    Label::new(name, value).enter()
}

impl Label {
    /// A label within the calling thread's current one. Names have 63 bytes at most and values 191; more is cut off.
    pub fn new(name: &str, value: impl Display) -> Self {
        labels::ask(&ASKED);
        Self(labels::label(CURRENT.get(), name, &value.to_string()))
    }

    /// A label called `task`, whose value is the file and line that this is called from: where a task is spawned, say.
    #[track_caller]
    pub fn here() -> Self {
        let place = Location::caller();
        Self::new("task", format_args!("{}:{}", place.file(), place.line()))
    }

    /// The calling thread's current label.
    pub fn current() -> Self {
        Self(CURRENT.get())
    }

    /// Has the calling thread's samples belong to this label until the scope is dropped.
    pub fn enter(self) -> Scope {
        Scope { before: CURRENT.replace(self.0), _of_this_thread: PhantomData }
    }

    /// A future whose samples belong to this label, wherever it is polled.
    ///
    /// ```
    /// # use strata_profile::Label;
    /// # async fn serve() {}
    /// # fn spawn(_: impl Future<Output = ()> + Send) {}
    /// spawn(Label::here().scope(serve()));
    /// ```
    pub fn scope<F: Future>(self, future: F) -> Labelled<F> {
        Labelled { label: self, future }
    }
}

/// A label that the calling thread has; dropped, the thread has the one before.
#[derive(Debug)]
#[must_use = "the label is left as soon as this is dropped"]
pub struct Scope {
    before: u32,
    _of_this_thread: PhantomData<*const ()>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

pin_project! {
    /// A future with a label: what [`Label::scope`] returns.
    #[derive(Debug)]
    pub struct Labelled<F> {
        label: Label,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Labelled<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _scope = this.label.enter();
        this.future.poll(context)
    }
}
