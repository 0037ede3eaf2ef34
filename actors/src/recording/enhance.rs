//! Makes speech from a telephone easier to hear: hum and rumble removed, steady noise lowered,
//! loudness evened out (webrtc-audio-processing).

use webrtc_audio_processing::config::{
    AdaptiveDigital, Config, GainController, GainController2, HighPassFilter, NoiseSuppression,
    NoiseSuppressionLevel,
};
use webrtc_audio_processing::{Error, Processor};

use super::RecordingError;

/// The rate at which speech is enhanced.
pub const RATE: u32 = 16_000;

/// `pcm` at 16 kHz, enhanced; as many samples as it was given.
///
/// Noise suppression brings a high-pass filter, which delays low tones more than high ones. A
/// second pass of that filter over the reversed recording takes the delays back, so that speech
/// keeps its shape.
pub fn enhance(pcm: &[i16]) -> Result<Vec<i16>, RecordingError> {
    let mut sound: Vec<f32> = pcm.iter().map(|s| f32::from(*s) / 32_768.0).collect();
    process(&mut sound, config())?;
    sound.reverse();
    process(&mut sound, Config { high_pass_filter: high_pass(), ..Config::default() })?;
    sound.reverse();
    Ok(sound.iter().map(|s| (s * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16).collect())
}

fn process(sound: &mut [f32], config: Config) -> Result<(), RecordingError> {
    let failed = |error: Error| RecordingError::codec("webrtc-audio-processing", error);
    let processor = Processor::new(RATE).map_err(failed)?;
    processor.set_config(config);
    let mut frame = vec![0f32; processor.num_samples_per_frame()];
    for piece in sound.chunks_mut(frame.len()) {
        frame.fill(0.0);
        frame[..piece.len()].copy_from_slice(piece);
        processor.process_capture_frame([frame.as_mut_slice()]).map_err(failed)?;
        piece.copy_from_slice(&frame[..piece.len()]);
    }
    Ok(())
}

const fn high_pass() -> Option<HighPassFilter> {
    Some(HighPassFilter { apply_in_full_band: true })
}

fn config() -> Config {
    Config {
        high_pass_filter: high_pass(),
        noise_suppression: Some(NoiseSuppression {
            level: NoiseSuppressionLevel::Moderate,
            analyze_linear_aec_output: false,
        }),
        // Telephone speech is near its level already: the gain begins at none and moves slowly,
        // so that a message does not begin with a shout, and noise is not pulled up.
        gain_controller: Some(GainController::GainController2(GainController2 {
            adaptive_digital: Some(AdaptiveDigital {
                headroom_db: 5.0,
                max_gain_db: 24.0,
                initial_gain_db: 0.0,
                max_gain_change_db_per_second: 3.0,
                max_output_noise_level_dbfs: -50.0,
            }),
            ..GainController2::default()
        })),
        ..Config::default()
    }
}
