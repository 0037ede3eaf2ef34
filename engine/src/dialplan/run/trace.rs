//! What a run tells of its steps, where somebody wants to know.

use super::super::effect::{Effect, Folder, Query, Sound};
use super::{Keys, Run, Visit};

impl Run {
    /// Tells every step from here on, as [`Effect::Trace`].
    pub const fn trace(&mut self) {
        self.tracing = true;
    }

    /// Remembers which operations run from here on.
    pub fn count_visits(&mut self) {
        self.visited = Some(vec![Visit::default(); self.program.len()].into());
    }

    /// Which operations have run since [`Run::count_visits`].
    pub fn visits(&self) -> &[Visit] {
        self.visited.as_deref().unwrap_or(&[])
    }

    /// Tells what the operation at hand did.
    pub(super) fn note(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.tracing {
            let what = what(self);
            self.emit(Effect::Trace { op: self.pc.saturating_sub(1), what });
        }
    }

    /// Remembers which way the operation at hand went.
    pub(super) fn went(&mut self, yes: bool) {
        let at = self.pc.saturating_sub(1) as usize;
        if let Some(visit) = self.visited.as_mut().and_then(|v| v.get_mut(at)) {
            visit.yes |= yes;
            visit.no |= !yes;
        }
        self.note(|_| if yes { "yes".into() } else { "no".into() });
    }

    pub(super) fn note_at(&mut self, op: u32, what: impl FnOnce() -> String) {
        if self.tracing {
            self.emit(Effect::Trace { op, what: what() });
        }
    }

    pub(super) fn note_sound(&mut self, sound: &Sound) {
        self.note(|_| describe(sound));
    }
}

/// What is asked of the server, in words. Whom it concerns is nobody's business in a trace.
pub(super) const fn asked(query: &Query) -> &'static str {
    match query {
        Query::Messages(_, Folder::New) => "ask for the new messages",
        Query::Messages(_, Folder::Saved) => "ask for the saved messages",
        Query::Messages(_, Folder::Deleted) => "ask for the deleted messages",
        Query::ContactsOnline(_) => "ask which contacts are online",
        Query::Presence(_) => "ask how present somebody is",
        Query::CheckPin(..) => "ask whether the PIN is right",
        Query::HasPin(_) => "ask whether there is a PIN",
        Query::Devices(_) => "ask for the devices",
        Query::Receipts(_) => "ask how many messages were heard",
        Query::Waiting(_) => "ask which messages wait for this call",
    }
}

/// So many recipients.
pub(super) fn counted(recipients: usize) -> String {
    if recipients == 1 { "one recipient".into() } else { format!("{recipients} recipients") }
}

/// A sound in words.
pub(super) fn describe(sound: &Sound) -> String {
    match sound {
        Sound::Speech { language, text, .. } => format!("say ({language}) \"{text}\""),
        Sound::Prompt { name, .. } => format!("play prompt {name}"),
        Sound::Greeting(_, kind) => format!("play greeting {}", kind.name()),
        Sound::SpokenName(_) => "play spoken name".into(),
        Sound::Message { from, speed, .. } => {
            format!("play message from {from:?} at {speed} percent")
        }
        Sound::Recording(_) => "play recording".into(),
        Sound::Beep => "beep".into(),
        Sound::Tone { hertz, length } => format!("tone {hertz} for {length:?}"),
        Sound::Pause(length) => format!("pause {length:?}"),
    }
}

/// The keys, or as many dots.
pub(super) fn written(keys: &Keys, secret: bool) -> String {
    keys.iter().map(|key| if secret { '•' } else { key.as_char() }).collect()
}
