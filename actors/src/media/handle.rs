//! A call actor's end of a media session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use hark_engine::key::{Key, KeySet};
use hark_engine::media::Codec;
use hark_engine::media::session::{self, PlayRequest, RemoteMedia};

use super::RecordSink;
use super::link::{Close, Command, ShardLink};

/// What to record, and where to.
pub struct RecordRequest {
    /// Comes back in `RecordDone`.
    pub id: u64,
    /// Where the frames go.
    pub sink: Box<dyn RecordSink>,
    /// The longest it may become.
    pub max: Duration,
    /// The keys that end it.
    pub stop_on: KeySet,
    /// End it when nobody spoke for so long.
    pub silence: Option<Duration>,
}

/// One call's media. Dropping it closes the session: a recording that runs is handed over and
/// reported as ended by [`RecordEnd::Hangup`](hark_engine::dialplan::effect::RecordEnd), and
/// that is the last event.
///
/// No method blocks or fails. A command that an overloaded shard can't take ends the session,
/// which is reported as `Dead`: better an ended call than one that silently hangs.
pub struct MediaSession {
    id: u64,
    local: SocketAddr,
    shard: Arc<ShardLink>,
    /// The codec agreed upon, so that prompts are encoded on the caller's thread.
    codec: AtomicU8,
}

impl MediaSession {
    pub(super) fn new(id: u64, local: SocketAddr, shard: Arc<ShardLink>) -> Self {
        Self { id, local, shard, codec: AtomicU8::new(u8::MAX) }
    }

    /// The address that the peer shall send to.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Tells the peer's address and what was agreed; again after each re-INVITE.
    pub fn connect(&self, remote: RemoteMedia) {
        self.codec.store(remote.codec.static_payload_type(), Ordering::Relaxed);
        self.send(Command::Connect(self.id, remote));
    }

    /// Plays clips; ends what was playing.
    pub fn play(&self, request: PlayRequest) {
        let codec = self.codec.load(Ordering::Relaxed);
        for codec in [Codec::Pcmu, Codec::Pcma].iter().filter(|c| c.static_payload_type() == codec)
        {
            // Once for all calls, and not on the shard's time.
            request.clips.iter().for_each(|clip| drop(Arc::clone(clip.encoded(*codec))));
        }
        self.send(Command::Play(self.id, request));
    }

    /// Stops that playing; its `PlayDone` still comes.
    pub fn stop_play(&self, id: u64) {
        self.send(Command::StopPlay(self.id, id));
    }

    /// Records; ends what was being recorded.
    pub fn record(&self, request: RecordRequest) {
        let RecordRequest { id, sink, max, stop_on, silence } = request;
        let request = session::RecordRequest { id, max, stop_on, silence };
        self.send(Command::Record(self.id, request, sink));
    }

    /// Stops that recording; its `RecordDone` still comes.
    pub fn stop_record(&self, id: u64) {
        self.send(Command::StopRecord(self.id, id));
    }

    /// Presses keys towards the peer.
    pub fn send_digits(&self, keys: impl IntoIterator<Item = Key>) {
        self.send(Command::SendDigits(self.id, keys.into_iter().collect()));
    }

    /// The peer pressed a key, told otherwise than by RTP (SIP INFO). It stops prompts and
    /// recordings and is reported like any other.
    pub fn press(&self, key: Key) {
        self.send(Command::Press(self.id, key));
    }

    /// Lets this session's peer and the other's hear each other, until [`Self::unbridge`] or the
    /// end of either. What either plays ends; keys go to the other peer and are not reported.
    ///
    /// False if they are on different threads and nothing was done: the second has to be opened
    /// by [`MediaPlane::open_beside`](super::MediaPlane::open_beside).
    #[must_use]
    pub fn bridge(&self, other: &Self) -> bool {
        let together = Arc::ptr_eq(&self.shard, &other.shard);
        if together {
            self.send(Command::Bridge(self.id, other.id));
        }
        together
    }

    /// Ends the bridge, if there is one.
    pub fn unbridge(&self) {
        self.send(Command::Unbridge(self.id));
    }

    /// The thread that this session is on.
    pub(super) const fn shard(&self) -> &Arc<ShardLink> {
        &self.shard
    }

    #[cfg(test)]
    pub(super) fn panic(&self) {
        self.send(Command::Panic(self.id));
    }

    fn send(&self, command: Command) {
        if !self.shard.send(command) {
            self.shard.close(self.id, Close::Overloaded);
        }
    }
}

impl Drop for MediaSession {
    fn drop(&mut self) {
        self.shard.close(self.id, Close::Wished);
    }
}
