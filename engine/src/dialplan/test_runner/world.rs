//! The small site that every test plays at: its users, their mailboxes, and what else answers.

use std::time::Duration;

use super::super::effect::{Action, Answer, DeviceInfo, Failure, Folder, Query, Setting};
use super::super::program::Program;
use crate::directory::{Greetings, User};
use crate::id::UserId;
use crate::message::MessageSummary;
use crate::presence::Presence;
use crate::time::UnixMillis;

/// Wall-clock time at the beginning of every test: 2026-01-05, a Monday, 12:00 UTC.
pub const NOON: UnixMillis = UnixMillis(1_767_614_400_000);

/// The site.
#[derive(Clone)]
pub struct World {
    /// Its users.
    pub users: Vec<User>,
    /// The wall clock's time when a call begins.
    pub at: UnixMillis,
    /// Mailboxes: whose, in which folder, what.
    pub mailbox: Vec<(UserId, Folder, MessageSummary)>,
    /// How present those are who are not offline.
    pub present: Vec<(UserId, Presence)>,
    /// PINs.
    pub pins: Vec<(UserId, String)>,
    /// How many receipts wait to be told.
    pub receipts: Vec<(UserId, u32)>,
    /// Telephones, beside the one of the account.
    pub devices: Vec<DeviceInfo>,
    /// Whether everything that is asked of the store fails.
    pub store_fails: bool,
    /// Whether nothing that is recorded can be kept.
    pub recording_fails: bool,
    /// How long somebody who is called speaks; nobody answers if none.
    pub callee: Option<Duration>,
    /// What a web service answers; nothing if none.
    pub service: Option<String>,
    /// What was done.
    pub acts: Vec<Action>,
}

impl World {
    pub fn new() -> Self {
        let names = [("alice", "Alice Archer"), ("bob", "Bob Baker"), ("carol", "Carol Clark")];
        let users = names
            .iter()
            .zip(1..)
            .map(|((name, display_name), n)| User {
                id: UserId(n),
                name: (*name).to_owned(),
                display_name: (*display_name).to_owned(),
                extension: format!("100{n}"),
                message_limit_secs: 59,
                language: String::new(),
                contacts: (1..=3).filter(|c| *c != n).map(UserId).collect(),
                greetings: Greetings::default(),
                has_spoken_name: false,
                mailbox_full: false,
            })
            .collect();
        Self {
            users,
            at: NOON,
            mailbox: Vec::new(),
            present: Vec::new(),
            pins: Vec::new(),
            receipts: Vec::new(),
            devices: Vec::new(),
            store_fails: false,
            recording_fails: false,
            callee: None,
            service: None,
            acts: Vec::new(),
        }
    }

    pub fn user_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.users.iter_mut().find(|u| u.id == id)
    }

    fn presence(&self, user: UserId) -> Presence {
        let found = self.present.iter().rev().find(|(of, _)| *of == user);
        found.map_or(Presence::Offline, |(_, presence)| *presence)
    }

    pub fn query(&self, query: &Query) -> Result<Answer, Failure> {
        if self.store_fails {
            return Err(Failure::NotFound);
        }
        Ok(match query {
            Query::Messages(user, folder) => Answer::Messages(
                self.mailbox
                    .iter()
                    .filter(|(owner, of, _)| owner == user && of == folder)
                    .map(|(.., message)| message.clone())
                    .collect(),
            ),
            Query::ContactsOnline(user) => {
                let contacts = self.users.iter().find(|u| u.id == *user).map(|u| &u.contacts);
                let contacts = contacts.map_or(&[][..], Vec::as_slice).iter().copied();
                let online = |c: &UserId| {
                    matches!(self.presence(*c), Presence::Online | Presence::Away | Presence::Busy)
                };
                Answer::Users(contacts.filter(online).collect())
            }
            Query::Presence(user) => Answer::Presence(self.presence(*user)),
            Query::CheckPin(user, digits) => {
                Answer::Yes(self.pins.iter().any(|(of, pin)| of == user && pin == digits))
            }
            Query::HasPin(user) => Answer::Yes(self.pins.iter().any(|(of, _)| of == user)),
            Query::Devices(user) => {
                Answer::Devices(self.devices.iter().filter(|d| d.owner == *user).cloned().collect())
            }
            // Whatever is new waits for the telephone that rings.
            Query::Waiting(user) => return self.query(&Query::Messages(*user, Folder::New)),
            Query::Receipts(user) => {
                let waiting = self.receipts.iter().filter(|(of, _)| of == user);
                Answer::Count(waiting.map(|(_, count)| count).sum())
            }
        })
    }

    pub fn act(&mut self, action: Action) -> Result<(), Failure> {
        if self.store_fails {
            return Err(Failure::NotKept);
        }
        match &action {
            Action::Save(user, message) => self.move_to(*user, *message, Folder::Saved),
            Action::Delete(user, message) => self.move_to(*user, *message, Folder::Deleted),
            Action::Restore(user, message) => self.move_to(*user, *message, Folder::New),
            Action::MarkHeard { user, message, .. } => {
                self.move_to(*user, *message, Folder::Saved);
            }
            Action::Notify(user, _) if self.presence(*user) != Presence::Online => {
                return Err(Failure::NotFound);
            }
            Action::Set(user, Setting::Pin(pin)) => {
                // As the server refuses what is easily guessed.
                if pin.len() < 4 || pin.bytes().all(|b| Some(b) == pin.bytes().next()) {
                    return Err(Failure::Refused);
                }
                self.pins.retain(|(of, _)| of != user);
                self.pins.push((*user, pin.clone()));
            }
            Action::ReceiptsTold(user) => self.receipts.retain(|(of, _)| of != user),
            Action::Set(..) | Action::Confirm(..) | Action::Notify(..) => {}
        }
        self.acts.push(action);
        Ok(())
    }

    fn move_to(&mut self, user: UserId, message: crate::id::MessageId, folder: Folder) {
        for (owner, of, summary) in &mut self.mailbox {
            // What was deleted does not come back by being heard.
            if *owner == user
                && summary.id == message
                && !(*of == Folder::Deleted && folder == Folder::Saved)
            {
                *of = folder;
            }
        }
    }

    /// How long a stored message is.
    pub fn message_length(&self, message: crate::id::MessageId) -> Duration {
        let found = self.mailbox.iter().find(|(.., m)| m.id == message);
        found.map_or(Duration::ZERO, |(.., m)| m.length())
    }
}

/// When the dialplan's clocks show `2026-12-24 09:00`; none if that is no time.
pub fn moment(program: &Program, text: &str) -> Option<UnixMillis> {
    let (date, time) = text.split_once(' ')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute) = time.split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let plausible = (1970..=2999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute);
    if !plausible {
        return None;
    }
    let wanted = minutes_of(year, month, day, hour, minute);
    let mut at = UnixMillis(wanted * 60_000);
    // The zone's offset is found by what its clocks show; twice, for it may change in between.
    for _ in 0..2 {
        let shown = program.zone.civil(at);
        let shown = minutes_of(
            shown.year.into(),
            shown.month.into(),
            shown.day.into(),
            shown.hour.into(),
            shown.minute.into(),
        );
        at = UnixMillis(at.0 + (wanted - shown) * 60_000);
    }
    Some(at)
}

/// Minutes since 1970 of a civil time, as if there were no zones.
fn minutes_of(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64 {
    // Years that begin in March put the leap day at their end.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    (days * 24 + hour) * 60 + minute
}
