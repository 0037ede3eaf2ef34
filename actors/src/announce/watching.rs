//! What Hark's own events mean to the rules, and the words in which a rule tells them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use hark_engine::announce::watch::{Condition, Input, Rule, Subject};
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{Event, MessageSummary};
use hark_engine::time::UnixMillis;
use prometheus::Registry;
use serde::{Deserialize, Serialize};

use super::request::{Dedup, Request};
use crate::bus::BusEvent;
use crate::clock;
use crate::store::announcements::{Unheard, ends_wait};

/// Stands for whom a rule's condition concerns, and for the rule's owner.
const SUBJECT: &str = "@subject";
const OWNER: &str = "@owner";

/// A rule as the API takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// What it looks for.
    pub condition: Condition,
    /// For how long that has to last, in seconds (0-2592000).
    #[serde(default)]
    pub after_seconds: u32,
    /// For how long it has to be over before it counts as over, in seconds (0-86400).
    #[serde(default)]
    pub clear_seconds: u32,
    /// Nothing is told twice about the same within so many seconds (0-2592000).
    #[serde(default = "hour")]
    pub window_seconds: u32,
    /// What is announced. Among its recipients `@subject` is whom it concerns and `@owner` whose
    /// rule it is; its text may ask for `{condition}`, `{user}`, `{sender}`, `{trunk}` and
    /// `{minutes}`.
    pub announce: Request,
}

const fn hour() -> u32 {
    3600
}

impl RuleSpec {
    /// What is wrong with its times, if anything.
    ///
    /// # Errors
    /// What is allowed.
    pub const fn check(&self) -> Result<(), &'static str> {
        const MONTH: u32 = 2_592_000;
        if self.after_seconds > MONTH || self.window_seconds > MONTH {
            return Err("after_seconds and window_seconds: allowed are 0 to 2592000");
        }
        if self.clear_seconds > 86_400 {
            return Err("clear_seconds: allowed are 0 to 86400");
        }
        Ok(())
    }

    /// As the machine takes it; `about` bounds whom it concerns.
    pub(super) const fn rule(&self, about: Option<UserId>) -> Rule {
        Rule {
            condition: self.condition,
            about,
            after: Duration::from_secs(self.after_seconds as u64),
            clear_after: Duration::from_secs(self.clear_seconds as u64),
            window: Duration::from_secs(self.window_seconds as u64),
        }
    }

    /// The announcement about `subject` by the rule of number `id`, and the key under which it is
    /// made once: `since` tells what lasts from the same thing at another time.
    pub(super) fn request(
        &self,
        id: i64,
        owner: UserId,
        subject: &Subject,
        since: Option<UnixMillis>,
        directory: &Directory,
    ) -> (String, Request) {
        let display = |user: Option<UserId>| {
            user.and_then(|user| directory.user(user)).map(|user| user.display_name.clone())
        };
        let login = |user: Option<UserId>| {
            user.and_then(|user| directory.user(user)).map(|user| user.name.clone())
        };
        let mut request = self.announce.clone();
        let sender = display(subject.sender).unwrap_or_else(|| subject.name.clone());
        let given: BTreeMap<&str, String> = BTreeMap::from([
            ("condition", self.condition.name().to_owned()),
            ("user", display(subject.user).unwrap_or_default()),
            ("sender", sender),
            ("trunk", subject.name.clone()),
            ("minutes", (self.after_seconds / 60).to_string()),
        ]);
        for (name, value) in given {
            request.values.entry(name.to_owned()).or_insert(value);
        }
        let lists = std::iter::once(&mut request.recipients)
            .chain(request.escalation.iter_mut().map(|step| &mut step.recipients));
        for list in lists {
            *list = std::mem::take(list)
                .into_iter()
                .filter_map(|name| match name.as_str() {
                    SUBJECT => login(subject.user),
                    OWNER => login(Some(owner)),
                    _ => Some(name),
                })
                .collect();
        }
        let number = |user: Option<UserId>| user.map_or(0, |user| user.0);
        let about = format!("rule:{id}:{}:{}", number(subject.user), subject.name);
        let about: String = about.chars().take(150).collect();
        let key = match subject.message {
            // Once for each message, also after a restart.
            Some(message) => format!("{about}:{message}"),
            None => format!("{about}:{}", since.unwrap_or_else(clock::wall).0),
        };
        // The window holds over a restart too.
        if request.dedup.is_none() && self.window_seconds > 0 && subject.message.is_none() {
            request.dedup = Some(Dedup { key: about, window_seconds: self.window_seconds });
        }
        (key, request)
    }
}

/// What lasts at this moment, as far as a rule wants to know.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    conditions: HashSet<Condition>,
    unheard: HashMap<(MessageId, UserId), Subject>,
    /// Who has, or had, a telephone.
    telephones: HashMap<UserId, bool>,
    /// Whose last registration lapsed while the server was down, and when.
    lapsed: HashMap<UserId, UnixMillis>,
    trunks: HashMap<String, f64>,
}

/// The most messages that are watched.
const MOST_UNHEARD: usize = 50_000;

impl Lasting {
    /// From here on these conditions are of interest. Says whether unheard messages are so anew.
    pub fn want(&mut self, conditions: HashSet<Condition>) -> bool {
        let unheard = Condition::MessageUnheard;
        let anew = conditions.contains(&unheard) && !self.conditions.contains(&unheard);
        self.conditions = conditions;
        anew
    }

