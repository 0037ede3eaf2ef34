//! What is heard and recorded in a call: keys, sounds, recordings.

use super::*;

impl Call {
    pub(super) fn media(&mut self, myself: &ActorRef<CallMessage>, event: MediaEvent) {
        match event {
            MediaEvent::Key { key, .. } => {
                match self.info_keys.checked_sub(1) {
                    Some(left) => self.info_keys = left,
                    None => self.rtp_keys = true,
                }
                self.key(myself, key);
            }
            MediaEvent::PlayDone { id, played, .. } => self.play_done(myself, id, played),
            MediaEvent::RecordDone { id, end, length } => {
                self.record_done(myself, id, end, length);
            }
            MediaEvent::Dead => {
                tracing::info!("a call without media is ended");
                self.services.metrics.calls.with_label_values(&["any", "media_dead"]).inc();
                self.hang_up(myself, Some("Q.850;cause=41;text=\"media lost\""));
                self.caller_gone(myself, true);
            }
        }
    }

    pub(super) fn key(&mut self, myself: &ActorRef<CallMessage>, key: Key) {
        if self.line == Line::Ringing || self.line == Line::Answering {
            if self.early.len() < MAX_EARLY_KEYS {
                self.early.push_back(key);
            }
            return;
        }
        self.run.handle_input(clock::now(), Input::Key(key));
        let stops = self.playing.take_if(|playing| playing.stop_on.contains(key));
        match stops {
            // Sounds that are still being made, or that nobody hears, have no session that
            // stops them.
            Some(Playing { ticket, started: None, .. } | Playing { ticket, unheard: true, .. }) => {
                let played = Duration::ZERO;
                self.run.handle_input(clock::now(), Input::PlayDone { ticket, played });
            }
            // The session has stopped it, unless the key came before the sounds did.
            Some(playing) => {
                self.session.stop_play(playing.ticket.0.into());
                self.playing = Some(playing);
            }
            None => {}
        }
        self.drive(myself);
    }

    pub(super) fn ready(
        &mut self,
        myself: &ActorRef<CallMessage>,
        ticket: Ticket,
        clips: Vec<Arc<Clip>>,
        complete: bool,
    ) {
        let unheard = self.line == Line::Ringing;
        match &mut self.playing {
            Some(playing) if playing.ticket == ticket && playing.started.is_none() => {
                playing.started = Some(clock::now());
                playing.complete = complete && !unheard;
                playing.unheard = unheard;
                let stop_on = playing.stop_on;
                if unheard {
                    // Early media that can't be: it lasts as long as if it were heard, so that
                    // a dialplan that repeats it does not run in circles.
                    let length = clips.iter().map(|clip| clip.length()).sum();
                    myself.send_after(length, move || CallMessage::Unheard(ticket));
                } else {
                    self.session.play(PlayRequest { id: ticket.0.into(), clips, stop_on });
                }
            }
            // It was stopped before it began.
            Some(_) | None => {}
        }
    }

    pub(super) fn play_done(&mut self, myself: &ActorRef<CallMessage>, id: u64, played: Duration) {
        let Some(playing) = self.playing.take_if(|p| u64::from(p.ticket.0) == id) else { return };
        // A tone in a message's place is not the message: nobody has heard it.
        let played = if playing.complete { played } else { Duration::ZERO };
        self.tell(myself, Input::PlayDone { ticket: playing.ticket, played });
    }

    pub(super) fn record_done(
        &mut self,
        myself: &ActorRef<CallMessage>,
        id: u64,
        end: RecordEnd,
        length: Duration,
    ) {
        let now = self.recording.take_if(|r| u64::from(r.ticket.0) == id);
        let Some(RecordingNow { ticket, recording, join, then_hangup, .. }) = now else { return };
        let end = match end {
            RecordEnd::Stopped if then_hangup => RecordEnd::Hangup,
            end => end,
        };
        if let Some(join) = join {
            self.recordings.ended(recording, join, end, length);
        }
        self.recording_ended(length);
        let now = clock::now();
        self.run.handle_input(now, Input::RecordDone { ticket, end, length });
        if then_hangup {
            self.run.handle_input(now, Input::Hangup);
        }
        self.drive(myself);
    }

    pub(super) fn stop_late(&mut self, myself: &ActorRef<CallMessage>, ticket: Ticket) {
        let Some(recording) = self.recording.as_ref().filter(|r| r.ticket == ticket) else {
            return;
        };
        tracing::warn!("the media session did not hand over a recording in time");
        // What reached the spool is kept; a length of nothing would throw it away.
        let length = clock::now().since(recording.since);
        self.record_done(myself, ticket.0.into(), RecordEnd::Stopped, length);
    }

    /// The caller is gone: what was being said is kept by the dialplan's rule.
    pub(super) fn caller_gone(&mut self, myself: &ActorRef<CallMessage>, dead: bool) {
        if let Some(playing) = self.playing.take() {
            self.session.stop_play(playing.ticket.0.into());
            let now = clock::now();
            let heard = playing.started.filter(|_| playing.complete);
            // Of a line that fell silent nobody knows when its listener went away.
            let lost = if dead { self.services.dead_after } else { Duration::ZERO };
            let played =
                heard.map_or(Duration::ZERO, |since| now.since(since).saturating_sub(lost));
            self.run.handle_input(now, Input::PlayDone { ticket: playing.ticket, played });
        }
        match &mut self.recording {
            Some(recording) => {
                if !recording.then_hangup {
                    recording.then_hangup = true;
                    let ticket = recording.ticket;
                    self.session.stop_record(ticket.0.into());
                    myself.send_after(STOP_WITHIN, move || CallMessage::StopLate(ticket));
                }
            }
            None => self.run.handle_input(clock::now(), Input::Hangup),
        }
        if let Some(over) = self.take_connection() {
            self.run.handle_input(clock::now(), over);
        }
        self.drive(myself);
    }
}
