//! Recordings that are used for something else than a message.

use bytes::Bytes;
use hark_engine::media::RecordedFrame;
use hark_engine::media::codec::Codec;
use prometheus::Registry;

use super::*;
use crate::bus::Bus;
use crate::media::RecordSink as _;
use crate::store::{Store, StoreConfig};

const ID: RecordingId = RecordingId(0);

/// A call in which a second was recorded.
fn recorded(dir: &std::path::Path) -> CallRecordings {
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir), &registry).unwrap();
    let (_, directory) = watch::channel(Arc::default());
    let recordings = CallRecordings {
        recordings: Recordings::start(dir, &registry).unwrap(),
        directory,
        domain: "hark.example".into(),
        messages: Messages::new(store, Bus::default(), 30).0,
        metrics: CallMetrics::register(&registry).unwrap(),
        list: List::default(),
    };
    let sender = Sender { user: None, name: "A".into(), address: String::new() };
    let max = Duration::from_secs(59);
    let mut sink = recordings.begin(ID, sender, HangupOutcome::Discard, max).unwrap();
    for n in 0..50 {
        let payload = Bytes::from(vec![n as u8; 160]);
        let frame = RecordedFrame { codec: Codec::Pcmu, timestamp_ms: n * 20, payload };
        sink.append(&[frame]).unwrap();
    }
    recordings
}

fn spools(dir: &std::path::Path) -> usize {
    std::fs::read_dir(dir.join("spool")).unwrap().count()
}

#[tokio::test]
async fn a_recording_that_was_used_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let call = recorded(dir.path());
    let heard = Arc::new(Mutex::new(0));
    let length = Arc::clone(&heard);
    let used = call.used_by(ID, move |_, spoken| async move {
        *length.lock().unwrap() = spoken.len();
        Ok(())
    });
    assert_eq!(used.await, Ok(()));
    assert_eq!(*heard.lock().unwrap(), 8000, "all of it, a second at 8 kHz");
    assert!(call.list().is_empty());
    assert_eq!(spools(dir.path()), 0);
    let again = call.used_by(ID, |_, _| async { Ok(()) });
    assert_eq!(again.await, Err(Failure::NotFound));
}

#[tokio::test]
async fn a_recording_that_could_not_be_used_stays_until_the_call_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let call = recorded(dir.path());
    let used = call.used_by(ID, |_, _| async { Err(Failure::Refused) });
    assert_eq!(used.await, Err(Failure::Refused));
    assert_eq!(spools(dir.path()), 1, "the dialplan may still send it");
    call.discard_refused();
    assert!(call.list().is_empty());
}
