//! A service that remembers every answer: its keys never repeat, and nothing is ever forgotten.
//!
//! Fixed: it forgets the oldest answer for each new one.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::Form;

/// Answers that the fixed service remembers.
const MOST: usize = 20_000;
/// Requests between two pauses of a millisecond.
const BURST: u64 = 20;

#[derive(Default)]
struct Service {
    answers: HashMap<String, Vec<u8>>,
    order: VecDeque<String>,
}

impl Service {
    fn answer(&mut self, request: u64, form: Form) {
        // What a request needs for itself is gone when it is answered.
        let scratch: Vec<String> = (0..8).map(|part| format!("part {part} of request {request}")).collect();
        let key = format!("/users/{request}/profile?fields=name,mail,{}", black_box(&scratch).len());
        self.answers.insert(key.clone(), vec![request as u8; 300]);
        self.order.push_back(key);
        if form == Form::Fixed && self.order.len() > MOST {
            let oldest = self.order.pop_front().unwrap_or_default();
            self.answers.remove(&oldest);
        }
    }
}

pub(super) fn play(form: Form) {
    let mut service = Service::default();
    let mut requests = 0..;
    for request in requests.by_ref().take(2 * MOST) {
        service.answer(request, form);
    }
    thread::spawn(move || {
        loop {
            requests.by_ref().take(BURST as usize).for_each(|request| service.answer(request, form));
            thread::sleep(Duration::from_millis(1));
        }
    });
    crate::ready();
}
