//! The metrics as observable instruments of OpenTelemetry.
//!
//! Does not know: who exports, how often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use strata_inspect::{METRICS, Metric, MetricKind};
use stratalloc::{Stats, Strata};

/// What was read longer ago belongs to no collection that still goes on.
const LONGEST_COLLECTION: Duration = Duration::from_secs(1);

/// Registers all metrics with a meter, whose reader asks for them from then on.
///
/// Names are the same as everywhere; bytes have the unit `By`. Exporters to Prometheus put `_total` behind a counter's name.
///
/// ```
/// use opentelemetry::metrics::MeterProvider;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
///
/// let provider = SdkMeterProvider::builder().build(); // with a reader, which has an exporter
/// strata_metrics::observe(&provider.meter("strata"));
/// ```
pub fn observe(meter: &Meter) {
    let latest = Arc::new(Latest::default());
    let metrics = METRICS.iter().enumerate();
    metrics.for_each(|(index, metric)| register(meter, index, metric, Arc::clone(&latest)));
}

fn register(meter: &Meter, index: usize, metric: &'static Metric, latest: Arc<Latest>) {
    let read = move |instrument: &dyn AsyncInstrument<u64>| {
        metric.samples(&latest.stats_for(index), |sample| {
            let label = sample.label.map(|label| KeyValue::new(label.name(), label.to_string()));
            instrument.observe(sample.value, label.as_slice());
        });
    };
    let (name, help) = (metric.name(), metric.help());
    let unit = if metric.is_in_bytes() { "By" } else { "" };
    // An instrument lives as long as its meter, whether or not it is kept.
    match metric.kind() {
        MetricKind::Gauge => {
            let builder = meter.u64_observable_gauge(name).with_description(help).with_unit(unit);
            builder.with_callback(read).build();
        }
        MetricKind::Counter => {
            let builder = meter.u64_observable_counter(name).with_description(help).with_unit(unit);
            builder.with_callback(read).build();
        }
    }
}

/// The statistics that were read last, which serve each instrument once: so those of one collection are of one moment.
#[derive(Default)]
struct Latest(Mutex<Option<Moment>>);

struct Moment {
    read: Instant,
    stats: Stats,
    /// By the metric's place in the list: whether it was served.
    served: [bool; METRICS.len()],
}

impl Latest {
    /// Those for the metric at this place of the list.
    fn stats_for(&self, index: usize) -> Stats {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = latest.take().filter(|last| last.serves(index));
        let moment = latest.insert(last.unwrap_or_else(Moment::now));
        moment.served[index] = true;
        moment.stats
    }
}

impl Moment {
    fn now() -> Self {
        Self { read: Instant::now(), stats: Strata::stats(), served: [false; METRICS.len()] }
    }

    fn serves(&self, index: usize) -> bool {
        !self.served[index] && self.read.elapsed() < LONGEST_COLLECTION
    }
}
