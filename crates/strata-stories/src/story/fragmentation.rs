//! Blocks that live for ever between blocks of the same size that live for a request: when the requests are gone, one block keeps
//! a whole pool.
//!
//! Fixed: what lives for ever is allocated at the start, side by side.

use crate::Form;

const REQUESTS: usize = 120_000;
/// One block in this many lives for ever.
const EVERY: usize = 50;
const BYTES: usize = 700;

fn block(value: usize) -> Box<[u8]> {
    vec![value as u8; BYTES].into_boxed_slice()
}

pub(super) fn play(form: Form) {
    let mut settings = Vec::with_capacity(REQUESTS / EVERY);
    if form == Form::Fixed {
        settings.extend((0..REQUESTS / EVERY).map(block));
    }
    let mut requests = Vec::with_capacity(REQUESTS);
    for request in 0..REQUESTS {
        requests.push(block(request));
        if form == Form::Faulty && request % EVERY == 0 {
            settings.push(block(request));
        }
    }
    drop(requests);
    crate::ready();
    drop(settings);
}
