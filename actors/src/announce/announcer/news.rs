//! What the announcer hears: confirmations, failures, and what it missed.

use hark_engine::announce::escalation;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{Event, LoggedEvent};
use hark_engine::time::UnixMillis;
use uuid::Uuid;

use super::{AnnouncerState, BY_ANOTHER};
use crate::bus::BusEvent;
use crate::clock;
use crate::store::StoreError;

impl AnnouncerState {
    /// Takes in what happened; says whether it mattered.
    pub(super) async fn bus(&mut self, event: &BusEvent) -> Result<bool, StoreError> {
        let messages = self.services.messages.clone();
        let input = self.lasting.read(event, |message| messages.is_announcement(message));
        let mattered = input.is_some();
        if let Some(input) = input {
            self.watch.handle_input(clock::now(), input);
        }
        let BusEvent::Logged { event: logged, .. } = event else { return Ok(mattered) };
        let Some(id) = self.of_message.get(&logged.message).copied() else {
            return Ok(mattered);
        };
        if let Some(owner) = self.live.get(&id).map(|live| live.owner) {
            self.publish(owner, id, "active");
        }
        let LoggedEvent { recipient, at, event, .. } = logged;
        match event {
            Event::Confirmed { device } => {
                self.confirmed(id, (*recipient, *at, device.clone())).await?;
            }
            Event::Failed { .. } => self.failed(id, logged.message).await?,
            Event::Accepted
            | Event::Notified { .. }
            | Event::Delivered { .. }
            | Event::Heard { .. }
            | Event::Saved
            | Event::Deleted
            | Event::Restored
            | Event::Called { .. }
            | Event::Expired
            | Event::Purged
            | Event::Held { .. }
            | Event::Released
            | Event::CalledOff { .. }
            | Event::AttemptFailed { .. } => {}
        }
        Ok(true)
    }

    pub(super) async fn confirmed(
        &mut self,
        id: Uuid,
        by: (UserId, UnixMillis, String),
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let owner = live.owner;
        if live.escalation.is_none() {
            return Ok(());
        }
        // First, so that a crash in between is made good at the next start.
        let done = match self.call_off(id).await {
            Ok(()) => self.finish(id, owner, "confirmed", Some(by), None).await,
            Err(error) => Err(error),
        };
        // It is taken up anew from what the store knows.
        done.inspect_err(|_| drop(self.live.remove(&id)))
    }

    /// Nobody else is rung or told any more of what somebody confirmed; whom it reached has it in
    /// the mailbox.
    pub(super) async fn call_off(&self, id: Uuid) -> Result<(), StoreError> {
        for part in self.services.store.parts(id).await? {
            for (user, _) in self.services.store.recipient_states(part.message).await? {
                let event = Event::CalledOff { reason: BY_ANOTHER.to_owned() };
                match self.services.messages.note(part.message, user, event).await {
                    Err(error) if error.is_outage() => return Err(error),
                    // Deleted meanwhile, or gone: there is nothing to call off.
                    Ok(_) | Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Whether somebody confirmed while nobody listened.
    pub(super) async fn confirmed_meanwhile(&mut self, id: Uuid) -> Result<(), StoreError> {
        for part in self.services.store.parts(id).await? {
            for (user, state) in self.services.store.recipient_states(part.message).await? {
                if let Some(on) = state.confirmed {
                    return self.confirmed(id, (user, on.at, on.device)).await;
                }
            }
        }
        Ok(())
    }

    /// Whether nobody of the step at hand can be reached any more.
    pub(super) async fn failed(&mut self, id: Uuid, message: MessageId) -> Result<(), StoreError> {
        let Some(step) = self.live.get(&id).and_then(|l| l.escalation.as_ref()).map(|e| e.step())
        else {
            return Ok(());
        };
        let parts = self.services.store.parts(id).await?;
        if !parts.iter().any(|part| part.message == message && part.step == step) {
            return Ok(());
        }
        for part in parts.iter().filter(|part| part.step == step) {
            let states = self.services.store.recipient_states(part.message).await?;
            if !part.committed || states.iter().any(|(_, state)| state.failed.is_none()) {
                return Ok(());
            }
        }
        if let Some(escalation) = self.live.get_mut(&id).and_then(|l| l.escalation.as_mut()) {
            escalation.handle_input(clock::now(), escalation::Input::NobodyReached(step));
        }
        Ok(())
    }

    /// Events were missed: whatever ended meanwhile is found in the store.
    pub(super) async fn lagged(&mut self) -> Result<(), StoreError> {
        for id in self.live.keys().copied().collect::<Vec<_>>() {
            self.confirmed_meanwhile(id).await?;
        }
        self.version = None;
        self.services.announcements.shared.changed.notify_one();
        Ok(())
    }

    /// Tells the rules whose last registration lapsed while the server was down.
    pub(super) async fn lapsed(&mut self) -> Result<(), StoreError> {
        let directory = self.services.directory.borrow().clone();
        let lapsed = self.services.store.lapsed_accounts(clock::wall()).await?;
        let users = lapsed.iter().filter_map(|(name, at)| Some((directory.by_name(name)?.id, *at)));
        for (user, since) in users {
            if let Some(input) = self.lasting.lapsed(user, since) {
                self.watch.handle_input(clock::now(), input);
            }
        }
        Ok(())
    }
}
