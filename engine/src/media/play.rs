//! Plays clips one after the other without a gap: a cursor over shared bytes.

use std::sync::Arc;
use std::time::Duration;

use super::clip::Clip;
use super::codec::Codec;
use super::g711;
use crate::key::KeySet;

/// What to play.
#[derive(Clone, Debug)]
pub struct PlayRequest {
    /// Comes back in the event that says that it ended.
    pub id: u64,
    /// One after the other.
    pub clips: Vec<Arc<Clip>>,
    /// The keys that stop it at once.
    pub stop_on: KeySet,
}

/// Where the playing of a request is.
#[derive(Debug)]
pub(super) struct Player {
    request: PlayRequest,
    /// Which clip, and how far in it.
    clip: usize,
    offset: usize,
    /// How many samples were sent, of all clips.
    played: u64,
}

impl Player {
    pub(super) fn new(request: PlayRequest) -> Self {
        Self { request, clip: 0, offset: 0, played: 0 }
    }

    pub(super) fn id(&self) -> u64 {
        self.request.id
    }

    pub(super) fn stop_on(&self) -> KeySet {
        self.request.stop_on
    }

    /// How much was sent.
    pub(super) fn played(&self) -> Duration {
        Duration::from_micros(self.played * 125)
    }

    /// Fills `out` from the clips; silence after the last. False if nothing was left at all.
    pub(super) fn fill(&mut self, codec: Codec, out: &mut [u8]) -> bool {
        let mut filled = 0;
        while filled < out.len() {
            let Some(clip) = self.request.clips.get(self.clip) else { break };
            let rest = clip.encoded(codec).get(self.offset..).unwrap_or(&[]);
            let count = rest.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            self.offset += count;
            if count == rest.len() {
                self.clip += 1;
                self.offset = 0;
            }
        }
        out[filled..].fill(g711::silence(codec));
        self.played += filled as u64;
        filled > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_follow_one_another_without_a_gap() {
        let clips = [100, 0, 300].map(|n| Arc::new(Clip::from_pcm_8k(vec![n as i16 * 50; n])));
        let mut player =
            Player::new(PlayRequest { id: 1, clips: clips.to_vec(), stop_on: KeySet::EMPTY });
        let mut heard = Vec::new();
        let mut frame = [0; 160];
        while player.fill(Codec::Pcma, &mut frame) {
            heard.extend_from_slice(&frame);
        }
        let mut expected = clips[0].encoded(Codec::Pcma).to_vec();
        expected.extend_from_slice(clips[2].encoded(Codec::Pcma));
        assert_eq!(player.played(), Duration::from_millis(50));
        assert_eq!(heard[..400], expected);
        assert!(heard[400..].iter().all(|code| *code == 0xd5));
        assert_eq!(heard.len(), 480);
    }
}
