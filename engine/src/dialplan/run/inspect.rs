//! What somebody who watches a run may know: where it stands, what it waits for, what its
//! variables hold.

use super::super::program::Op;
use super::super::value::Value;
use super::{Run, State};
use crate::directory::User;
use crate::time::Instant;

/// What the caller is asked for just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What may be pressed, as the dialplan has it: `1`, `1xxx`; for a `collect` how many digits.
    pub choices: Vec<String>,
    /// The keys pressed so far; dots where they are secret.
    pub typed: String,
    /// When the wait is over.
    pub deadline: Instant,
}

impl Run {
    /// The operation at hand: [`Program::place`](super::Program::place) knows where it was written.
    pub fn at(&self) -> u32 {
        match &self.state {
            State::Collecting { op, .. } | State::Awaiting { op, .. } => *op,
            State::New => self.pc,
            State::Running
            | State::Playing { .. }
            | State::Recording(_)
            | State::Sending { .. }
            | State::Asking { .. }
            | State::Waiting { .. }
            | State::Done => self.pc.saturating_sub(1),
        }
    }

    /// The flow that it is in.
    pub fn in_flow(&self) -> Option<&str> {
        self.table().map(|flow| flow.name.as_str())
    }

    /// What the caller is asked for; none if the run waits for something else.
    pub fn waiting(&self) -> Option<Waiting> {
        match &self.state {
            State::Waiting { menu, deadline, keys } => {
                let menu = self.program.menus.get(*menu as usize)?;
                let choices = menu.choices.iter().map(|(p, ..)| p.as_str().to_owned()).collect();
                let typed = super::trace::written(keys, false);
                Some(Waiting { choices, typed, deadline: *deadline })
            }
            State::Collecting { op, deadline, keys } => {
                let Some(Op::Collect(collect)) = self.program.ops.get(*op as usize) else {
                    return None;
                };
                let choices = vec![format!("{} to {} digits", collect.fewest, collect.most)];
                let typed = super::trace::written(keys, collect.secret);
                Some(Waiting { choices, typed, deadline: *deadline })
            }
            State::New
            | State::Running
            | State::Playing { .. }
            | State::Recording(_)
            | State::Sending { .. }
            | State::Asking { .. }
            | State::Awaiting { .. }
            | State::Done => None,
        }
    }

    /// The variables of the flow that it is in, by name, with what they hold in words. Those
    /// without a value yet are left out.
    pub fn variables(&self) -> Vec<(&str, String)> {
        let Some(flow) = self.table() else { return Vec::new() };
        let named = flow.names.iter().zip(0..).filter(|(name, _)| !name.is_empty());
        named
            .filter_map(|(name, slot)| match self.get(slot) {
                Value::Nothing => None,
                value => Some((name.as_str(), self.in_words(value))),
            })
            .collect()
    }

    fn table(&self) -> Option<&super::super::program::FlowTable> {
        let at = self.at();
        let flows = self.program.flows.iter();
        flows.filter(|flow| flow.entry <= at).max_by_key(|flow| flow.entry)
    }

    fn in_words(&self, value: &Value) -> String {
        match value {
            Value::Nothing => "nothing".into(),
            Value::User(id) => {
                let user = self.context.directory.user(*id);
                user.map_or_else(|| "somebody".into(), |User { name, .. }| name.clone())
            }
            Value::Caller => format!("the caller, {}", self.context.caller.number),
            Value::Site => "the site".into(),
            Value::Message(message) => {
                format!("a message of {:.1?} from {}", message.length(), message.sender.name)
            }
            Value::Recording(recorded) => {
                let empty = if recorded.empty { ", nothing said" } else { "" };
                format!("a recording of {:.1?}{empty}", recorded.length())
            }
            Value::Text(text) => format!("\"{text}\""),
            Value::Number(number) => number.to_string(),
            Value::Digits(digits) => digits.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Duration(length) => format!("{length:?}"),
            Value::Time(time) => {
                let shown = self.program.zone.civil(*time);
                let (year, month, day) = (shown.year, shown.month, shown.day);
                format!("{year}-{month:02}-{day:02} {:02}:{:02}", shown.hour, shown.minute)
            }
            Value::Presence(presence) => format!("{presence:?}").to_lowercase(),
            Value::Device(device) => format!("the device {}", device.name),
            Value::Hours(_) => "opening hours".into(),
            Value::Document(fields) | Value::List(fields) => {
                let mut list: Vec<String> =
                    fields.iter().take(MOST_SHOWN).map(|item| self.in_words(item)).collect();
                if fields.len() > MOST_SHOWN {
                    list.push(format!("and {} more", fields.len() - MOST_SHOWN));
                }
                format!("[{}]", list.join(", "))
            }
        }
    }
}

/// How many items of a list are shown.
const MOST_SHOWN: usize = 5;
