//! What is known of a call from outside: its entry among the live calls while it is up, its lines
//! in the log, and its trace when it is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_engine::dialplan::run::CallContext;
use hark_engine::dialplan::trace::TraceLine;
use hark_engine::sip::endpoint::EndCause;
use hark_engine::time::{Instant, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::dialplan::InForce;
use crate::trace::{CallId, Line, Record, Traces, Way};

/// The calls that are up, and where their traces go. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Tracks {
    live: Arc<Mutex<BTreeMap<CallId, LiveCall>>>,
    traces: Traces,
}

/// A call that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCall {
    /// Its id, as in the log.
    pub call: CallId,
    /// When it began.
    pub since: UnixMillis,
    /// Who called whom.
    pub direction: Way,
    /// The flow that it entered.
    pub flow: String,
    /// The version of the dialplan that it runs.
    pub version: u64,
    /// The number called from; of a call of ours, the recipient's extension. `None` unless asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The number dialled. `None` unless asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialled: Option<String>,
}

impl Tracks {
    /// No calls yet; traces go to `traces`.
    pub fn new(traces: Traces) -> Self {
        Self { live: Arc::default(), traces }
    }

    /// The calls that are up, the oldest first; with their numbers only if asked.
    pub fn live(&self, numbers: bool) -> Vec<LiveCall> {
        let mut calls: Vec<LiveCall> = self.lock().values().cloned().collect();
        calls.sort_by_key(|call| call.since);
        if !numbers {
            for call in &mut calls {
                call.caller = None;
                call.dialled = None;
            }
        }
        calls
    }

