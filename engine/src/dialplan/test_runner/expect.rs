//! What a test expects, held against what the telephone saw.

use std::time::Duration;

use super::super::ast::{ActKind, Expected, Kept, SendFlags, Setting, Span, Thing, Who};
use super::super::effect::{Action, Callee, Keepsake, Setting as Changed, Sound};
use super::phone::{Phone, Sent};
use super::play::{PATIENCE, Play};
use super::{Failure, Outcome, failed};

/// Whether a sound is the expected one.
type IsSound = Box<dyn Fn(&Sound) -> bool>;
/// Whether a telephone saw what is expected.
type WasSeen = Box<dyn Fn(&Phone) -> bool>;

impl Play {
    pub(super) fn expect(&mut self, expected: &Expected, span: Span) -> Outcome {
        match expected {
            Expected::No(Thing::Route) if self.refused => Ok(()),
            Expected::No(Thing::Route) => Err(failed(span, "a route was found")),
            Expected::Yes(Thing::Route) if self.refused => {
                Err(failed(span, "the number has no route"))
            }
            _ if self.refused => Err(failed(span, "the number has no route")),
            Expected::Yes(thing) => match self.sound(thing)? {
                Some((is, what)) => self.hear(span, &what, &is),
                None => {
                    let saw = self.saw(thing)?;
                    if self.phone.advance_until(PATIENCE, |p| saw(p)) {
                        return Ok(());
                    }
                    Err(self.not_seen(thing, span))
                }
            },
            Expected::No(thing) => match self.sound(thing)? {
                Some((is, what)) => {
                    self.phone.advance_until(PATIENCE, |p| !p.is_playing());
                    if self.phone.take_heard(&is) {
                        return Err(failed(span, format!("heard: {what}")));
                    }
                    Ok(())
                }
                None => {
                    let saw = self.saw(thing)?;
                    if saw(&self.phone) {
                        return Err(failed(span, "this happened"));
                    }
                    Ok(())
                }
            },
        }
    }

    /// What is expected to be heard, if it is a sound, and how to call it.
    fn sound(&self, thing: &Thing) -> Result<Option<(IsSound, String)>, Failure> {
        Ok(Some(match thing {
            Thing::Say(text) => {
                let (wanted, name) = (text.to_lowercase(), format!("say \"{text}\""));
                let is = move |sound: &Sound| match sound {
                    Sound::Speech { text, .. } => text.to_lowercase().contains(&wanted),
                    _ => false,
                };
                (Box::new(is), name)
            }
            Thing::Beep => (Box::new(|s: &Sound| *s == Sound::Beep), "beep".into()),
            Thing::Tone => (Box::new(|s: &Sound| matches!(s, Sound::Tone { .. })), "tone".into()),
            Thing::Greeting(wanted) => {
                let wanted = *wanted;
                let is = move |sound: &Sound| match sound {
                    Sound::Greeting(_, kind) => wanted.is_none_or(|wanted| *kind == wanted),
                    _ => false,
                };
                (Box::new(is), "greeting".into())
            }
            Thing::SpokenName(name) => {
                let id = self.user(name)?.id;
                let is = move |s: &Sound| matches!(s, Sound::SpokenName(user) if *user == id);
                (Box::new(is), format!("name of {}", name.text))
            }
            Thing::Prompt(name) => {
                let wanted = name.clone();
                let is =
                    move |s: &Sound| matches!(s, Sound::Prompt { name, .. } if *name == wanted);
                (Box::new(is), format!("prompt {name}"))
            }
            Thing::PlayMessage { from, speed } => {
                let (wanted, percent) = (*from, *speed);
                let is = move |sound: &Sound| match sound {
                    Sound::Message { from, speed, .. } => {
                        wanted.is_none_or(|w| w.abs_diff(*from) <= Duration::from_millis(500))
                            && percent.is_none_or(|p| p == *speed)
                    }
                    _ => false,
                };
                (Box::new(is), "play message".into())
            }
            Thing::PlayRecording => {
                (Box::new(|s: &Sound| matches!(s, Sound::Recording(_))), "play recording".into())
            }
            Thing::Message { .. }
            | Thing::Forwarded(_)
            | Thing::Discarded
            | Thing::Kept(_)
            | Thing::Acted(_)
            | Thing::Notified(_)
            | Thing::Set(_)
            | Thing::Connected(_)
            | Thing::Ringing(_)
            | Thing::Webhook
            | Thing::Answer
            | Thing::Early
            | Thing::Hangup(_)
            | Thing::Route => return Ok(None),
        }))
    }

