//! What the dialplan run wants done, and what it is told.

use super::super::dial;
use super::*;
use crate::forward::Forward;

impl Call {
    pub(super) fn tell(&mut self, myself: &ActorRef<CallMessage>, input: Input) {
        self.run.handle_input(clock::now(), input);
        self.drive(myself);
    }

    /// Does what the run wants done. While the caller has not seen our answer, nothing more is
    /// asked of the run: its prompts would play to nobody.
    pub(super) fn drive(&mut self, myself: &ActorRef<CallMessage>) {
        self.run.handle_timeout(clock::now());
        while self.line != Line::Answering {
            let Some(effect) = self.run.poll_output() else { break };
            self.perform(myself, effect);
        }
        let deadline = self.run.next_deadline();
        if let Some(deadline) = deadline.filter(|_| deadline != self.armed) {
            self.armed = Some(deadline);
            let wait = deadline.since(clock::now());
            myself.send_after(wait, || CallMessage::Deadline);
        }
    }

    pub(super) fn perform(&mut self, myself: &ActorRef<CallMessage>, effect: Effect) {
        match effect {
            Effect::Answer => self.pick_up(),
            Effect::Play { ticket, sounds, stop_on } => self.play(myself, ticket, sounds, stop_on),
            Effect::StopPlay(ticket) => self.stop_play(myself, ticket),
            Effect::Record { ticket, recording, max, stop_on, silence, on_hangup, join } => {
                let now = RecordingNow {
                    ticket,
                    recording,
                    join,
                    since: clock::now(),
                    then_hangup: false,
                };
                if self.line == Line::Gone || self.hung_up {
                    return self.not_recorded(&now, RecordEnd::Hangup);
                }
                match self.recordings.begin(recording, self.sender.clone(), on_hangup, max) {
                    Ok(sink) => {
                        self.recording = Some(now);
                        let id = ticket.0.into();
                        let sink = Box::new(sink);
                        self.session.record(RecordRequest { id, sink, max, stop_on, silence });
                    }
                    Err(error) => {
                        tracing::error!(%error, "a recording can't be kept");
                        self.services.metrics.recordings.with_label_values(&["failed"]).inc();
                        self.not_recorded(&now, RecordEnd::Failed);
                    }
                }
            }
            Effect::StopRecord(ticket) => self.session.stop_record(ticket.0.into()),
            Effect::Send { ticket, recording, delivery } => {
                let sent = self.recordings.send(recording, delivery);
                self.answer_later(myself, ticket, sent);
            }
            Effect::EarlyMedia => self.early_media(),
            Effect::Connect { ticket, callee, ring_for } => {
                self.connect(myself, ticket, callee, ring_for);
            }
            Effect::Ring { ticket, callee, ring_for, flow, args } => {
                let (services, switchboard) = (self.services.clone(), self.switchboard.clone());
                let what = (self.track.in_force(), flow, args);
                let (whom, services) = ((callee, self.sender.clone()), services);
                let started = async move {
                    dial::start_flow(&services, &switchboard, what, whom, ring_for).await
                };
                self.answer_later(myself, ticket, started);
            }
            Effect::Forward { ticket, user, message, introduction, delivery } => {
                let forwarder = self.services.forwarder();
                let forward = move |id, introduction| async move {
                    let forward = Forward { id, user, message, introduction, delivery };
                    forwarder.forward(forward).await.map(|_id| ()).map_err(queries::not_forwarded)
                };
                match introduction {
                    None => {
                        let id = MessageId::new(clock::wall(), clock::random());
                        self.answer_later(myself, ticket, forward(id, None));
                    }
                    Some(recording) => {
                        let with = move |id, spoken| forward(id, Some(spoken));
                        let sent = self.recordings.used_by(recording, with);
                        self.answer_later(myself, ticket, sent);
                    }
                }
            }
            Effect::Keep { ticket, recording, user, keepsake } => {
                let users = self.services.users.clone();
                let kept = self.recordings.used_by(recording, move |_, spoken| async move {
                    users.keep(user, keepsake, spoken).await.map_err(queries::not_changed)
                });
                self.answer_later(myself, ticket, kept);
            }
            Effect::Webhook { ticket, url, body, within } => {
                let (webhooks, myself) = (self.services.webhooks.clone(), myself.clone());
                tokio::spawn(async move {
                    let answer = webhooks.ask(url, body, within).await;
                    let answer = answer.map(Answer::Body).map_err(|_| Failure::Refused);
                    let _ = myself.cast(CallMessage::Answered(ticket, answer));
                });
            }
            Effect::Discard(recording) => self.recordings.discard(recording),
            Effect::Query(ticket, query) => {
                let (services, myself) = (self.services.clone(), myself.clone());
                let device = self.device.clone();
                tokio::spawn(async move {
                    let answer = queries::answer(&services, query, &device).await;
                    let _ = myself.cast(CallMessage::Answered(ticket, answer));
                });
            }
            Effect::Act(ticket, action) => {
                self.settles_itself |= self.outgoing.as_ref().is_some_and(|o| o.delivery.is_some());
                if let Action::Confirm(..) = action {
                    self.confirming = Some(ticket);
                }
                let (services, myself) = (self.services.clone(), myself.clone());
                let device = self.device.clone();
                tokio::spawn(async move {
                    let done = queries::act(&services, action, &device).await;
                    let _ = myself.cast(CallMessage::Done(ticket, done));
                });
            }
            Effect::Log(line) => tracing::debug!(line, "dialplan"),
            Effect::Trace { op, what } => {
                let program = self.track.program();
                let (file, line) = program.place(op).unwrap_or_default();
                self.track.step(file, line, what);
            }
            Effect::Panic => planted_panic(),
            Effect::Finished(finish, cause) => {
                tracing::debug!(?finish, "a dialplan run ended");
                if finish == Finish::Completed {
                    self.recordings.discard_refused();
                }
                self.finish(myself, cause);
                self.stop_if_over(myself);
            }
        }
    }

