//! Makes speech from a telephone easier to hear: hum and rumble removed, steady noise lowered,
//! loudness evened out (webrtc-audio-processing).

use webrtc_audio_processing::Processor;
use webrtc_audio_processing::config::{
    AdaptiveDigital, Config, GainController, GainController2, HighPassFilter, NoiseSuppression,
    NoiseSuppressionLevel,
};

use super::RecordingError;

/// The rate at which speech is enhanced.
pub const RATE: u32 = 16_000;

/// `pcm` at 16 kHz, enhanced; as many samples as it was given.
pub fn enhance(pcm: &[i16]) -> Result<Vec<i16>, RecordingError> {
    let failed = |error: webrtc_audio_processing::Error| {
        RecordingError::codec("webrtc-audio-processing", error)
    };
    let processor = Processor::new(RATE).map_err(failed)?;
    processor.set_config(config());
    let mut out = Vec::with_capacity(pcm.len());
    let mut frame = vec![0f32; processor.num_samples_per_frame()];
    for piece in pcm.chunks(frame.len()) {
        frame.fill(0.0);
        for (slot, sample) in frame.iter_mut().zip(piece) {
            *slot = f32::from(*sample) / 32_768.0;
        }
        processor.process_capture_frame([frame.as_mut_slice()]).map_err(failed)?;
        let whole = frame.iter().take(piece.len());
        out.extend(whole.map(|s| (s * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16));
    }
    Ok(out)
}

fn config() -> Config {
    Config {
        high_pass_filter: Some(HighPassFilter { apply_in_full_band: true }),
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
