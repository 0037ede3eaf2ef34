//! What Prometheus is told of SIP.

use hark_engine::sip::endpoint::{Endpoint, Stats};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

#[derive(Clone, Debug)]
pub(super) struct Metrics {
    requests: IntCounterVec,
    responses: IntCounterVec,
    dropped: IntCounterVec,
    retransmissions: IntCounter,
    auth_failures: IntCounter,
    transactions: IntGauge,
    legs: IntGauge,
    registrations: IntGauge,
    pub connections: IntGauge,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, label: &str| {
            let metric = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            requests: counters(
                "hark_sip_requests_total",
                "SIP requests received, by method.",
                "method",
            )?,
            responses: counters(
                "hark_sip_responses_total",
                "SIP responses sent, by class.",
                "class",
            )?,
            dropped: counters(
                "hark_sip_dropped_total",
                "SIP input dropped or refused, by reason.",
                "reason",
            )?,
            retransmissions: counter(
                "hark_sip_retransmissions_total",
                "SIP messages that were sent again.",
            )?,
            auth_failures: counter("hark_sip_auth_failures_total", "Wrong SIP passwords.")?,
            transactions: gauge("hark_sip_transactions", "SIP transactions alive.")?,
            legs: gauge("hark_sip_legs", "SIP call legs alive.")?,
            registrations: gauge("hark_sip_registrations", "Devices registered.")?,
            connections: gauge("hark_sip_tcp_connections", "SIP connections over TCP.")?,
        })
    }

    pub fn dropped(&self, reason: &str) {
        self.dropped.with_label_values(&[reason]).inc();
    }

    /// Takes over what the endpoint has counted.
    pub fn collect(&self, endpoint: &mut Endpoint) {
        let stats = endpoint.take_stats();
        for (method, count) in Stats::METHODS.iter().zip(stats.requests) {
            if count > 0 {
                self.requests.with_label_values(&[*method]).inc_by(count);
            }
        }
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"].iter().zip(stats.responses)
        {
            if count > 0 {
                self.responses.with_label_values(&[*class]).inc_by(count);
            }
        }
        self.retransmissions.inc_by(stats.retransmissions);
        self.auth_failures.inc_by(stats.auth_failures);
        self.transactions.set(gauge_value(endpoint.transactions()));
        self.legs.set(gauge_value(endpoint.legs()));
        self.registrations.set(gauge_value(endpoint.registrations()));
    }
}

fn gauge_value(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
