//! What deliveries count.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The metrics of deliveries.
#[derive(Clone, Debug)]
pub struct DeliveryMetrics {
    /// `hark_commit_to_notification_seconds`: from a commit's return to the first pop-up
    /// published or telephone rung. Resumed deliveries are not in it.
    pub commit_to_notification: Histogram,
    /// `hark_deliveries_total{path, outcome}`.
    pub deliveries: IntCounterVec,
    /// `hark_deliveries_live`.
    pub live: IntGauge,
    /// `hark_delivery_restarts_total{actor}`.
    pub restarts: IntCounterVec,
    /// `hark_delivery_limited_total`: calls that were put off because too many were made.
    pub limited: IntCounter,
}

impl DeliveryMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            commit_to_notification: Histogram::with_opts(
                HistogramOpts::new(
                    "hark_commit_to_notification_seconds",
                    "From a message's commit to the first pop-up published or telephone rung.",
                )
                .buckets(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0,
                ]),
            )?,
            deliveries: IntCounterVec::new(
                Opts::new("hark_deliveries_total", "Attempts to reach a recipient, by path."),
                &["path", "outcome"],
            )?,
            live: IntGauge::new("hark_deliveries_live", "Deliveries that are under way now.")?,
            restarts: IntCounterVec::new(
                Opts::new("hark_delivery_restarts_total", "Delivery actors restarted."),
                &["actor"],
            )?,
            limited: IntCounter::new(
                "hark_delivery_limited_total",
                "Delivery calls that were put off because too many were made.",
            )?,
        };
        registry.register(Box::new(metrics.commit_to_notification.clone()))?;
        registry.register(Box::new(metrics.deliveries.clone()))?;
        registry.register(Box::new(metrics.live.clone()))?;
        registry.register(Box::new(metrics.restarts.clone()))?;
        registry.register(Box::new(metrics.limited.clone()))?;
        Ok(metrics)
    }
}
