//! A subscriber of `tracing` hears of it when memory grows beyond a threshold.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use stratalloc::Strata;
use stratalloc::watch::{self, Threshold};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Sends the fields of each of Strata's events on.
struct Listener(Sender<BTreeMap<&'static str, String>>);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "strata"
    }

    fn event(&self, event: &Event<'_>) {
        assert_eq!(*event.metadata().level(), Level::WARN);
        let mut fields = Fields::default();
        event.record(&mut fields);
        let _ = self.0.send(fields.0);
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn a_crossing_is_an_event_with_its_numbers() {
    let (sender, events) = channel();
    tracing::subscriber::set_global_default(Listener(sender)).unwrap();
    watch::set_interval(Duration::from_millis(10));
    let threshold = Strata::stats().committed_bytes + (8 << 20);
    let _watch = strata_metrics::trace_crossings(Threshold::held().bytes(threshold)).unwrap();
    let grown = vec![1_u8; 32 << 20];
    let fields = events.recv_timeout(Duration::from_secs(30)).expect("an event");
    assert_eq!(fields["threshold_bytes"], threshold.to_string());
    assert!(fields["bytes"].parse::<u64>().unwrap() > threshold, "{fields:?}");
    assert_eq!(fields["measure"], "Held");
    assert_eq!(fields["message"], "memory grew beyond a threshold");
    drop(grown);
}
