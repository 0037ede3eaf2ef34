//! Records a caller: payloads kept as received, each with its position in the recording.
//!
//! The position comes from the RTP timestamps, so that what was lost, or not sent because
//! nobody spoke or a key was pressed, stays as long as it was. Where the timestamps make no
//! sense (a new source, a jump that the clock on the wall did not see) the arrival decides.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::codec::Codec;
use super::g711;
use crate::dialplan::effect::RecordEnd;
use crate::key::KeySet;
use crate::time::Instant;

/// A timestamp may run ahead of the arrival by so much (a burst after a stall) and be believed.
const MAX_AHEAD: Duration = Duration::from_secs(2);
/// A call's limit is also reached by the clock, this much later, if no packets come.
const LIMIT_GRACE: Duration = Duration::from_millis(200);
/// Frames are handed over once there is so much of them.
pub const BATCH: Duration = Duration::from_millis(200);
/// Samples a millisecond.
const PER_MS: u64 = 8;

/// One packet's audio, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFrame {
    /// How the payload is encoded.
    pub codec: Codec,
    /// Where it belongs, from the start of the recording. Gaps show.
    pub timestamp_ms: u32,
    /// The payload.
    pub payload: Bytes,
}

/// What to record.
#[derive(Clone, Copy, Debug)]
pub struct RecordRequest {
    /// Comes back in the event that says that it ended.
    pub id: u64,
    /// The longest it may become.
    pub max: Duration,
    /// The keys that end it.
    pub stop_on: KeySet,
    /// End it when nobody spoke for so long.
    pub silence: Option<Duration>,
}

/// A recording in progress.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) request: RecordRequest,
    started: Instant,
    timeline: Timeline,
    speech: SpeechDetector,
    spoke: Instant,
    batch: Batch,
    /// Samples, to the end of the last frame.
    end: u64,
}

impl Recorder {
    pub(super) fn new(now: Instant, request: RecordRequest) -> Self {
        Self {
            request,
            started: now,
            timeline: Timeline::default(),
            speech: SpeechDetector::default(),
            spoke: now,
            batch: Batch::default(),
            end: 0,
        }
    }

    /// Takes the next frame in order.
    pub(super) fn frame(&mut self, now: Instant, codec: Codec, timestamp: u32, payload: &[u8]) {
        let position = self.timeline.place(now, timestamp, self.end);
        if position < self.limit() {
            if self.speech.is_speech(g711::level(codec, payload)) {
                self.spoke = now;
            }
            self.batch.push(codec, position / PER_MS, payload);
        }
        self.end = self.end.max(position + payload.len() as u64);
    }

    /// The caller's timestamps start over: the next frame is placed by its arrival.
    pub(super) fn source_changed(&mut self) {
        self.timeline.broken = true;
    }

    /// Whether the recording is over by length or silence.
    pub(super) fn due(&self, now: Instant) -> Option<RecordEnd> {
        let overtime = now.since(self.started) >= self.request.max + LIMIT_GRACE;
        if self.end >= self.limit() || overtime {
            return Some(RecordEnd::Limit);
        }
        let silence = self.request.silence?;
        (now.since(self.spoke) >= silence).then_some(RecordEnd::Silence)
    }

    /// How long it is.
    pub(super) fn length(&self) -> Duration {
        Duration::from_micros(self.end.min(self.limit()) * 125)
    }

    /// Whether there is enough to hand over.
    pub(super) fn batch_due(&self) -> bool {
        self.batch.bytes.len() as u64 >= BATCH.as_millis() as u64 * PER_MS
    }

    /// What has not been handed over yet.
    pub(super) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    fn limit(&self) -> u64 {
        u64::try_from(self.request.max.as_millis()).unwrap_or(u64::MAX).saturating_mul(PER_MS)
    }
}

/// Payloads one after the other in one allocation, until they are handed over.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: BytesMut,
    frames: Vec<(Codec, u32, usize)>,
}

impl Batch {
    fn push(&mut self, codec: Codec, position_ms: u64, payload: &[u8]) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(BATCH.as_millis() as usize * PER_MS as usize + 480);
        }
        self.bytes.extend_from_slice(payload);
        let position = u32::try_from(position_ms).unwrap_or(u32::MAX);
        self.frames.push((codec, position, payload.len()));
    }

    /// Moves the frames to `out`.
    pub(super) fn take(&mut self, out: &mut Vec<RecordedFrame>) {
        let mut bytes = std::mem::take(&mut self.bytes).freeze();
        out.extend(self.frames.drain(..).map(|(codec, timestamp_ms, length)| RecordedFrame {
            codec,
            timestamp_ms,
            payload: bytes.split_to(length),
        }));
    }
}

/// Turns RTP timestamps into positions.
#[derive(Debug, Default)]
struct Timeline {
    /// Of the last frame: its timestamp, when it came, where it was put.
    last: Option<(u32, Instant, u64)>,
    broken: bool,
}

impl Timeline {
    /// Where a frame goes, in samples; `end` is the end of what there is.
    fn place(&mut self, now: Instant, timestamp: u32, end: u64) -> u64 {
        let position = match self.last {
            None => 0,
            Some((last, arrived, position)) => {
                let moved = timestamp.wrapping_sub(last);
                let elapsed = now.since(arrived);
                let believable = samples(elapsed + MAX_AHEAD);
                if self.broken || u64::from(moved) > believable {
                    end.max(position + samples(elapsed))
                } else {
                    position + u64::from(moved)
                }
            }
        };
        self.broken = false;
        self.last = Some((timestamp, now, position));
        position
    }
}

