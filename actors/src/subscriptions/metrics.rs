//! What is counted of subscriptions.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

/// The metrics.
#[derive(Clone, Debug)]
pub struct SubscriptionMetrics {
    /// Subscriptions that are alive, by package.
    pub alive: IntGaugeVec,
    /// SUBSCRIBEs by outcome.
    pub requests: IntCounterVec,
    /// Lamps told to telephones that did not subscribe, by outcome.
    pub lamps: IntCounterVec,
}

impl SubscriptionMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When `registry` has one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let alive = IntGaugeVec::new(
            Opts::new("hark_sip_subscriptions", "SIP subscriptions alive, by package."),
            &["package"],
        )?;
        registry.register(Box::new(alive.clone()))?;
        let counters = |name: &str, help: &str| {
            let metric = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            alive,
            requests: counters("hark_sip_subscribe_total", "SUBSCRIBEs, by outcome.")?,
            lamps: counters(
                "hark_sip_unsolicited_lamps_total",
                "Lamps told to telephones that did not subscribe, by outcome.",
            )?,
        })
    }
}