    /// Tells the run how `work` ended, once it has.
    fn answer_later(
        &self,
        myself: &ActorRef<CallMessage>,
        ticket: Ticket,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let myself = myself.clone();
        tokio::spawn(async move {
            // What was begun is finished, though the call may be over by then.
            let _ = myself.cast(CallMessage::Done(ticket, work.await));
        });
    }

    pub(super) fn play(
        &mut self,
        myself: &ActorRef<CallMessage>,
        ticket: Ticket,
        sounds: Vec<hark_engine::dialplan::effect::Sound>,
        stop_on: KeySet,
    ) {
        if self.line == Line::Gone || self.hung_up {
            let input = Input::PlayDone { ticket, played: Duration::ZERO };
            return self.run.handle_input(clock::now(), input);
        }
        self.playing =
            Some(Playing { ticket, stop_on, started: None, complete: true, unheard: false });
        let services = self.services.clone();
        let myself = myself.clone();
        let list = self.recordings.list();
        tokio::spawn(async move {
            let (clips, complete) = sounds::clips(&services, sounds, &list).await;
            let _ = myself.cast(CallMessage::Ready(ticket, clips, complete));
        });
    }

    pub(super) fn stop_play(&mut self, myself: &ActorRef<CallMessage>, ticket: Ticket) {
        let Some(playing) = &self.playing else { return };
        if playing.ticket != ticket {
            return;
        }
        if playing.started.is_some() && !playing.unheard {
            self.session.stop_play(ticket.0.into());
        } else {
            self.play_done(myself, ticket.0.into(), Duration::ZERO);
        }
    }

    /// A recording that never began.
    fn not_recorded(&mut self, now: &RecordingNow, end: RecordEnd) {
        let length = Duration::ZERO;
        if let Some(join) = now.join {
            self.recordings.ended(now.recording, join, end, length);
        }
        let input = Input::RecordDone { ticket: now.ticket, end, length };
        self.run.handle_input(clock::now(), input);
    }

    /// The actor ends when the leg has ended and the run has nothing left to do.
    pub(super) fn stop_if_over(&mut self, myself: &ActorRef<CallMessage>) {
        if self.line == Line::Gone && self.run.is_finished() {
            myself.stop(None);
        }
    }
}

/// The `panic` instruction, which exists for tests alone: shows that a defect in one call ends
/// that call and no other.
#[allow(clippy::panic, reason = "that is what the instruction is for")]
fn planted_panic() {
    panic!("the dialplan asked for a panic");
}
