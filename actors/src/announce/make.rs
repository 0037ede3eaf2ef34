//! From a plan to voice messages: spoken, written, committed.

use hark_engine::announce::template;
use hark_engine::dialplan::effect::Delivery;
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;
use hark_engine::time::UnixMillis;

use super::announcer::AnnouncerServices;
use super::request::{Content, Plan};
use crate::clock;
use crate::prompt::SpeechError;
use crate::recording::RecordingError;
use crate::recovery;
use crate::store::{NewMessage, Part, StoreError};

/// Why a message could not be made.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error(transparent)]
    Speech(#[from] SpeechError),
    #[error("nobody recorded the prompt '{0}' in '{1}'")]
    NoPrompt(String, String),
    #[error("the recording is gone")]
    NoRecording,
    #[error("its owner's account is gone")]
    NoOwner,
    #[error("{0}")]
    Recording(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RecordingError> for MakeError {
    fn from(error: RecordingError) -> Self {
        Self::Recording(error.to_string())
    }
}

/// The recipients of a step by the language in which they are told.
pub(super) fn parts(
    services: &AnnouncerServices,
    directory: &Directory,
    plan: &Plan,
    step: usize,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let recipients = plan.steps.get(step).map(|step| step.recipients.as_slice());
    for user in recipients.unwrap_or_default() {
        let wanted = directory.user(*user).map_or("", |user| user.language.as_str());
        let site: &str = &services.language;
        let language = match &plan.content {
            Content::Text(texts) => {
                template::language(texts.keys().map(String::as_str), wanted, site)
                    .unwrap_or_default()
            }
            Content::Prompt(_) if wanted.is_empty() => site,
            Content::Prompt(_) => wanted,
            Content::Recording(_) => "",
        };
        match parts.iter_mut().find(|part| part.language == language) {
            Some(part) => part.recipients.push(*user),
            None => parts.push(Part {
                message: MessageId::new(clock::wall(), clock::random()),
                step,
                language: language.to_owned(),
                recipients: vec![*user],
                committed: false,
            }),
        }
    }
    parts
}

/// Makes a message exist, if it does not yet.
pub(super) async fn make(
    services: &AnnouncerServices,
    owner: UserId,
    plan: &Plan,
    part: &Part,
    held: Option<UnixMillis>,
) -> Result<(), MakeError> {
    let AnnouncerServices { store, messages, recordings, .. } = services;
    messages.are_announcements([part.message]);
    if part.committed || messages.exists(part.message).await? {
        return Ok(store.part_committed(part.message).await?);
    }
    let directory = services.directory.borrow().clone();
    let who = directory.user(owner).ok_or(MakeError::NoOwner)?;
    let sender = Sender {
        user: Some(owner),
        name: who.display_name.clone(),
        address: format!("sip:{}@{}", who.name, services.domain),
    };
    let to = &part.recipients;
    let now = clock::wall();
    let tags = recovery::tags(&directory, &services.domain, part.message, &sender, to, now);
    let finished = match &plan.content {
        Content::Text(texts) => {
            let text = texts.get(&part.language).map_or("", String::as_str);
            let sound = services.speech.speak(&part.language, text).await?;
            recordings.speak(sound.pcm().to_vec(), tags).await?
        }
        Content::Prompt(name) => {
            let sound = services.prompts.find(&part.language, name).await?;
            let missing = || MakeError::NoPrompt(name.clone(), part.language.clone());
            recordings.speak(sound.ok_or_else(missing)?.pcm().to_vec(), tags).await?
        }
        Content::Recording(message) => {
            let found = store.message(*message).await?.ok_or(MakeError::NoRecording)?;
            recordings.pass_on(None, &found.audio, tags).await?
        }
    };
    let message = NewMessage {
        id: part.message,
        sender,
        delivery: Delivery {
            to: to.clone(),
            receipt: true,
            urgent: plan.urgent,
            not_before: held,
            ..Delivery::default()
        },
        length_ms: finished.length_ms,
        bytes: finished.bytes,
        peaks: finished.peaks,
        audio: finished.audio,
        idempotency_key: Some(format!("announcement:{}", part.message)),
        at: clock::wall(),
    };
    messages.commit(message).await?;
    Ok(store.part_committed(part.message).await?)
}
