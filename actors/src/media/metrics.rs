//! What the media plane counts. Shards count in plain numbers and add them up now and then.

use hark_engine::media::session::Discard;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The metrics of all shards.
#[derive(Clone)]
pub(super) struct MediaMetrics {
    pub(super) received: IntCounter,
    pub(super) sent: IntCounter,
    pub(super) send_errors: IntCounter,
    pub(super) late: IntCounter,
    pub(super) lost: IntCounter,
    discarded: Vec<IntCounter>,
    pub(super) keys: IntCounter,
    pub(super) sessions: IntGauge,
    pub(super) shards: IntGauge,
    pub(super) failures: IntCounter,
    pub(super) refused: IntCounter,
}

impl MediaMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let discarded = IntCounterVec::new(
            Opts::new("hark_media_malformed_total", "Datagrams dropped, by reason."),
            &["reason"],
        )?;
        registry.register(Box::new(discarded.clone()))?;
        Ok(Self {
            received: counter("hark_media_packets_received_total", "Datagrams received.")?,
            sent: counter("hark_media_packets_sent_total", "Packets sent.")?,
            send_errors: counter(
                "hark_media_send_errors_total",
                "Packets that the system refused to send.",
            )?,
            late: counter(
                "hark_media_late_frames_total",
                "Frames sent more than 10 ms after they were due, or not at all.",
            )?,
            lost: counter(
                "hark_media_packets_lost_total",
                "Packets that were missing when their successors were taken.",
            )?,
            discarded: Discard::LABELS.map(|l| discarded.with_label_values(&[l])).to_vec(),
            keys: counter("hark_media_keys_total", "Keys pressed.")?,
            sessions: gauge("hark_media_sessions", "Media sessions open.")?,
            shards: gauge("hark_media_shards", "Media threads running.")?,
            failures: counter(
                "hark_media_session_failures_total",
                "Media sessions ended by a defect or by overload.",
            )?,
            refused: counter(
                "hark_media_sessions_refused_total",
                "Media sessions refused because no thread took them.",
            )?,
        })
    }
}

/// What one shard has counted since it last added up.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) send_errors: u64,
    pub(super) late: u64,
    pub(super) lost: u64,
    pub(super) keys: u64,
    pub(super) discarded: [u64; Discard::LABELS.len()],
}

impl Counts {
    /// Adds to the metrics and starts from zero.
    pub(super) fn flush(&mut self, metrics: &MediaMetrics) {
        let counts = std::mem::take(self);
        let totals = [
            (&metrics.received, counts.received),
            (&metrics.sent, counts.sent),
            (&metrics.send_errors, counts.send_errors),
            (&metrics.late, counts.late),
            (&metrics.lost, counts.lost),
            (&metrics.keys, counts.keys),
        ];
        for (counter, count) in
            totals.into_iter().chain(metrics.discarded.iter().zip(counts.discarded))
        {
            if count > 0 {
                counter.inc_by(count);
            }
        }
    }
}
