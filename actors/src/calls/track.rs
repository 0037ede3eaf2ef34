//! What is known of a call from outside: its entry among the live calls while it is up, its lines
//! in the log, and its trace when it is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_engine::dialplan::Program;
use hark_engine::dialplan::run::CallContext;
use hark_engine::sip::endpoint::EndCause;
use hark_engine::time::{Instant, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::dialplan::InForce;
use crate::trace::{CallId, Line, Record, Traces, Way};

/// The most lines that one call keeps, and the longest of them in characters.
const MAX_LINES: usize = 2000;
const LONGEST_WHAT: usize = 400;
/// What the last line of a trace says that became too long.
const FULL: &str = "… trace full";

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

    /// Whether anybody wants to know the steps of a call.
    pub const fn traced(&self) -> bool {
        self.traces.enabled()
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
    /// The program that the call runs, which knows the places of its operations.
    pub fn program(&self) -> Arc<Program> {
        Arc::clone(&self.in_force.program)
    }

    /// The dialplan that the call began with.
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force)
    }

    /// Something happened to the call itself. What a telephone tells again is noted once.
    pub fn note(&mut self, what: &str) {
        if self.record.lines.last().is_none_or(|last| last.what != what) {
            self.step("", 0, what.to_owned());
        }
    }

    /// The dialplan did this, in that line of that file. Beyond [`MAX_LINES`] nothing is kept.
    pub fn step(&mut self, file: &str, line: u32, mut what: String) {
        let kept = self.record.lines.len();
        if !self.tracks.traced() || kept > MAX_LINES {
            return;
        }
        if kept == MAX_LINES {
            FULL.clone_into(&mut what);
        } else if let Some((end, _)) = what.char_indices().nth(LONGEST_WHAT) {
            what.truncate(end);
            what.push('…');
        }
        let file = file.rsplit('/').next().unwrap_or_default().to_owned();
        let ms = millis(clock::now().since(self.begun));
        self.record.lines.push(Line { ms, file, line, what });
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
        let lines = std::mem::take(&mut self.record.lines);
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

    struct Begun {
        dir: tempfile::TempDir,
        traces: Traces,
        tracks: Tracks,
        track: Track,
    }

    async fn begin() -> Begun {
        let dir = tempfile::tempdir().unwrap();
        let registry = prometheus::Registry::new();
        let keep = TraceConfig { keep: Duration::from_secs(86_400), max_bytes: 64 << 20 };
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
        let track = tracks.begin(Way::In, in_force, &context, "deposit");
        Begun { dir, traces, tracks, track }
    }

    fn found(dir: &tempfile::TempDir, traces: &Traces, call: &str) -> Box<Record> {
        traces.flush(Duration::from_secs(10));
        match trace::find(dir.path(), call).unwrap() {
            Found::One(record) => record,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_trace_that_is_full_says_so_once_and_grows_no_more() {
        let Begun { dir, traces, tracks, mut track } = begin().await;
        let call = tracks.live(false)[0].call.clone();
        for n in 0..MAX_LINES + 10 {
            track.step("main.dial", 1, "ü".repeat(LONGEST_WHAT + n % 2));
        }
        drop(track);
        let record = found(&dir, &traces, &call);
        assert_eq!(record.end, "failed", "nobody said how it ended");
        assert_eq!(record.lines.len(), MAX_LINES + 1);
        assert_eq!(record.lines[0].what, "ü".repeat(LONGEST_WHAT));
        assert_eq!(record.lines[1].what, "ü".repeat(LONGEST_WHAT) + "…");
        assert_eq!(record.lines[MAX_LINES].what, FULL);
    }

    #[tokio::test]
    async fn a_call_is_live_until_it_ends_and_is_traced_then() {
        let Begun { dir, traces, tracks, mut track } = begin().await;
        let live = tracks.live(false);
        assert_eq!((live[0].flow.as_str(), live[0].version), ("deposit", 1));
        assert_eq!((&live[0].caller, &live[0].dialled), (&None, &None));
        let live = tracks.live(true);
        assert_eq!(live[0].caller.as_deref(), Some("5550100"));
        assert_eq!(live[0].dialled.as_deref(), Some("1002"));

        track.note("answered");
        track.step("plan/deposit.dial", 12, "beep".into());
        track.ended(&EndCause::RemoteBye);
        drop(track);
        assert_eq!(tracks.live(true), []);
        let record = found(&dir, &traces, &live[0].call);
        assert_eq!(record.end, "hung up by the telephone");
        assert_eq!(record.dialled, "1002");
        let told: Vec<_> =
            record.lines.iter().map(|l| (l.file.as_str(), l.line, l.what.as_str())).collect();
        let hung_up = ("", 0, "hung up by the telephone");
        assert_eq!(told, [("", 0, "answered"), ("deposit.dial", 12, "beep"), hung_up]);
        let text = serde_json::to_string(&*record).unwrap();
        assert!(!text.contains("5550100") && !text.contains("Dora"), "{text}");
    }
}