fn samples(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX) / 125
}

/// Tells speech from silence by level alone, above a floor that follows the line's own noise.
#[derive(Debug)]
struct SpeechDetector {
    floor: u32,
}

impl Default for SpeechDetector {
    fn default() -> Self {
        Self { floor: Self::MIN_FLOOR }
    }
}

impl SpeechDetector {
    /// A quiet line: -60 dBFS and less is never taken for a noise floor worth following.
    const MIN_FLOOR: u32 = 32 << 8;
    /// However noisy the line: speech at -24 dBFS is still speech.
    const MAX_FLOOR: u32 = 600 << 8;
    /// Speech is so many times louder than the floor.
    const FACTOR: u32 = 4;

    /// `level` is a frame's mean magnitude. The floor, in 1/256, falls at once and rises by a
    /// tenth in a second or so.
    fn is_speech(&mut self, level: u32) -> bool {
        let scaled = level << 8;
        let rise = self.floor + self.floor / 512;
        self.floor = scaled.min(rise).clamp(Self::MIN_FLOOR, Self::MAX_FLOOR);
        scaled > self.floor * Self::FACTOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    fn recorder(max: Duration, silence: Option<Duration>) -> Recorder {
        let request = RecordRequest { id: 1, max, stop_on: KeySet::EMPTY, silence };
        Recorder::new(Instant::ZERO, request)
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    fn positions(recorder: &mut Recorder) -> Vec<u32> {
        let mut frames = Vec::new();
        recorder.batch().take(&mut frames);
        frames.iter().map(|frame| frame.timestamp_ms).collect()
    }

    #[test]
    fn gaps_stay_and_wrapping_does_not_show() {
        let mut recorder = recorder(Duration::from_secs(59), None);
        let start = u32::MAX - 100;
        for (ms, ticks) in [(0, 0), (20, 1), (100, 5), (120, 6)] {
            recorder.frame(at(ms), Codec::Pcmu, start.wrapping_add(ticks * 160), &[0; 160]);
        }
        assert_eq!(positions(&mut recorder), [0, 20, 100, 120]);
        assert_eq!(recorder.length(), Duration::from_millis(140));
    }

    #[test]
    fn timestamps_that_jump_are_placed_by_arrival() {
        let mut recorder = recorder(Duration::from_secs(59), None);
        recorder.frame(at(0), Codec::Pcmu, 1_000_000, &[0; 160]);
        recorder.frame(at(20), Codec::Pcmu, 5, &[0; 160]);
        recorder.frame(at(40), Codec::Pcmu, 165, &[0; 160]);
        recorder.source_changed();
        recorder.frame(at(1040), Codec::Pcma, 200, &[0; 160]);
        assert_eq!(positions(&mut recorder), [0, 20, 40, 1040]);
    }

    #[test]
    fn a_batch_is_due_every_200_ms() {
        let mut recorder = recorder(Duration::from_secs(59), None);
        for n in 0..10 {
            assert!(!recorder.batch_due());
            recorder.frame(at(n * 20), Codec::Pcmu, n as u32 * 160, &[n as u8; 160]);
        }
        assert!(recorder.batch_due());
        let mut frames = Vec::new();
        recorder.batch().take(&mut frames);
        assert_eq!(frames.len(), 10);
        assert!(frames.iter().enumerate().all(|(n, f)| f.payload[..] == [n as u8; 160]));
    }

    #[test]
    fn the_limit_cuts_and_ends() {
        let mut recorder = recorder(Duration::from_millis(40), None);
        for n in 0..3 {
            recorder.frame(at(n * 20), Codec::Pcmu, n as u32 * 160, &[0; 160]);
        }
        assert_eq!(positions(&mut recorder), [0, 20]);
        assert_eq!(recorder.due(at(60)), Some(RecordEnd::Limit));
        assert_eq!(recorder.length(), Duration::from_millis(40));
    }

    #[test]
    fn nothing_received_ends_by_the_clock() {
        let recorder = recorder(Duration::from_secs(1), None);
        assert_eq!(recorder.due(at(1100)), None);
        assert_eq!(recorder.due(at(1200)), Some(RecordEnd::Limit));
        assert_eq!(recorder.length(), Duration::ZERO);
    }

    #[test]
    fn silence_is_counted_from_the_last_speech() {
        let mut recorder = recorder(Duration::from_secs(59), Some(Duration::from_secs(2)));
        let loud = g711::encode(Codec::Pcmu, &[4000; 160]);
        let hum = g711::encode(Codec::Pcmu, &[60; 160]);
        let mut now = Instant::ZERO;
        for n in 0..150 {
            let payload = if n < 50 { &loud } else { &hum };
            recorder.frame(now, Codec::Pcmu, n * 160, payload);
            now += FRAME;
            assert_eq!(recorder.due(now), (n >= 148).then_some(RecordEnd::Silence), "{n}");
        }
    }

    #[test]
    fn speech_over_a_noisy_line_is_speech_and_the_noise_is_not() {
        let mut detector = SpeechDetector::default();
        let noise = (0..3000).filter(|_| detector.is_speech(300)).count();
        assert!(noise < 1500, "the floor follows the noise");
        assert!(!detector.is_speech(300));
        assert!(detector.is_speech(3000));
        assert!((0..3000).all(|_| detector.is_speech(3000)), "a long tone stays speech");
    }
}
