//! From what a dialplan wants heard to clips that a media session can play.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::dialplan::effect::Sound;
use hark_engine::media::clip::{Clip, RATE};
use hark_engine::media::stretch::stretch;

use super::CallServices;
use super::recordings::{CallRecordings, List};
use crate::users::{greeting_file, name_file};

/// The longest tone or pause.
const LONGEST: Duration = Duration::from_secs(600);
/// The tones that a telephone carries, in hertz.
const LOWEST_TONE: u16 = 20;
const HIGHEST_TONE: u16 = 3400;

/// What is heard in the place of a sound that can't be made. A missing prompt must never end
/// a call.
fn fallback() -> Arc<Clip> {
    Arc::new(Clip::tone(440.0, Duration::from_millis(400)))
}

/// The clips of `sounds`, in order, and whether none is a tone in the place of another. `recordings` are this call's own.
pub(super) async fn clips(
    services: &CallServices,
    sounds: Vec<Sound>,
    recordings: &List,
) -> (Vec<Arc<Clip>>, bool) {
    let mut clips = Vec::with_capacity(sounds.len());
    let mut complete = true;
    for sound in sounds {
        let made = match sound {
            Sound::SpokenName(user) => kept(services, &name_file(user)).await,
            Sound::Tone { hertz, length } => Ok(tone(hertz, length)),
            Sound::Beep => Ok(Arc::new(Clip::beep())),
            Sound::Pause(length) => Ok(Arc::new(Clip::silence(length.min(LONGEST)))),
            Sound::Speech { language, text, file } => {
                speech(services, &language, &text, file.as_deref()).await
            }
            Sound::Prompt { language, name } => prompt(services, &language, &name).await,
            Sound::Greeting(user, kind) => kept(services, &greeting_file(user, kind)).await,
            Sound::Message { message, from, speed } => {
                message_audio(services, message, from, speed).await
            }
            Sound::Recording(id) => {
                CallRecordings::preview(recordings, &services.recordings, id).await.map(Arc::new)
            }
        };
        clips.push(made.unwrap_or_else(|error| {
            complete = false;
            services.metrics.prompt_failures.inc();
            tracing::error!(error, "a sound can't be made: a tone is played instead");
            fallback()
        }));
    }
    (clips, complete)
}

fn tone(hertz: u16, length: Duration) -> Arc<Clip> {
    let hertz = hertz.clamp(LOWEST_TONE, HIGHEST_TONE);
    Arc::new(Clip::tone(hertz.into(), length.min(LONGEST)))
}

/// A text: as somebody recorded it, else spoken by the machine.
async fn speech(
    services: &CallServices,
    language: &str,
    text: &str,
    file: Option<&str>,
) -> Result<Arc<Clip>, String> {
    if let Some(name) = file {
        match services.prompts.find(language, name).await {
            Ok(Some(recorded)) => return Ok(recorded),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, language, name, "a recorded prompt can't be used"),
        }
    }
    services.speech.speak(language, text).await.map_err(|e| e.to_string())
}

/// A recorded prompt. One that nobody recorded is spoken by its name, which an author notices.
async fn prompt(services: &CallServices, language: &str, name: &str) -> Result<Arc<Clip>, String> {
    match services.prompts.find(language, name).await {
        Ok(Some(recorded)) => return Ok(recorded),
        Ok(None) => tracing::warn!(language, name, "a prompt is not recorded: its name is spoken"),
        Err(error) => tracing::warn!(%error, language, name, "a recorded prompt can't be used"),
    }
    services.metrics.prompt_failures.inc();
    let text = name.replace(['-', '_'], " ");
    services.speech.speak(language, &text).await.map_err(|e| e.to_string())
}

async fn message_audio(
    services: &CallServices,
    message: hark_engine::id::MessageId,
    from: Duration,
    speed: u16,
) -> Result<Arc<Clip>, String> {
    let record = services.store.message(message).await.map_err(|e| e.to_string())?;
    let record = record.ok_or("there is no such message")?;
    let pcm = services.recordings.decode(&record.audio).await.map_err(|e| e.to_string())?;
    let heard = move || stretch(&after(pcm, from), speed);
    let pcm = tokio::task::spawn_blocking(heard).await.map_err(|e| e.to_string())?;
    Ok(Arc::new(Clip::from_pcm_8k(pcm)))
}

/// A greeting or a name.
async fn kept(services: &CallServices, file: &Path) -> Result<Arc<Clip>, String> {
    let pcm = services.recordings.decode(file).await.map_err(|e| e.to_string())?;
    Ok(Arc::new(Clip::from_pcm_8k(pcm)))
}

fn after(mut pcm: Vec<i16>, from: Duration) -> Vec<i16> {
    let skip = from.as_millis() * u128::from(RATE) / 1000;
    let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(pcm.len());
    pcm.drain(..skip);
    pcm
}
