//! An announcement's way: its steps are made, held back, escalated, and it ends.

use std::sync::Arc;
use std::time::Duration;

use hark_engine::announce::escalation::{self, Ending, Escalation};
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;
use ractor::ActorRef;
use uuid::Uuid;

use super::super::make::{MakeError, make, parts};
use super::super::request::Plan;
use super::{ATTEMPTS, AnnouncerMessage, AnnouncerState, Live};
use crate::clock;
use crate::store::{AnnouncementRecord, StoreError};

impl AnnouncerState {
    /// Takes up an announcement, a new one or one of an earlier run.
    pub(super) async fn begin(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        record: AnnouncementRecord,
    ) -> Result<(), StoreError> {
        let AnnouncementRecord { id, owner, step, step_started, .. } = record;
        let plan: Plan = match serde_json::from_str(&record.plan) {
            Ok(plan) => plan,
            Err(error) => {
                let reason = format!("its plan can't be read: {error}");
                return self.finish(id, owner, "failed", None, Some(reason)).await;
            }
        };
        let now = clock::wall();
        if plan.not_after.is_some_and(|end| end <= now) {
            return self.finish(id, owner, "expired", None, None).await;
        }
        for part in self.services.store.parts(id).await? {
            self.of_message.insert(part.message, id);
        }
        let waits = plan.steps.iter().map(|s| Duration::from_secs(s.wait_seconds.into()));
        let escalation = plan.confirm.then(|| {
            let held = step_started.and_then(|at| self.services.announcements.held(&plan, at));
            let ago = held.or(step_started).map(|at| now.since(at));
            let mut escalation = Escalation::begin(clock::now(), waits.collect(), step, ago);
            if let Some(until) = held.filter(|until| *until > now) {
                escalation.hold(clock::now(), now, until);
            }
            escalation
        });
        let plan = Arc::new(plan);
        let confirm = plan.confirm;
        self.live.insert(id, Live { owner, plan, escalation, failures: 0 });
        if let Some(told) = step_started {
            // When those of earlier steps were told is not known any more: it was before.
            for step in 0..=step {
                self.held_back(id, step, told).await?;
            }
        }
        if step_started.is_some() {
            self.confirmed_meanwhile(id).await?;
        }
        if self.live.contains_key(&id) && (step_started.is_some() || !confirm) {
            self.make(myself, id, step).await?;
        }
        Ok(())
    }

    /// Makes the messages of a step, in a task of its own.
    pub(super) async fn make(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        id: Uuid,
        step: usize,
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get(&id) else { return Ok(()) };
        let (owner, plan) = (live.owner, Arc::clone(&live.plan));
        let now = clock::wall();
        let directory = self.services.directory.borrow().clone();
        let new = parts(&self.services, &directory, &plan, step);
        let begun = self.services.store.begin_step(id, step, new, now).await;
        // It is taken up anew from what the store knows.
        let all = begun.inspect_err(|_| drop(self.live.remove(&id)))?;
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let held = self.services.announcements.held(&plan, now);
        if let (Some(escalation), Some(until)) = (&mut live.escalation, held)
            && all.iter().all(|part| !part.committed)
        {
            escalation.hold(clock::now(), now, until);
        }
        let looked = self.held_back(id, step, now).await;
        looked.inspect_err(|_| drop(self.live.remove(&id)))?;
        for part in &all {
            self.of_message.insert(part.message, id);
        }
        self.publish(owner, id, "active");
        let (services, myself) = (self.services.clone(), myself.clone());
        tokio::spawn(async move {
            let mut outcome = Ok(());
            for part in &all {
                if let Err(error) = make(&services, owner, &plan, part, held).await {
                    outcome = Err(error);
                }
            }
            let outcome = outcome.map_err(|error: MakeError| error.to_string());
            // A successor finds in the store what is left to be made.
            let _ = myself.cast(AnnouncerMessage::Made(id, step, outcome));
        });
        Ok(())
    }

