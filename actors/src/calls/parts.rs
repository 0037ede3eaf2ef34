//! The parts of a recording: what was said at once, and what was added behind or before it.

use std::sync::Arc;

use hark_engine::id::MessageId;
use tokio::sync::OnceCell;

use crate::clock;
use crate::recording::{Recordings, Spool};

/// One spool, and the id of the message that it would become.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub message: MessageId,
    pub spool: Arc<Spool>,
}

/// A recording: one part, or one that was added to an earlier recording.
#[derive(Debug)]
pub(super) struct Parts {
    own: Part,
    earlier: Option<Earlier>,
    /// The one spool that took the place of all parts.
    whole: OnceCell<Result<Part, String>>,
}

#[derive(Debug)]
struct Earlier {
    parts: Arc<Parts>,
    /// Whether it is heard behind what was added.
    behind: bool,
}

impl Parts {
    /// A recording of one part.
    pub fn of(own: Part) -> Self {
        Self { own, earlier: None, whole: OnceCell::new() }
    }

    /// A recording of `own` and an earlier one, which is heard behind it or before it.
    pub fn added(own: Part, parts: Arc<Self>, behind: bool) -> Self {
        Self { own, earlier: Some(Earlier { parts, behind }), whole: OnceCell::new() }
    }

    /// What was recorded last.
    pub const fn own(&self) -> &Part {
        &self.own
    }

    /// The recording as one part. The first time that this is asked for, its parts are joined;
    /// their spools are gone once the whole is on the disk.
    ///
    /// # Errors
    /// They can't be joined; their spools are as they were.
    pub async fn whole(&self, recordings: &Recordings) -> Result<Part, String> {
        let Some(Earlier { parts, behind }) = &self.earlier else { return Ok(self.own.clone()) };
        let join = async || {
            let earlier = Box::pin(parts.whole(recordings)).await?;
            let message = MessageId::new(clock::wall(), clock::random());
            let joined = recordings.join(&earlier.spool, &self.own.spool, *behind, message);
            let spool = Arc::new(joined.await.map_err(|error| error.to_string())?);
            for part in [&earlier, &self.own] {
                if let Err(error) = recordings.spools().remove(part.spool.path()) {
                    // At worst it becomes a message besides the whole.
                    tracing::warn!(%error, "a part of a recording can't be removed");
                }
            }
            Ok(Part { message, spool })
        };
        self.whole.get_or_init(join).await.clone()
    }

    /// The spools that there are: one, or all parts where they can't be joined.
    pub async fn spools(&self, recordings: &Recordings) -> Vec<Arc<Spool>> {
        match self.whole(recordings).await {
            Ok(whole) => vec![whole.spool],
            Err(error) => {
                tracing::error!(error, "the parts of a recording can't be joined");
                let mut spools = match &self.earlier {
                    Some(earlier) => Box::pin(earlier.parts.spools(recordings)).await,
                    None => Vec::new(),
                };
                spools.push(Arc::clone(&self.own.spool));
                spools
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hark_engine::media::{Codec, RecordedFrame};
    use hark_engine::message::Sender;

    use super::*;
    use crate::recording::{Intent, RecordSink, SpoolFormat, SpoolHeader, SpoolSource};

    fn spoken(recordings: &Recordings, code: u8) -> Part {
        let message = MessageId::new(clock::wall(), clock::random());
        let header = SpoolHeader {
            message,
            sender: Sender { user: None, name: "Ann".into(), address: "sip:a@b".into() },
            intent: Intent::Discard,
            started: clock::wall(),
            source: SpoolSource::Phone,
            format: SpoolFormat::G711,
            limit_ms: 10_000,
            idempotency_key: None,
        };
        let (mut sink, spool) = recordings.spools().create(&header).unwrap();
        let (codec, payload) = (Codec::Pcmu, Bytes::from(vec![code; 160]));
        sink.append(&[RecordedFrame { codec, timestamp_ms: 0, payload }]).unwrap();
        Part { message, spool: Arc::new(spool) }
    }

    fn files(dir: &std::path::Path) -> usize {
        std::fs::read_dir(dir.join("spool")).unwrap().count()
    }

    #[tokio::test]
    async fn three_parts_become_one_spool_once() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::start(dir.path(), &prometheus::Registry::new()).unwrap();
        let alone = Parts::of(spoken(&recordings, 0x80));
        assert_eq!(alone.whole(&recordings).await.unwrap().message, alone.own().message);
        let two = Arc::new(Parts::added(spoken(&recordings, 0x90), Arc::new(alone), false));
        let three = Parts::added(spoken(&recordings, 0xa0), two, true);
        let (whole, again) = tokio::join!(three.whole(&recordings), three.whole(&recordings));
        let whole = whole.unwrap();
        assert_eq!(again.unwrap().message, whole.message);
        let pcm = recordings.preview(whole.spool.path()).await.unwrap();
        let wanted = [0xa0, 0x80, 0x90].map(hark_engine::media::g711::decode_mu);
        let heard: Vec<_> = pcm.chunks(160).map(|frame| frame[0]).collect();
        assert_eq!(heard, wanted);
        assert_eq!(files(dir.path()), 1, "only the whole is left");
        assert_eq!(three.spools(&recordings).await.len(), 1);
    }

    #[tokio::test]
    async fn parts_that_cannot_be_joined_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::start(dir.path(), &prometheus::Registry::new()).unwrap();
        let earlier = spoken(&recordings, 0x80);
        earlier.spool.sync().await.unwrap();
        std::fs::write(earlier.spool.path(), "nonsense").unwrap();
        let both = Parts::added(spoken(&recordings, 0x90), Arc::new(Parts::of(earlier)), false);
        assert!(both.whole(&recordings).await.is_err());
        assert_eq!(both.spools(&recordings).await.len(), 2);
        assert_eq!(files(dir.path()), 2);
    }
}