    /// Whether something else than a sound was seen.
    fn saw(&self, thing: &Thing) -> Result<WasSeen, Failure> {
        Ok(match thing {
            Thing::Message { to, lasting, with } => {
                let to = match to {
                    Some(name) => Some(self.user(name)?.id),
                    None => None,
                };
                let (lasting, with) = (*lasting, *with);
                let fits = move |sent: &Sent| {
                    to.is_none_or(|to| sent.delivery.to.contains(&to))
                        && asked_for(sent, with)
                        && lasting.is_none_or(|l| l.abs_diff(sent.length) <= Duration::from_secs(1))
                };
                Box::new(move |p| p.sent.iter().any(&fits))
            }
            Thing::Forwarded(to) => {
                let to = match to {
                    Some(name) => Some(self.user(name)?.id),
                    None => None,
                };
                Box::new(move |p| {
                    p.forwarded
                        .iter()
                        .any(|sent| to.is_none_or(|to| sent.delivery.to.contains(&to)))
                })
            }
            Thing::Discarded => Box::new(|p| p.discarded > 0),
            Thing::Kept(kept) => {
                let wanted = match kept {
                    Kept::Greeting(kind) => Keepsake::Greeting(*kind),
                    Kept::Name => Keepsake::Name,
                };
                Box::new(move |p| p.kept.contains(&wanted))
            }
            Thing::Acted(kind) => {
                let kind = *kind;
                Box::new(move |p| p.world.acts.iter().any(|act| is(act, kind)))
            }
            Thing::Notified(name) => {
                let id = self.user(name)?.id;
                Box::new(move |p| {
                    p.world
                        .acts
                        .iter()
                        .any(|act| matches!(act, Action::Notify(user, _) if *user == id))
                })
            }
            Thing::Set(setting) => {
                let setting = *setting;
                Box::new(move |p| p.world.acts.iter().any(|act| changes(act, setting)))
            }
            Thing::Connected(who) => {
                let wanted = self.callee(who)?;
                Box::new(move |p| p.connected.iter().any(|callee| same(callee, &wanted)))
            }
            Thing::Ringing(who) => {
                let wanted = self.callee(who)?;
                Box::new(move |p| p.rung.iter().any(|callee| same(callee, &wanted)))
            }
            Thing::Webhook => Box::new(|p| p.asked_services > 0),
            Thing::Answer => Box::new(|p| p.answered),
            Thing::Early => Box::new(|p| p.early),
            Thing::Hangup(None) => Box::new(Phone::is_over),
            Thing::Hangup(Some(cause)) => {
                let cause = *cause;
                Box::new(move |p| p.cause == Some(cause))
            }
            Thing::Say(_)
            | Thing::Beep
            | Thing::Tone
            | Thing::Greeting(_)
            | Thing::SpokenName(_)
            | Thing::Prompt(_)
            | Thing::PlayMessage { .. }
            | Thing::PlayRecording
            | Thing::Route => Box::new(|_| false),
        })
    }

    /// Somebody as a callee; for a stranger, the number.
    fn callee(&self, who: &Who) -> Result<Callee, Failure> {
        Ok(match who {
            Who::User(name) => Callee::User(self.user(name)?.id),
            Who::Stranger(number) => Callee::Number { number: number.clone(), trunk: None },
        })
    }

    fn not_seen(&self, thing: &Thing, span: Span) -> Failure {
        let message = match thing {
            Thing::Message { .. } => {
                let sent: Vec<String> =
                    self.phone.sent.iter().map(|s| format!("{:?} long", s.length)).collect();
                let sent = if sent.is_empty() { "none".into() } else { sent.join(", ") };
                format!("no such message was sent; sent: {sent}")
            }
            Thing::Discarded => "no recording was discarded".into(),
            Thing::Hangup(None) => "the call goes on".into(),
            Thing::Hangup(Some(_)) => match self.phone.cause {
                Some(cause) => format!("the call ended by {cause:?}"),
                None => "the call goes on".into(),
            },
            _ => "this did not happen".into(),
        };
        Box::new(failed(span, message).cause(format!("heard last: {}", self.phone.transcript())))
    }

    fn hear(&mut self, span: Span, what: &str, is: &dyn Fn(&Sound) -> bool) -> Outcome {
        let from = self.phone.transcript();
        if self.phone.advance_until(PATIENCE, |p| p.heard_any(is)) {
            self.phone.take_heard(is);
            return Ok(());
        }
        let heard = self.phone.transcript();
        let heard = if heard.is_empty() { from } else { heard };
        let heard = if heard.is_empty() { "nothing".to_owned() } else { heard };
        let failure = *failed(span, format!("not heard: {what}"));
        Err(Box::new(failure.cause(format!("heard instead: {heard}"))))
    }
}

fn asked_for(sent: &Sent, with: SendFlags) -> bool {
    let delivery = &sent.delivery;
    (!with.receipt || delivery.receipt)
        && (!with.urgent || delivery.urgent)
        && (!with.private || delivery.private)
        && (!with.later || delivery.not_before.is_some())
}

fn same(callee: &Callee, wanted: &Callee) -> bool {
    match (callee, wanted) {
        (Callee::User(a) | Callee::Device(a, _), Callee::User(b)) => a == b,
        (Callee::Number { number: a, .. }, Callee::Number { number: b, .. }) => a == b,
        _ => false,
    }
}

fn is(action: &Action, kind: ActKind) -> bool {
    match action {
        Action::MarkHeard { .. } => kind == ActKind::MarkHeard,
        Action::Save(..) => kind == ActKind::Save,
        Action::Delete(..) => kind == ActKind::Delete,
        Action::Confirm(..) => kind == ActKind::Confirm,
        Action::Restore(..) => kind == ActKind::Restore,
        Action::Notify(..) | Action::Set(..) | Action::ReceiptsTold(_) => false,
    }
}

fn changes(action: &Action, wanted: Setting) -> bool {
    let Action::Set(_, changed) = action else { return false };
    match (changed, wanted) {
        (Changed::Language(_), Setting::Language)
        | (Changed::Pin(_), Setting::Pin)
        | (Changed::DoNotDisturb(_), Setting::DoNotDisturb)
        | (Changed::NoGreeting(_), Setting::Greeting) => true,
        (Changed::Delivery(preset), Setting::Delivery(wanted)) => {
            wanted.is_none_or(|wanted| wanted == *preset)
        }
        _ => false,
    }
}