    /// Has the escalation allow for those of a step, told at `told`, whose own quiet hours hold
    /// back the ringing.
    pub(super) async fn held_back(
        &mut self,
        id: Uuid,
        step: usize,
        told: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get(&id).filter(|live| live.escalation.is_some()) else {
            return Ok(());
        };
        let plan = Arc::clone(&live.plan);
        let from = self.services.announcements.held(&plan, told).unwrap_or(told);
        let mut latest = None;
        for user in plan.steps.get(step).map(|step| step.recipients.as_slice()).unwrap_or_default()
        {
            let profile = self.services.store.profile(*user).await?;
            latest = latest.max(profile.quiet_until(from, plan.urgent));
        }
        if let Some(until) = latest
            && let Some(escalation) = self.live.get_mut(&id).and_then(|l| l.escalation.as_mut())
        {
            escalation.held_back(clock::now(), clock::wall(), until);
        }
        Ok(())
    }

    pub(super) async fn made(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        id: Uuid,
        step: usize,
        outcome: Result<(), String>,
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get_mut(&id) else { return self.made_too_late(id).await };
        let owner = live.owner;
        match outcome {
            Ok(()) => {
                live.failures = 0;
                if live.escalation.is_none() {
                    return self.finish(id, owner, "sent", None, None).await;
                }
                self.publish(owner, id, "active");
                // Somebody may have been faster than we.
                self.confirmed_meanwhile(id).await
            }
            Err(reason) => {
                live.failures += 1;
                tracing::warn!(%id, step, reason, "an announcement can't be made");
                if live.failures < ATTEMPTS {
                    let wait = Duration::from_secs(1 << live.failures.min(6));
                    myself.send_after(wait, move || AnnouncerMessage::MakeAgain(id, step));
                    return Ok(());
                }
                live.failures = 0;
                match &mut live.escalation {
                    Some(escalation) => {
                        let nobody = escalation::Input::NobodyReached(step);
                        escalation.handle_input(clock::now(), nobody);
                        Ok(())
                    }
                    None => self.finish(id, owner, "failed", None, Some(reason)).await,
                }
            }
        }
    }

    /// What was still being made when somebody confirmed calls nobody.
    pub(super) async fn made_too_late(&self, id: Uuid) -> Result<(), StoreError> {
        match self.services.store.announcement(id).await? {
            Some(record) if record.state == "confirmed" => self.call_off(id).await,
            Some(_) | None => Ok(()),
        }
    }

    pub(super) async fn escalate(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        id: Uuid,
        wall: UnixMillis,
    ) -> Result<(), StoreError> {
        let now = clock::now();
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let owner = live.owner;
        if live.plan.not_after.is_some_and(|end| end <= wall) {
            return self.finish(id, owner, "expired", None, None).await;
        }
        let Some(escalation) = &mut live.escalation else { return Ok(()) };
        escalation.handle_clock(now, wall);
        escalation.handle_timeout(now);
        let outputs: Vec<_> = std::iter::from_fn(|| escalation.poll_output()).collect();
        for output in outputs {
            match output {
                escalation::Output::Tell(step) => {
                    let empty = self.live.get(&id).is_some_and(|live| {
                        live.plan.steps.get(step).is_none_or(|s| s.recipients.is_empty())
                    });
                    if empty {
                        // All mailboxes of this step are full.
                        if let Some(e) = self.live.get_mut(&id).and_then(|l| l.escalation.as_mut())
                        {
                            e.handle_input(now, escalation::Input::NobodyReached(step));
                        }
                        // Looked at again at once.
                        let _ = myself.cast(AnnouncerMessage::Look);
                    } else {
                        self.make(myself, id, step).await?;
                    }
                }
                escalation::Output::Over(Ending::Exhausted) => {
                    let reason = Some("nobody confirmed it".to_owned());
                    self.finish(id, owner, "exhausted", None, reason).await?;
                }
                // Finished where they are told.
                escalation::Output::Over(Ending::Confirmed | Ending::Stopped) => {}
            }
        }
        Ok(())
    }

    /// It is over.
    pub(super) async fn finish(
        &mut self,
        id: Uuid,
        owner: UserId,
        state: &'static str,
        confirmed: Option<(UserId, UnixMillis, String)>,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        let news = self.services.store.finish_announcement(id, state, confirmed, reason).await?;
        self.live.remove(&id);
        if news {
            self.count(state);
            self.publish(owner, id, state);
        }
        self.of_message.retain(|_, of| *of != id);
        Ok(())
    }
}
