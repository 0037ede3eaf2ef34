//! From a container to Opus packets, or to speech at 16 kHz.

use bytes::Bytes;
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::default::formats::{
    AdtsReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
};

use super::source::Source;
use super::{Container, ForeignError, Job};
use crate::recording::enhance::RATE;
use crate::recording::ogg_opus::{GRANULE_RATE, OpusStream, packet_samples, parse_head};
use crate::recording::resample::Resampler;

/// The rates and channels that speech comes in.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const MOST_CHANNELS: usize = 8;
/// Packets that can't be decoded, before the file is given up.
const MOST_BAD: u32 = 50;
/// Programs that write to a pipe don't know the length, and write about as much as fits.
const UNKNOWN_BYTES: u64 = 0x7fff_0000;
/// A file that lacks so much of what it claims has broken off.
const LACKING_MS: u64 = 250;

/// What was in the container.
pub(super) enum Found {
    /// Opus packets; and whether the file broke off.
    Opus(OpusStream, bool),
    /// Speech at [`RATE`], one channel; and whether the file broke off.
    Pcm(Vec<i16>, bool),
}

pub(super) fn read(job: &Job<'_>, source: Source) -> Result<Found, ForeignError> {
    let bytes = source.length();
    let reader = open(job.container, source).map_err(|error| refused(job, error))?;
    let track =
        reader.default_track(TrackType::Audio).ok_or_else(|| job.codec("no audio track"))?;
    let track = track.clone();
    let params = track.codec_params.as_ref().and_then(CodecParameters::audio);
    let params = params.ok_or_else(|| job.codec("no audio track"))?.clone();
    let claimed = claimed(job, reader.as_ref(), &track, &params, bytes);
    if let Claim::Ms(ms) = claimed {
        job.fits(Some(ms))?;
    }
    let tape = Tape { job, reader, track: track.id };
    let found =
        if params.codec == CODEC_ID_OPUS { tape.opus(&params)? } else { tape.decode(&params)? };
    Ok(short_of(claimed, found))
}

fn open(container: Container, source: Source) -> Result<Box<dyn FormatReader>, Error> {
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let options = FormatOptions::default();
    Ok(match container {
        Container::Wav => Box::new(WavReader::try_new(stream, options)?),
        Container::Ogg | Container::OggOpus => Box::new(OggReader::try_new(stream, options)?),
        Container::Matroska => Box::new(MkvReader::try_new(stream, options)?),
        Container::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
        Container::Mp3 => Box::new(MpaReader::try_new(stream, options)?),
        Container::Aac => Box::new(AdtsReader::try_new(stream, options)?),
    })
}

fn refused(job: &Job<'_>, error: Error) -> ForeignError {
    match error {
        Error::Unsupported(what) => job.codec(what),
        error => job.malformed(error),
    }
}

/// How long a file says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// So long.
    Ms(u64),
    /// It says nothing that could be held against it.
    Nothing,
    /// It says that it did not know: its end is where it ends.
    Unknown,
}

fn claimed(
    job: &Job<'_>,
    reader: &dyn FormatReader,
    track: &Track,
    params: &AudioCodecParameters,
    bytes: u64,
) -> Claim {
    let frames = track.num_frames.zip(params.sample_rate.filter(|rate| *rate > 0));
    let of_track = frames.map(|(frames, rate)| frames.saturating_mul(1000) / u64::from(rate));
    let info = reader.media_info();
    let of_file = info
        .time_base
        .zip(info.duration)
        .and_then(|(base, duration)| u64::try_from(base.calc_duration(duration)?.as_millis()).ok());
    let Some(claimed) = of_track.or(of_file).filter(|ms| *ms > 0) else {
        let is_wav = job.container == Container::Wav;
        return if is_wav { Claim::Unknown } else { Claim::Nothing };
    };
    match job.container {
        Container::Wav => {
            let channels = params.channels.as_ref().map_or(1, |channels| channels.count());
            let each = channels as u64 * u64::from(params.bits_per_sample.unwrap_or(8)).div_ceil(8);
            let claimed_bytes = track.num_frames.unwrap_or(0).saturating_mul(each);
            let unknown = claimed_bytes >= UNKNOWN_BYTES && claimed_bytes > bytes;
            if unknown { Claim::Unknown } else { Claim::Ms(claimed) }
        }
        // Without a table, what these say is reckoned from their first frame.
        Container::Mp3 | Container::Aac => Claim::Nothing,
        Container::OggOpus | Container::Ogg | Container::Matroska | Container::Mp4 => {
            Claim::Ms(claimed)
        }
    }
}

/// What lacks a part of what it claimed has broken off, whatever its reader made of that.
fn short_of(claim: Claim, found: Found) -> Found {
    let judge = |torn: bool, ms: u64| match claim {
        Claim::Ms(claimed) => torn || ms + LACKING_MS + claimed / 50 < claimed,
        Claim::Nothing => torn,
        Claim::Unknown => false,
    };
    match found {
        Found::Opus(stream, torn) => {
            let torn = judge(torn, stream.length_ms().into());
            Found::Opus(stream, torn)
        }
        Found::Pcm(pcm, torn) => {
            let torn = judge(torn, pcm.len() as u64 * 1000 / u64::from(RATE));
            Found::Pcm(pcm, torn)
        }
    }
}

