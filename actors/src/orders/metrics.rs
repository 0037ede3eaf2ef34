//! What ordered calls count.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

#[derive(Clone, Debug)]
pub(super) struct OrderMetrics {
    /// `hark_ordered_calls`: ordered calls that are not over.
    pub live: IntGauge,
    /// `hark_ordered_calls_total{kind, outcome}`: done, failed, cancelled; or why it was refused:
    /// `one_at_a_time`, `too_often`, `full`, `no_number`, `not_allowed`, `limit`.
    pub orders: IntCounterVec,
}

impl OrderMetrics {
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let live = IntGauge::new("hark_ordered_calls", "Ordered calls that are not over.")?;
        let orders = IntCounterVec::new(
            Opts::new("hark_ordered_calls_total", "Calls ordered from computers, by outcome."),
            &["kind", "outcome"],
        )?;
        registry.register(Box::new(live.clone()))?;
        registry.register(Box::new(orders.clone()))?;
        Ok(Self { live, orders })
    }
}