    /// Whether refused trunks are of interest.
    pub fn wants_trunks(&self) -> bool {
        self.conditions.contains(&Condition::TrunkRefused)
    }

    /// A message that has waited already.
    pub fn waits(&mut self, waiting: Unheard) -> Option<Input> {
        let Unheard { message, user, sender, sender_name, since } = waiting;
        self.unheard(message, user, sender, sender_name, clock::wall().since(since))
    }

    /// Somebody's last registration lapsed at `since`, while the server was down.
    pub fn lapsed(&mut self, user: UserId, since: UnixMillis) -> Option<Input> {
        if self.telephones.get(&user) == Some(&true) {
            return None;
        }
        self.telephones.insert(user, false);
        self.lapsed.insert(user, since);
        let subject = Subject { user: Some(user), ..Subject::default() };
        Some(Input::Began(Condition::DeviceUnregistered, subject, clock::wall().since(since)))
    }

    /// Since when what a rule tells lasts, where that is known over restarts.
    pub fn since(&self, condition: Condition, subject: &Subject) -> Option<UnixMillis> {
        match condition {
            Condition::DeviceUnregistered => self.lapsed.get(&subject.user?).copied(),
            Condition::MessageUnheard
            | Condition::DeliveryFailed
            | Condition::MailboxNearlyFull
            | Condition::TrunkRefused => None,
        }
    }

    fn unheard(
        &mut self,
        message: MessageId,
        user: UserId,
        sender: Option<UserId>,
        name: String,
        ago: Duration,
    ) -> Option<Input> {
        let wanted = self.conditions.contains(&Condition::MessageUnheard);
        if !wanted || self.unheard.len() >= MOST_UNHEARD {
            return None;
        }
        let subject = Subject { user: Some(user), sender, message: Some(message), name };
        self.unheard.insert((message, user), subject.clone());
        Some(Input::Began(Condition::MessageUnheard, subject, ago))
    }

    /// What an event on the bus means. `announced` says whether a message is an announcement,
    /// about which nothing is announced.
    pub fn read(
        &mut self,
        event: &BusEvent,
        announced: impl Fn(MessageId) -> bool,
    ) -> Option<Input> {
        match event {
            BusEvent::Arrived { recipient, message } if !announced(message.id) => {
                let MessageSummary { id, sender, .. } = message;
                let (user, name) = (sender.user, sender.name.clone());
                self.unheard(*id, *recipient, user, name, Duration::ZERO)
            }
            BusEvent::Logged { sender, event: logged } => {
                let about = (logged.message, logged.recipient);
                if ends_wait(&logged.event) {
                    let subject = self.unheard.remove(&about)?;
                    return Some(Input::Ended(Condition::MessageUnheard, subject));
                }
                let failed = matches!(logged.event, Event::Failed { .. });
                if !failed || announced(logged.message) {
                    return None;
                }
                let subject = Subject {
                    user: Some(logged.recipient),
                    sender: *sender,
                    message: Some(logged.message),
                    name: String::new(),
                };
                Some(Input::Happened(Condition::DeliveryFailed, subject))
            }
            BusEvent::Telephones { user, count } => {
                let has = *count > 0;
                let had = self.telephones.insert(*user, has);
                let subject = Subject { user: Some(*user), ..Subject::default() };
                let condition = Condition::DeviceUnregistered;
                if has {
                    self.lapsed.remove(user);
                }
                match (had, has) {
                    // One of before the start was never seen to come.
                    (Some(true) | None, false) => {
                        Some(Input::Began(condition, subject, Duration::ZERO))
                    }
                    (Some(false), true) => Some(Input::Ended(condition, subject)),
                    _ => None,
                }
            }
            BusEvent::Mailbox { user, nearly_full, .. } => {
                let subject = Subject { user: Some(*user), ..Subject::default() };
                let condition = Condition::MailboxNearlyFull;
                Some(if *nearly_full {
                    Input::Began(condition, subject, Duration::ZERO)
                } else {
                    Input::Ended(condition, subject)
                })
            }
            BusEvent::Arrived { .. }
            | BusEvent::PopUp { .. }
            | BusEvent::Lamp { .. }
            | BusEvent::Presence { .. }
            | BusEvent::Announcement { .. }
            | BusEvent::Chat(_)
            | BusEvent::Order { .. }
            | BusEvent::Notice { .. } => None,
        }
    }

    /// The trunks that refused calls since the last look, from what is counted of them.
    pub fn refusing_trunks(&mut self, registry: &Registry) -> Vec<Input> {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == "hark_trunk_refused_total");
        let mut now: HashMap<String, f64> = HashMap::new();
        for metric in family.map(|family| family.get_metric()).unwrap_or_default() {
            let label = metric.get_label().iter().find(|label| label.name() == "trunk");
            if let Some(label) = label {
                *now.entry(label.value().to_owned()).or_default() +=
                    metric.get_counter().get_value();
            }
        }
        let before = std::mem::replace(&mut self.trunks, now.clone());
        now.into_iter()
            .filter(|(trunk, count)| *count > before.get(trunk).copied().unwrap_or(0.0))
            .map(|(name, _)| {
                Input::Happened(Condition::TrunkRefused, Subject { name, ..Subject::default() })
            })
            .collect()
    }
}
