//! What is counted of chats.

use prometheus::{IntCounterVec, Opts, Registry};

/// The metrics.
#[derive(Clone, Debug)]
pub struct ChatMetrics {
    /// Texts by outcome.
    pub texts: IntCounterVec,
    /// Texts passed on to telephones, by outcome.
    pub posted: IntCounterVec,
}

impl ChatMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When `registry` has one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str| {
            let metric = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            texts: counters("hark_chat_texts_total", "Chat texts, by outcome.")?,
            posted: counters(
                "hark_chat_posted_total",
                "Chat texts passed on to telephones as MESSAGEs, by outcome.",
            )?,
        })
    }
}
