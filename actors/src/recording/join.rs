//! Two recordings of a call made one: an addition behind or before what was said first.

use hark_engine::id::MessageId;
use hark_engine::media::RecordedFrame;

use super::files::read_from;
use super::spool_format::{self, Intent, SpoolAudio, SpoolContent, SpoolHeader};
use super::{LONGEST_MS, RecordSink, RecordingError, Recordings, Spool};

/// Frames that are handed to the spool's thread at a time: 10 s of them.
const PIECE: usize = 500;
/// Samples of G.711 in a millisecond.
const PER_MS: usize = 8;

impl Recordings {
    /// A new spool, under `message`, with what is in two others: the earlier part and then the
    /// new one, or the other way round if the new one is to be `first`. Everything else is as
    /// the new one's header says.
    ///
    /// Until the whole is on the disk it says of itself that it is to be thrown away, so that a
    /// crash leaves the two parts, or the whole besides them, but never half of it. When this
    /// returns, the parts can be removed.
    pub async fn join(
        &self,
        earlier: &Spool,
        new: &Spool,
        first: bool,
        message: MessageId,
    ) -> Result<Spool, RecordingError> {
        earlier.sync().await?;
        new.sync().await?;
        let (earlier, new) = (earlier.path().to_owned(), new.path().to_owned());
        let disk = self.disk().clone();
        let read = move || {
            let earlier = spool_format::read(&read_from(&disk, &earlier)?)?;
            joined(earlier, spool_format::read(&read_from(&disk, &new)?)?, first)
        };
        let (header, frames) = self.work(read).await?;
        let intent = header.intent.clone();
        let header = SpoolHeader { message, intent: Intent::Discard, ..header };
        let (mut sink, spool) =
            self.spools().create(&header).map_err(|_| RecordingError::Worker)?;
        let mut written = frames.chunks(PIECE).try_for_each(|piece| sink.append(piece));
        drop(sink);
        if written.is_ok() {
            spool.sync().await?;
            written = spool.set_intent(&intent);
        }
        // What could not be taken tells its cause here.
        let synced = spool.sync().await;
        match (synced, written) {
            (Ok(_), Ok(())) => Ok(spool),
            (Err(error), _) => Err(error),
            (Ok(_), Err(_)) => Err(RecordingError::Worker),
        }
    }
}

fn joined(
    earlier: SpoolContent,
    new: SpoolContent,
    first: bool,
) -> Result<(SpoolHeader, Vec<RecordedFrame>), RecordingError> {
    let (SpoolAudio::Frames(before), SpoolAudio::Frames(added)) = (earlier.audio, new.audio) else {
        return Err(RecordingError::Malformed("only parts of a call can be joined".into()));
    };
    let (mut frames, behind) = if first { (added, before) } else { (before, added) };
    let end = frames.iter().map(|frame| {
        let length = u32::try_from(frame.payload.len() / PER_MS).unwrap_or(u32::MAX);
        frame.timestamp_ms.saturating_add(length)
    });
    let end = end.max().unwrap_or(0);
    frames.extend(behind.into_iter().map(|frame| RecordedFrame {
        timestamp_ms: frame.timestamp_ms.saturating_add(end),
        ..frame
    }));
    let limit_ms = earlier.header.limit_ms.saturating_add(new.header.limit_ms).min(LONGEST_MS);
    Ok((SpoolHeader { limit_ms, ..new.header }, frames))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hark_engine::dialplan::effect::Delivery;
    use hark_engine::id::UserId;
    use hark_engine::media::Codec;
    use hark_engine::message::Sender;
    use hark_engine::time::UnixMillis;

    use super::super::recover::recover;
    use super::super::{SpoolFormat, SpoolSource};
    use super::*;

    fn send_to(user: i64) -> Intent {
        Intent::Send(Delivery { to: vec![UserId(user)], ..Delivery::default() })
    }

    /// A spool of `count` frames that all hold `code`.
    fn spoken(recordings: &Recordings, id: u8, count: u32, code: u8) -> Spool {
        let header = SpoolHeader {
            message: MessageId::new(UnixMillis(id.into()), [id; 10]),
            sender: Sender { user: None, name: "Ann".into(), address: "sip:a@b".into() },
            intent: send_to(id.into()),
            started: UnixMillis(id.into()),
            source: SpoolSource::Phone,
            format: SpoolFormat::G711,
            limit_ms: 30_000,
            idempotency_key: None,
        };
        let (mut sink, spool) = recordings.spools().create(&header).unwrap();
        for n in 0..count {
            let (codec, payload) = (Codec::Pcma, Bytes::from(vec![code; 160]));
            sink.append(&[RecordedFrame { codec, timestamp_ms: n * 20, payload }]).unwrap();
        }
        spool
    }

    #[tokio::test]
    async fn two_parts_become_one_in_the_order_that_was_asked_for() {
        for first in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let recordings = Recordings::start(dir.path(), &prometheus::Registry::new()).unwrap();
            let earlier = spoken(&recordings, 1, 100, 0x90);
            let new = spoken(&recordings, 2, 1200, 0xa0);
            let id = MessageId::new(UnixMillis(3), [3; 10]);
            let whole = recordings.join(&earlier, &new, first, id).await.unwrap();
            let content = spool_format::read(&std::fs::read(whole.path()).unwrap()).unwrap();
            assert_eq!((content.header.message, content.header.intent), (id, send_to(2)));
            assert_eq!(content.header.limit_ms, 60_000);
            let SpoolAudio::Frames(frames) = content.audio else { panic!("frames") };
            assert_eq!(frames.len(), 1300);
            for (n, frame) in frames.iter().enumerate() {
                assert_eq!(frame.timestamp_ms as usize, n * 20);
                let is_new = if first { n < 1200 } else { n >= 100 };
                assert_eq!(frame.payload[0], if is_new { 0xa0 } else { 0x90 }, "frame {n}");
            }
            assert_eq!(recordings.preview(whole.path()).await.unwrap().len(), 1300 * 160);
        }
    }

    #[tokio::test]
    async fn a_crash_while_joining_leaves_the_parts_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::start(dir.path(), &prometheus::Registry::new()).unwrap();
        let earlier = spoken(&recordings, 1, 10, 0x90);
        let new = spoken(&recordings, 2, 10, 0xa0);
        let id = MessageId::new(UnixMillis(3), [3; 10]);
        let whole = recordings.join(&earlier, &new, false, id).await.unwrap();
        // As it lies on the disk at any moment before its last record.
        let bytes = std::fs::read(whole.path()).unwrap();
        for cut in [bytes.len() - 1, bytes.len() / 2, 600] {
            std::fs::write(whole.path(), &bytes[..cut]).unwrap();
            let found = recover(dir.path()).unwrap();
            let intents: Vec<_> = found.iter().map(|orphan| orphan.header.intent.clone()).collect();
            assert_eq!(intents, [send_to(1), send_to(2), Intent::Discard], "cut at {cut}");
        }
    }
}
