//! What calls count.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The metrics of calls.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    /// `hark_calls`: calls that exist now.
    pub live: IntGauge,
    /// `hark_calls_total{direction, outcome}`.
    pub calls: IntCounterVec,
    /// `hark_call_setup_seconds`: from an INVITE's arrival to our answer.
    pub setup: Histogram,
    /// `hark_call_seconds`: how long calls last.
    pub length: Histogram,
    /// `hark_recordings_total{outcome}`: sent, used, discarded, recovered, failed.
    pub recordings: IntCounterVec,
    /// `hark_call_failures_total`: calls ended by a panic of ours.
    pub failures: IntCounter,
    /// `hark_prompt_failures_total`: sounds that could not be made; a tone was played instead.
    pub prompt_failures: IntCounter,
    /// `hark_connected_calls_total{outcome}`: connected, busy, declined, no_answer, unreachable,
    /// refused (by a limit of ours), failed, cancelled (the caller left first).
    pub connected: IntCounterVec,
    /// `hark_trunk_refused_total{trunk, reason}`: max_calls, calls_per_hour.
    pub trunk_refused: IntCounterVec,
}

impl CallMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            live: IntGauge::new("hark_calls", "Calls that exist now.")?,
            calls: IntCounterVec::new(
                Opts::new("hark_calls_total", "Calls, by direction and how they went."),
                &["direction", "outcome"],
            )?,
            setup: Histogram::with_opts(
                HistogramOpts::new(
                    "hark_call_setup_seconds",
                    "From the arrival of an INVITE to our answer.",
                )
                .buckets(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0]),
            )?,
            length: Histogram::with_opts(
                HistogramOpts::new("hark_call_seconds", "How long calls last.")
                    .buckets(vec![1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0]),
            )?,
            recordings: IntCounterVec::new(
                Opts::new("hark_recordings_total", "Recordings, by what became of them."),
                &["outcome"],
            )?,
            failures: IntCounter::new(
                "hark_call_failures_total",
                "Calls that were ended by a defect of the server.",
            )?,
            prompt_failures: IntCounter::new(
                "hark_prompt_failures_total",
                "Sounds that could not be made: a tone was played in their place.",
            )?,
            connected: IntCounterVec::new(
                Opts::new(
                    "hark_connected_calls_total",
                    "Callers to be connected with somebody else, by outcome.",
                ),
                &["outcome"],
            )?,
            trunk_refused: IntCounterVec::new(
                Opts::new(
                    "hark_trunk_refused_total",
                    "Calls that a trunk's limits did not allow, by trunk and limit.",
                ),
                &["trunk", "reason"],
            )?,
        };
        registry.register(Box::new(metrics.live.clone()))?;
        registry.register(Box::new(metrics.calls.clone()))?;
        registry.register(Box::new(metrics.setup.clone()))?;
        registry.register(Box::new(metrics.length.clone()))?;
        registry.register(Box::new(metrics.recordings.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.prompt_failures.clone()))?;
        registry.register(Box::new(metrics.connected.clone()))?;
        registry.register(Box::new(metrics.trunk_refused.clone()))?;
        Ok(metrics)
    }
}