/// The packets of one track.
struct Tape<'a> {
    job: &'a Job<'a>,
    reader: Box<dyn FormatReader>,
    track: u32,
}

enum Next {
    Packet(symphonia::core::packet::Packet),
    End { torn: bool },
}

impl Tape<'_> {
    /// The next packet; `began` says whether any was of use before.
    fn next(&mut self, began: bool) -> Result<Next, ForeignError> {
        loop {
            if self.job.deadline.is_over() {
                return Err(ForeignError::TooSlow);
            }
            match self.reader.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => {
                    return Ok(Next::Packet(packet));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Next::End { torn: false }),
                // Another stream follows in the same file: that is another recording.
                Err(Error::ResetRequired) => return Ok(Next::End { torn: false }),
                Err(error) if !began => return Err(refused(self.job, error)),
                Err(_) => return Ok(Next::End { torn: true }),
            }
        }
    }

    fn opus(mut self, params: &AudioCodecParameters) -> Result<Found, ForeignError> {
        let head = params.extra_data.as_deref().unwrap_or_default();
        let mut stream =
            parse_head(head).ok_or_else(|| self.job.codec("not one or two channels"))?;
        if self.job.container == Container::Mp4 {
            // Opus in ISOBMFF section 4.3.2: the same fields, in the other order of bytes.
            stream.pre_skip = stream.pre_skip.swap_bytes();
            stream.gain = stream.gain.swap_bytes();
        }
        let mut total = 0u64;
        let torn = loop {
            match self.next(total > 0)? {
                Next::End { torn } => break torn,
                Next::Packet(packet) => {
                    let Some(samples) = packet_samples(&packet.data) else {
                        if total == 0 {
                            return Err(self.job.malformed("a packet is no Opus"));
                        }
                        break true;
                    };
                    total += u64::from(samples);
                    stream.packets.push(Bytes::from(packet.data));
                    self.job.fits(Some(total * 1000 / u64::from(GRANULE_RATE)))?;
                }
            }
        };
        stream.samples = total.saturating_sub(stream.pre_skip.into());
        if stream.samples == 0 {
            return Err(ForeignError::Silent);
        }
        Ok(Found::Opus(stream, torn))
    }

    fn decode(mut self, params: &AudioCodecParameters) -> Result<Found, ForeignError> {
        let codecs = symphonia::default::get_codecs();
        let mut decoder = codecs
            .make_audio_decoder(params, &AudioDecoderOptions::default())
            .map_err(|error| self.job.codec(error))?;
        let mut mixer = Mixer::default();
        let mut bad = 0;
        let torn = loop {
            let packet = match self.next(mixer.began())? {
                Next::End { torn } => break torn,
                Next::Packet(packet) => packet,
            };
            match decoder.decode(&packet) {
                Ok(decoded) => {
                    mixer.take(&decoded).map_err(|what| self.job.malformed(what))?;
                    if mixer.speech.len() > self.job.most_samples() {
                        let limit_ms = self.job.limits.limit_ms;
                        return Err(ForeignError::TooLong { ms: None, limit_ms });
                    }
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) if bad < MOST_BAD => bad += 1,
                Err(error) => return Err(refused(self.job, error)),
            }
        };
        if !mixer.began() {
            return Err(if bad > 0 {
                self.job.malformed("nothing in it can be decoded")
            } else {
                ForeignError::Silent
            });
        }
        Ok(Found::Pcm(mixer.finish(), torn))
    }
}

/// Makes one channel at [`RATE`] of whatever comes.
#[derive(Default)]
struct Mixer {
    resampler: Option<(u32, Resampler)>,
    interleaved: Vec<f32>,
    mixed: Vec<i16>,
    speech: Vec<i16>,
}

impl Mixer {
    const fn began(&self) -> bool {
        self.resampler.is_some()
    }

    fn take(&mut self, decoded: &GenericAudioBufferRef<'_>) -> Result<(), String> {
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        if !RATES.contains(&rate) || channels == 0 || channels > MOST_CHANNELS {
            return Err(format!("{channels} channels at {rate} Hz"));
        }
        if decoded.is_empty() {
            return Ok(());
        }
        let (at, resampler) =
            self.resampler.get_or_insert_with(|| (rate, Resampler::new(rate, RATE)));
        if *at != rate {
            return Err(format!("its rate changes from {at} to {rate} Hz"));
        }
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
        self.mixed.clear();
        self.mixed.extend(self.interleaved.chunks_exact(channels).map(|frame| {
            let sum: f32 = frame.iter().sum();
            (sum / channels as f32 * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
        }));
        resampler.push(&self.mixed, &mut self.speech);
        Ok(())
    }

    fn finish(mut self) -> Vec<i16> {
        if let Some((_, mut resampler)) = self.resampler.take() {
            resampler.finish(&mut self.speech);
        }
        self.speech
    }
}
