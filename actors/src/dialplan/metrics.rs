//! What is told of the dialplan.

use prometheus::{Gauge, IntCounterVec, IntGauge, Opts, Registry};

use super::{InForce, Outcome};

/// The metrics of the dialplan.
#[derive(Clone, Debug)]
pub struct DialplanMetrics {
    reloads: IntCounterVec,
    in_force: Gauge,
    pending_error: IntGauge,
}

impl DialplanMetrics {
    /// Makes the metrics and registers them:
    /// `hark_dialplan_reloads_total{outcome}`, `hark_dialplan_in_force_timestamp_seconds` (Unix
    /// time) and `hark_dialplan_pending_error` (0 or 1).
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            reloads: IntCounterVec::new(
                Opts::new(
                    "hark_dialplan_reloads_total",
                    "Reloads of the dialplan, by what they came to.",
                ),
                &["outcome"],
            )?,
            in_force: Gauge::new(
                "hark_dialplan_in_force_timestamp_seconds",
                "When the dialplan in force was loaded.",
            )?,
            pending_error: IntGauge::new(
                "hark_dialplan_pending_error",
                "Whether the dialplan's files hold an error that keeps them from being in force.",
            )?,
        };
        // Shown from the start, so that an alert can tell 0 from absent.
        for outcome in Outcome::ALL {
            metrics.reloads.with_label_values(&[outcome.name()]);
        }
        registry.register(Box::new(metrics.reloads.clone()))?;
        registry.register(Box::new(metrics.in_force.clone()))?;
        registry.register(Box::new(metrics.pending_error.clone()))?;
        Ok(metrics)
    }

    pub(super) fn reloaded(&self, outcome: Outcome) {
        self.reloads.with_label_values(&[outcome.name()]).inc();
        self.pending_error.set(i64::from(!outcome.is_success()));
    }

    /// Whether the last reload failed.
    pub(super) fn has_pending_error(&self) -> bool {
        self.pending_error.get() != 0
    }

    pub(super) fn in_force(&self, now: &InForce) {
        // Whole milliseconds of this era are exact in a float.
        self.in_force.set(now.since.0 as f64 / 1000.0);
    }
}
