//! What becomes of a recording if the caller hangs up while it is made: found by following a
//! copy of the run along its own hang-up answers.

use std::time::Duration;

use super::super::effect::{Effect, Failure, HangupOutcome, Input, RecordEnd, RecordingId, Ticket};
use super::Run;

/// How many effects the copy may have.
const MAX_EFFECTS: usize = 1000;

pub(super) fn of(
    run: &Run,
    ticket: Ticket,
    recording: RecordingId,
    length: Duration,
) -> HangupOutcome {
    let mut copy = run.clone();
    copy.out.clear();
    copy.tracing = false;
    copy.visited = None;
    let now = copy.started;
    copy.handle_input(now, Input::RecordDone { ticket, end: RecordEnd::Hangup, length });
    copy.handle_input(now, Input::Hangup);
    for _ in 0..MAX_EFFECTS {
        let Some(effect) = copy.poll_output() else { break };
        match effect {
            Effect::Send { recording: sent, delivery, .. } if sent == recording => {
                return HangupOutcome::Send(delivery);
            }
            Effect::Discard(thrown) if thrown == recording => return HangupOutcome::Discard,
            // An introduction is worth nothing without what it introduces.
            Effect::Forward { introduction: Some(used), .. }
            | Effect::Keep { recording: used, .. }
                if used == recording =>
            {
                return HangupOutcome::Discard;
            }
            Effect::Send { ticket, .. }
            | Effect::Forward { ticket, .. }
            | Effect::Keep { ticket, .. }
            | Effect::Connect { ticket, .. }
            | Effect::Ring { ticket, .. }
            | Effect::Act(ticket, _) => {
                copy.handle_input(now, Input::Done(ticket, Err(Failure::NotKept)));
            }
            Effect::Query(ticket, _) | Effect::Webhook { ticket, .. } => {
                copy.handle_input(now, Input::Answered(ticket, Err(Failure::NotFound)));
            }
            Effect::Finished(..) => break,
            Effect::Trace { .. }
            | Effect::Answer
            | Effect::EarlyMedia
            | Effect::Play { .. }
            | Effect::StopPlay(_)
            | Effect::Record { .. }
            | Effect::StopRecord(_)
            | Effect::Discard(_)
            | Effect::Log(_)
            | Effect::Panic => {}
        }
    }
    HangupOutcome::Discard
}
