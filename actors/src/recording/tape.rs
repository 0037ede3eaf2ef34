//! A message's file that is written while it is spoken, on the machine where it is spoken.
//!
//! Every half second a page is ended and handed on, so that whatever stops the recording costs
//! less than a second of it: the file before that is whole, tags and all.

use std::io::Write;

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::Encoder;

use super::ogg_opus::{self, GRANULE_RATE, OpusStream, Tags};
use super::transcode::{FRAME, GRANULES, encoder};
use super::{RecordingError, enhance};

/// A page is ended after so many frames of 20 ms.
const PAGE: u32 = 25;

/// The file, as it grows.
pub struct Tape<W: Write> {
    writer: PacketWriter<'static, W>,
    encoder: Encoder,
    serial: u32,
    pre_skip: u64,
    waiting: Vec<i16>,
    /// Samples at 48 kHz that are in packets, and of speech that were taken.
    position: u64,
    spoken: u64,
    frames: u32,
}

impl<W: Write> Tape<W> {
    /// Begins a file in `out` with these tags.
    ///
    /// # Errors
    /// When it can't be written, or nothing can be encoded.
    pub fn new(out: W, tags: &Tags) -> Result<Self, RecordingError> {
        let failed = |e: opus::Error| RecordingError::codec("opus", e);
        let mut encoder = encoder().map_err(failed)?;
        let lookahead = encoder.get_lookahead().map_err(failed)?;
        let pre_skip = u16::try_from(lookahead).unwrap_or(0) * GRANULES as u16;
        let stream = OpusStream {
            channels: 1,
            pre_skip,
            input_rate: enhance::RATE,
            gain: 0,
            packets: Vec::new(),
            samples: 0,
        };
        let serial = ogg_opus::serial(tags);
        let mut writer = PacketWriter::new(out);
        let io = |e: std::io::Error| RecordingError::codec("ogg", e);
        let headers = [ogg_opus::head(&stream), ogg_opus::comments(tags)];
        for header in headers {
            writer.write_packet(header, serial, PacketWriteEndInfo::EndPage, 0).map_err(io)?;
        }
        writer.inner_mut().flush().map_err(io)?;
        Ok(Self {
            writer,
            encoder,
            serial,
            pre_skip: pre_skip.into(),
            waiting: Vec::new(),
            position: 0,
            spoken: 0,
            frames: 0,
        })
    }

    /// Takes speech at 16 kHz.
    ///
    /// # Errors
    /// When it can't be written: what was handed on before is whole.
    pub fn push(&mut self, speech: &[i16]) -> Result<(), RecordingError> {
        self.spoken += speech.len() as u64;
        self.waiting.extend_from_slice(speech);
        // One frame is kept back: the last one of a file says that it is.
        while self.waiting.len() > FRAME {
            let frame: Vec<i16> = self.waiting.drain(..FRAME).collect();
            self.frames += 1;
            let ends = self.frames.is_multiple_of(PAGE);
            let info =
                if ends { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            self.put(&frame, info, None)?;
            if ends {
                let flushed = self.writer.inner_mut().flush();
                flushed.map_err(|e| RecordingError::codec("ogg", e))?;
            }
        }
        Ok(())
    }

    /// How much was taken, in milliseconds.
    pub fn ms(&self) -> u32 {
        u32::try_from(self.spoken * 1000 / u64::from(enhance::RATE)).unwrap_or(u32::MAX)
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(mut self) -> Result<W, RecordingError> {
        let end = self.pre_skip + self.spoken * GRANULES as u64;
        // The encoder is behind by its look-ahead: silence pushes the last word out.
        loop {
            let take = self.waiting.len().min(FRAME);
            let mut frame: Vec<i16> = self.waiting.drain(..take).collect();
            frame.resize(FRAME, 0);
            let last = self.position + FRAME as u64 * GRANULES as u64 >= end;
            let info =
                if last { PacketWriteEndInfo::EndStream } else { PacketWriteEndInfo::NormalPacket };
            self.put(&frame, info, last.then_some(end))?;
            if last {
                break;
            }
        }
        let mut out = self.writer.into_inner();
        out.flush().map_err(|e| RecordingError::codec("ogg", e))?;
        Ok(out)
    }

    fn put(
        &mut self,
        frame: &[i16],
        info: PacketWriteEndInfo,
        end: Option<u64>,
    ) -> Result<(), RecordingError> {
        let packet = self.encoder.encode_vec(frame, 1276);
        let packet = packet.map_err(|e| RecordingError::codec("opus", e))?;
        self.position += FRAME as u64 * GRANULES as u64;
        let granule = end.unwrap_or(self.position);
        self.writer
            .write_packet(packet, self.serial, info, granule)
            .map_err(|e| RecordingError::codec("ogg", e))
    }
}

/// How many samples of speech at 16 kHz a message of `limit_ms` has.
pub const fn samples(limit_ms: u32) -> u64 {
    limit_ms as u64 * (GRANULE_RATE / GRANULES as u32) as u64 / 1000
}

#[cfg(test)]
mod tests {
    use hark_engine::id::MessageId;
    use hark_engine::time::UnixMillis;

    use super::*;
    use crate::recording::decode::decode_stream;

    fn tags() -> Tags {
        Tags {
            id: MessageId::new(UnixMillis(1), [1; 10]),
            title: "x".into(),
            sender: "Ann".into(),
            sender_address: String::new(),
            recipients: vec!["bob".into()],
            at: UnixMillis(1),
            forwarded_from: None,
        }
    }

    fn tone(length: usize) -> Vec<i16> {
        (0..length).map(|n| ((n as f64 / 16.0).sin() * 8_000.0) as i16).collect()
    }

    #[test]
    fn what_is_spoken_in_pieces_is_one_whole_file() {
        for length in [1, 319, 320, 321, 8_000, 40_123] {
            let mut tape = Tape::new(Vec::new(), &tags()).unwrap();
            tone(length).chunks(777).for_each(|piece| tape.push(piece).unwrap());
            let file = ogg_opus::read(&tape.finish().unwrap()).unwrap();
            assert!(!file.torn, "{length}");
            assert_eq!(file.stream.samples, length as u64 * 3, "{length}");
            assert!(file.comments.contains(&"HARK_RECIPIENT=bob".to_owned()));
            let heard = decode_stream(&file.stream, 16_000).unwrap();
            assert_eq!(heard.len(), length);
        }
    }

    #[test]
    fn a_file_that_breaks_off_lacks_less_than_a_second() {
        let mut written = Vec::new();
        let mut tape = Tape::new(&mut written, &tags()).unwrap();
        tape.push(&tone(5 * 16_000)).unwrap();
        assert_eq!(tape.ms(), 5_000);
        // As after a crash: nothing is ended.
        drop(tape);
        let file = ogg_opus::read(&written).unwrap();
        assert!(file.torn);
        assert!(file.stream.length_ms() > 4_000, "{}", file.stream.length_ms());
    }
}
