//! What happened at a telephone, in order, for those who watch it.

use std::time::Duration;

use super::super::effect::{Effect, Input, RecordEnd, Sound};
use super::phone::Phone;
use crate::time::Instant;

/// Something that happened, and when.
#[derive(Clone)]
pub struct Happened {
    pub at: Instant,
    pub what: Happening,
}

/// What can happen at a telephone.
#[derive(Clone)]
pub enum Happening {
    /// A sound began.
    Heard(Sound),
    /// The run wants something done that is no sound, which was done, or not.
    Asked(Effect, bool),
    /// A recording ended.
    Recorded(Duration, RecordEnd),
    /// The run's own account of a step.
    Trace(u32, String),
}

impl Phone {
    /// Keeps a journal from here on.
    pub fn watch(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// What happened since this was asked last.
    pub fn take_journal(&mut self) -> Vec<Happened> {
        self.journal.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> Happening) {
        let at = self.now();
        if let Some(journal) = &mut self.journal {
            journal.push(Happened { at, what: what() });
        }
    }

    /// Keeps what a run asked for, and whether it was done.
    pub(super) fn keep_journal(&mut self, effect: Effect, answer: Option<&Input>) {
        let failed = matches!(answer, Some(Input::Done(_, Err(_)) | Input::Answered(_, Err(_))));
        match effect {
            Effect::Play { sounds, .. } => {
                for sound in sounds {
                    self.note(|| Happening::Heard(sound));
                }
            }
            Effect::Trace { op, what } => self.note(|| Happening::Trace(op, what)),
            other => self.note(|| Happening::Asked(other, !failed)),
        }
    }
}
