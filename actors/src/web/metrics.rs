//! What the computer server counts.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector};

/// The computer server's own metrics.
#[derive(Clone, Debug)]
pub struct WebMetrics {
    /// Requests by route and status.
    pub requests: IntCounterVec,
    /// Browser sessions (sockets) open now.
    pub sessions: IntGauge,
    /// Attempts to sign in, by outcome.
    pub sign_ins: IntCounterVec,
    /// WebSockets that were closed or refused by us, by reason.
    pub dropped: IntCounterVec,
    /// Audio bytes by direction: `sent` to listeners, `received` from recorders.
    pub audio_bytes: IntCounterVec,
    /// Recordings in browsers that are not yet messages, nor thrown away.
    pub recording: IntGauge,
    /// Recordings made in browsers, by outcome.
    pub recordings: IntCounterVec,
    /// Files that were sent up, by outcome.
    pub uploads: IntCounterVec,
    /// Requests refused because there were too many of them, by who asked.
    pub limited: IntCounterVec,
    /// Presence subscriptions that died and were started again.
    pub subscription_restarts: IntCounter,
}

impl WebMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When `registry` has one of these names already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            requests: keep(
                registry,
                IntCounterVec::new(
                    Opts::new("hark_web_requests_total", "HTTP requests answered."),
                    &["route", "status"],
                )?,
            )?,
            sessions: keep(
                registry,
                IntGauge::new("hark_web_sessions", "Browser sessions that are open.")?,
            )?,
            sign_ins: keep(
                registry,
                IntCounterVec::new(
                    Opts::new("hark_web_sign_ins_total", "Attempts to sign in, by outcome."),
                    &["outcome"],
                )?,
            )?,
            dropped: keep(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "hark_web_sockets_dropped_total",
                        "WebSockets that Hark refused or closed.",
                    ),
                    &["reason"],
                )?,
            )?,
            audio_bytes: keep(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "hark_web_audio_bytes_total",
                        "Bytes of audio sent to listeners or received from recorders.",
                    ),
                    &["direction"],
                )?,
            )?,
            recording: keep(
                registry,
                IntGauge::new(
                    "hark_web_recordings_open",
                    "Recordings in browsers that are being spoken or committed.",
                )?,
            )?,
            recordings: keep(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "hark_web_recordings_total",
                        "Recordings made in browsers, by outcome.",
                    ),
                    &["outcome"],
                )?,
            )?,
            uploads: keep(
                registry,
                IntCounterVec::new(
                    Opts::new("hark_web_uploads_total", "Files sent up, by outcome."),
                    &["outcome"],
                )?,
            )?,
            limited: keep(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "hark_web_limited_total",
                        "Requests refused because there were too many of them.",
                    ),
                    &["by"],
                )?,
            )?,
            subscription_restarts: keep(
                registry,
                IntCounter::new(
                    "hark_web_subscription_restarts_total",
                    "Presence subscriptions that died and were started again.",
                )?,
            )?,
        })
    }
}

fn keep<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
