//! Why a message went where it went: one line for each rule that was looked at and for each step
//! that was taken, in their order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::condition::SenderFacts;
use super::machine::{Input, Machine, Memory, Moment, Output, RingResult, Start};
use super::profile::Profile;
use crate::presence::Reach;
use crate::time::{Instant, UnixMillis};

/// The most lines that one delivery keeps; the last one says that there were more.
pub const MOST_LINES: usize = 200;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: UnixMillis,
    /// About which rule, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u16>,
    /// What it tells of, for programs.
    pub what: What,
    /// The same in a sentence.
    pub text: String,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The delivery was begun, or taken up again.
    Begun,
    /// The recipient came or went, or does (not) want to be disturbed.
    Presence,
    /// A rule applies.
    Applied,
    /// A rule does not apply.
    Skipped,
    /// A pop-up was shown, seen or missed.
    PopUp,
    /// Telephones were rung.
    Ring,
    /// A device was told.
    Notify,
    /// An attempt failed.
    Failed,
    /// It is not done now: quiet hours, do not disturb, a limit.
    HeldBack,
    /// Nothing is done for a while.
    Wait,
    /// It goes to somebody else too.
    Escalate,
    /// The recipient was reached.
    Reached,
    /// Nothing is left to do.
    Ended,
}

/// What a dry run takes for given.
#[derive(Clone, Debug)]
pub struct Assumed {
    /// When the message is committed.
    pub at: UnixMillis,
    /// How its recipient can be reached, from then on.
    pub reach: Reach,
    /// Who speaks.
    pub sender: SenderFacts,
    /// Whether it is urgent.
    pub urgent: bool,
    /// Whether it may not be passed on.
    pub private: bool,
    /// Whether the recipient looks at pop-ups.
    pub looks: bool,
    /// Whether the recipient answers the telephone and confirms.
    pub answers: bool,
}

/// How far a dry run looks ahead.
const AHEAD: Duration = Duration::from_secs(8 * 86_400);
/// How many things may happen in it.
const MOST_STEPS: usize = 2_000;

/// What would become of a message: the very machine that delivers, in a time that is made up.
/// Devices that are told take it; nothing is heard unless a telephone is answered.
pub fn dry_run(profile: &Profile, assumed: &Assumed) -> Vec<Line> {
    let mut moment = Moment { now: Instant::ZERO, wall: assumed.at };
    let start = Start {
        profile: profile.clone(),
        reach: assumed.reach,
        sender: assumed.sender.clone(),
        urgent: assumed.urgent,
        private: assumed.private,
        age: Duration::ZERO,
        memory: Memory::default(),
    };
    let mut machine = Machine::start(moment, start);
    let mut lines = Vec::new();
    for _ in 0..MOST_STEPS {
        lines.append(&mut machine.take_lines());
        match machine.poll_output() {
            Some(Output::PopUp) if assumed.looks => machine.handle_input(moment, Input::Seen),
            Some(Output::Ring { .. }) if assumed.answers => {
                machine.handle_input(moment, Input::Rang(RingResult::Confirmed));
            }
            Some(Output::Ring { ring_for, .. }) => {
                moment = moment.later(ring_for);
                let reason = "no answer".to_owned();
                machine.handle_input(moment, Input::Rang(RingResult::Failed { reason }));
            }
            Some(Output::Notify { device, .. }) => {
                machine.handle_input(moment, Input::Notified { device, result: Ok(()) });
            }
            Some(Output::Finished) => break,
            Some(
                Output::PopUp
                | Output::StopRinging
                | Output::Escalate { .. }
                | Output::AttemptFailed { .. }
                | Output::Failed { .. },
            ) => {}
            None => {
                let Some(next) = machine.next_deadline() else { break };
                let wait = next.since(moment.now);
                if next.since(Instant::ZERO) > AHEAD {
                    break;
                }
                moment = moment.later(wait);
                machine.handle_timeout(moment);
            }
        }
    }
    lines.append(&mut machine.take_lines());
    lines.truncate(MOST_LINES);
    lines
}
