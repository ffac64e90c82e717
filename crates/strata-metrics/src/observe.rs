//! The metrics as observable instruments of OpenTelemetry.
//!
//! Does not know: who exports, how often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use strata_inspect::{METRICS, Metric, MetricKind};
use stratalloc::{Stats, Strata};

/// Instruments that are read within so short a time are of one collection, and of one moment.
const ONE_MOMENT: Duration = Duration::from_millis(50);

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
    METRICS.iter().for_each(|metric| register(meter, metric, Arc::clone(&latest)));
}

fn register(meter: &Meter, metric: &'static Metric, latest: Arc<Latest>) {
    let read = move |instrument: &dyn AsyncInstrument<u64>| {
        metric.samples(&latest.stats(), |sample| {
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

/// The statistics that were read last.
#[derive(Default)]
struct Latest(Mutex<Option<(Instant, Stats)>>);

impl Latest {
    /// Those of this moment, or of one that is nearly this.
    fn stats(&self) -> Stats {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *latest {
            Some((read, stats)) if read.elapsed() < ONE_MOMENT => stats,
            _ => {
                let stats = Strata::stats();
                *latest = Some((Instant::now(), stats));
                stats
            }
        }
    }
}
