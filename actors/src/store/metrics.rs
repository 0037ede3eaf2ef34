//! What the store tells Prometheus.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// The store's metrics.
#[derive(Clone, Debug)]
pub(super) struct StoreMetrics {
    /// How long a commit took, fsync included.
    pub commit_seconds: Histogram,
    /// Jobs that the writer ran.
    pub jobs: IntCounter,
    /// Jobs that wait for the writer.
    pub queue: IntGauge,
    /// Requests that failed, by kind.
    pub errors: IntCounterVec,
    /// How often the writer's thread was restarted.
    pub restarts: IntCounter,
    /// Recipients' messages, by state.
    pub messages: IntGaugeVec,
}

impl StoreMetrics {
    /// The metrics, registered. Registering a second store in one registry is refused.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let buckets = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
        let metrics = Self {
            commit_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "hark_store_commit_seconds",
                    "How long a commit of the store took, fsync included.",
                )
                .buckets(buckets),
            )?,
            jobs: IntCounter::new("hark_store_jobs_total", "Write jobs that the store ran.")?,
            queue: IntGauge::new("hark_store_queue", "Write jobs that wait for the store.")?,
            errors: IntCounterVec::new(
                Opts::new("hark_store_errors_total", "Store requests that failed, by kind."),
                &["kind"],
            )?,
            restarts: IntCounter::new(
                "hark_store_writer_restarts_total",
                "How often the store's writer thread was restarted.",
            )?,
            messages: IntGaugeVec::new(
                Opts::new("hark_messages", "Messages for a recipient, by state."),
                &["state"],
            )?,
        };
        registry.register(Box::new(metrics.commit_seconds.clone()))?;
        registry.register(Box::new(metrics.jobs.clone()))?;
        registry.register(Box::new(metrics.queue.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        registry.register(Box::new(metrics.restarts.clone()))?;
        registry.register(Box::new(metrics.messages.clone()))?;
        Ok(metrics)
    }
}
