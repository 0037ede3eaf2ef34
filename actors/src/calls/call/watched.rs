//! What whoever ordered a call sees of it.

pub(super) use hark_engine::order::Input as Watching;

use super::*;

/// How often a page is shown how long the recording is.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

/// An ordered call's order; nothing for any other call.
#[derive(Default)]
pub(super) struct Watched {
    order: Option<Ordered>,
    cancelled: bool,
    /// A tick is on its way.
    ticking: bool,
}

impl Watched {
    pub const fn new(order: Option<Ordered>) -> Self {
        Self { order, cancelled: false, ticking: false }
    }

    pub fn tell(&self, what: Watching) {
        if let Some(order) = &self.order {
            order.tell(what);
        }
    }

    /// For work that may outlive the call's actor.
    pub fn order(&self) -> Option<Ordered> {
        self.order.clone()
    }

    pub fn cancel(&mut self) {
        self.cancelled = true;
        self.tell(Watching::Cancelled);
    }

    pub const fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Whether its page shows the length of a recording.
    fn shows_recording(&self) -> bool {
        self.order.as_ref().is_some_and(Ordered::records)
    }
}

impl Call {
    pub(super) fn recording_begins(&mut self, myself: &ActorRef<CallMessage>) {
        if !self.watched.shows_recording() {
            return;
        }
        self.watched.tell(Watching::Recording(Duration::ZERO));
        if !std::mem::replace(&mut self.watched.ticking, true) {
            myself.send_after(SHOWN_EVERY, || CallMessage::Tick);
        }
    }

    pub(super) fn tick(&mut self, myself: &ActorRef<CallMessage>) {
        self.watched.ticking = false;
        let Some(recording) = self.recording.as_ref().filter(|_| !self.hung_up) else { return };
        self.watched.tell(Watching::Recording(clock::now().since(recording.since)));
        self.watched.ticking = true;
        myself.send_after(SHOWN_EVERY, || CallMessage::Tick);
    }

    pub(super) fn recording_ended(&self, length: Duration) {
        if self.watched.shows_recording() {
            self.watched.tell(Watching::Recorded(length));
        }
    }
}