    /// A call begins, in this flow of the dialplan in force.
    pub fn begin(
        &self,
        direction: Way,
        in_force: Arc<InForce>,
        context: &CallContext,
        flow: &str,
    ) -> Track {
        let call = CallId::fresh();
        let record = Record {
            call: call.clone(),
            at: context.at,
            ms: 0,
            direction,
            dialled: context.dialled.clone(),
            flow: flow.to_owned(),
            version: in_force.version,
            hash: in_force.hash.clone(),
            end: String::new(),
            lines: Vec::new(),
        };
        let live = LiveCall {
            call: call.clone(),
            since: context.at,
            direction,
            flow: flow.to_owned(),
            version: in_force.version,
            caller: Some(context.caller.number.clone()),
            dialled: Some(context.dialled.clone()),
        };
        tracing::info!(%call, ?direction, flow, version = live.version, "a call begins");
        self.lock().insert(call, live);
        Track { tracks: self.clone(), in_force, begun: clock::now(), record }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CallId, LiveCall>> {
        // Every change is one insertion or removal: a panic can't have torn it.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call's track. When it is dropped, however its call came to an end, the call is no longer
/// live and its trace is kept.
#[derive(Debug)]
pub struct Track {
    tracks: Tracks,
    in_force: Arc<InForce>,
    begun: Instant,
    record: Record,
}

impl Track {
    /// Something happened to the call itself. What a telephone tells again is noted once.
    pub fn note(&mut self, what: &str) {
        let again = self.record.lines.last().is_some_and(|last| last.what == what);
        if self.tracks.traces.enabled() && !again {
            let ms = millis(clock::now().since(self.begun));
            let what = what.to_owned();
            self.record.lines.push(Line { ms, file: String::new(), line: 0, column: 0, what });
        }
    }

    /// The dialplan went through these lines.
    pub fn went_through(&mut self, lines: Vec<TraceLine>) {
        if !self.tracks.traces.enabled() {
            return;
        }
        for TraceLine { at, source, line, column, what } in lines {
            let name = self.in_force.sources.get(source as usize).map_or("", String::as_str);
            let file = name.rsplit('/').next().unwrap_or_default().to_owned();
            self.record.lines.push(Line { ms: millis(at), file, line, column, what });
        }
    }

    /// The call is over.
    pub fn ended(&mut self, cause: &EndCause) {
        let end = match cause {
            EndCause::Cancelled => "the caller gave up".to_owned(),
            EndCause::RemoteBye => "hung up by the telephone".to_owned(),
            EndCause::LocalHangup => "hung up by Hark".to_owned(),
            EndCause::Rejected { status, reason } => format!("refused: {status} {reason}"),
            EndCause::Timeout => "no answer".to_owned(),
            EndCause::NoAck => "the answer was never acknowledged".to_owned(),
            EndCause::TransportFailed => "the telephone can't be reached".to_owned(),
        };
        self.note(&end);
        self.record.end = end;
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        let mut lines = std::mem::take(&mut self.record.lines);
        // Those of the call itself and those of the dialplan come in separately.
        lines.sort_by_key(|line| line.ms);
        let mut record = Record { lines, ..self.record.clone() };
        self.tracks.lock().remove(&record.call);
        record.ms = millis(clock::now().since(self.begun));
        if record.end.is_empty() {
            // Neither side said goodbye: its actor died.
            "failed".clone_into(&mut record.end);
        }
        let Record { call, ms, end, .. } = &record;
        tracing::info!(%call, ms, end, "a call is over");
        self.tracks.traces.keep(record);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use hark_engine::dialplan::run::CallerInfo;

    use super::*;
    use crate::dialplan::{DialplanConfig, DialplanMetrics, Dialplans};
    use crate::trace::{self, Found, TraceConfig};

    #[tokio::test]
    async fn a_call_is_live_until_it_ends_and_is_traced_then() {
        let dir = tempfile::tempdir().unwrap();
        let registry = prometheus::Registry::new();
        let keep = TraceConfig { keep: Duration::from_secs(86_400), max_bytes: 1 << 20 };
        let traces = Traces::start(dir.path(), keep, &registry).unwrap();
        let metrics = DialplanMetrics::register(&registry).unwrap();
        let dialplans = Dialplans::start(DialplanConfig::new(None), metrics).await.unwrap();
        let in_force = dialplans.in_force().borrow().clone();
        let context = CallContext {
            directory: Arc::default(),
            caller: CallerInfo { user: None, number: "5550100".into(), name: "Dora".into() },
            dialled: "1002".into(),
            domain: "localhost".into(),
            trunk: None,
            language: String::new(),
            at: clock::wall(),
        };
        let tracks = Tracks::new(traces.clone());
        let mut track = tracks.begin(Way::In, in_force, &context, "deposit");

        let live = tracks.live(false);
        assert_eq!((live[0].flow.as_str(), live[0].version), ("deposit", 1));
        assert_eq!((&live[0].caller, &live[0].dialled), (&None, &None));
        let live = tracks.live(true);
        assert_eq!(live[0].caller.as_deref(), Some("5550100"));
        assert_eq!(live[0].dialled.as_deref(), Some("1002"));

        track.note("answered");
        track.went_through(vec![TraceLine {
            at: Duration::ZERO,
            source: 1,
            line: 12,
            column: 5,
            what: "beep".into(),
        }]);
        track.ended(&EndCause::RemoteBye);
        drop(track);
        assert_eq!(tracks.live(true), []);
        traces.flush(Duration::from_secs(10));
        let found = trace::find(dir.path(), &live[0].call).unwrap();
        let Found::One(record) = found else { panic!("{found:?}") };
        assert_eq!(record.end, "hung up by the telephone");
        assert_eq!(record.dialled, "1002");
        let mut told: Vec<_> = record
            .lines
            .iter()
            .map(|line| (line.file.as_str(), line.line, line.what.as_str()))
            .collect();
        told.sort_unstable();
        let hung_up = ("", 0, "hung up by the telephone");
        assert_eq!(told, [("", 0, "answered"), hung_up, ("deposit.dial", 12, "beep")]);
        let text = serde_json::to_string(&*record).unwrap();
        assert!(!text.contains("5550100") && !text.contains("Dora"), "{text}");
    }
}
