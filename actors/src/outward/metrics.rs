//! What is counted of the outward channels.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The counters; clones count together.
#[derive(Clone, Debug)]
pub struct OutwardMetrics {
    /// `hark_mails_total{outcome}`: sent, temporary, permanent, limited, invalid.
    pub mails: IntCounterVec,
    /// `hark_pushes_total{outcome}`: as [`super::post::label`], and gone, invalid.
    pub pushes: IntCounterVec,
    /// `hark_profile_webhooks_total{outcome}`: see [`super::post::label`].
    pub profile_webhooks: IntCounterVec,
    /// `hark_event_posts_total{outcome}`: see [`super::post::label`].
    pub event_posts: IntCounterVec,
    /// `hark_event_posts_waiting`: the events that web services are to be told still.
    pub events_waiting: IntGauge,
    /// `hark_events_untold_total`: the events that were given up.
    pub events_dead: IntCounter,
    /// `hark_receipt_mails_total{outcome}`: sent, later, given_up.
    pub receipt_mails: IntCounterVec,
    /// `hark_outward_restarts_total`: how often a service failed and was started again.
    pub restarts: IntCounter,
}

impl OutwardMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// The registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let waiting = "Events that web services are to be told still.";
        let events_waiting = IntGauge::new("hark_event_posts_waiting", waiting)?;
        registry.register(Box::new(events_waiting.clone()))?;
        Ok(Self {
            mails: counters("hark_mails_total", "Mails, by outcome.")?,
            pushes: counters("hark_pushes_total", "Web Push messages, by outcome.")?,
            profile_webhooks: counters(
                "hark_profile_webhooks_total",
                "Web services of profiles asked, by outcome.",
            )?,
            event_posts: counters(
                "hark_event_posts_total",
                "Events told to registered web services, by outcome.",
            )?,
            events_waiting,
            events_dead: counter(
                "hark_events_untold_total",
                "Events that a registered web service did not take, however often it was tried.",
            )?,
            receipt_mails: counters("hark_receipt_mails_total", "Mails of receipts, by outcome.")?,
            restarts: counter(
                "hark_outward_restarts_total",
                "Outward services that failed and were started again.",
            )?,
        })
    }
}
