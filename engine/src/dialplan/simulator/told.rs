//! What happens in a call: for people, and as what a test expects.

use std::time::Duration;

use super::super::effect::{
    Action, Callee, Delivery, Effect, Finish, HangupCause, Keepsake, Setting, Sound,
};
use super::super::parser::PRESETS;
use super::super::test_runner::journal::Happening;
use super::super::test_runner::phone::Phone;
use super::script::{duration, quoted};
use crate::directory::GreetingKind;
use crate::id::UserId;

/// How much of a spoken text a test expects, in characters.
const MOST_EXPECTED: usize = 70;

/// A sound, for people.
pub fn heard(sound: &Sound, phone: &Phone) -> String {
    match sound {
        Sound::Speech { language, text, .. } => format!("({language}) \"{text}\""),
        Sound::Prompt { name, .. } => format!("[recorded prompt {name}]"),
        Sound::Greeting(user, kind) => {
            format!("[{} greeting of {}]", kind.name(), name(*user, phone))
        }
        Sound::SpokenName(user) => format!("[spoken name of {}]", name(*user, phone)),
        Sound::Message { from, speed, .. } => {
            let from = if from.is_zero() { String::new() } else { format!(" from {from:.1?}") };
            let speed = if *speed == 100 { String::new() } else { format!(" at {speed} %") };
            format!("[message{from}{speed}]")
        }
        Sound::Recording(_) => "[the recording]".into(),
        Sound::Beep => "[beep]".into(),
        Sound::Tone { hertz, length } => format!("[tone of {hertz} Hz for {length:.1?}]"),
        Sound::Pause(length) => format!("[{length:.1?} of silence]"),
    }
}

/// What was asked for, for people; none for what only the dialplan notices.
pub fn done(effect: &Effect, done: bool, phone: &Phone) -> Option<String> {
    let text = match effect {
        Effect::Answer => "the call is answered".into(),
        Effect::EarlyMedia => "early media".into(),
        Effect::Send { recording, delivery, .. } => {
            let length = phone.recorded_length(*recording);
            format!("message of {length:.1?} sent to {}", addressed(delivery, phone))
        }
        Effect::Forward { delivery, .. } => {
            format!("message passed on to {}", addressed(delivery, phone))
        }
        Effect::Keep { user, keepsake, .. } => {
            format!("recording kept as {} of {}", kept(*keepsake), name(*user, phone))
        }
        Effect::Discard(_) => "recording discarded".into(),
        Effect::Connect { callee, .. } => format!("connected to {}", called(callee, phone)),
        Effect::Ring { callee, flow, .. } => {
            format!("{} is rung for the flow {flow}", called(callee, phone))
        }
        Effect::Webhook { url, body, .. } => format!("{url} asked with {body}"),
        Effect::Act(_, action) => acted(action, phone),
        Effect::Log(text) => format!("log: {text}"),
        Effect::Panic => "panic".into(),
        Effect::Finished(Finish::Completed, HangupCause::Normal) => "the dialplan hangs up".into(),
        Effect::Finished(Finish::Completed, cause) => {
            format!("the dialplan hangs up: {}", cause.name())
        }
        Effect::Finished(Finish::CallerGone, _) => "the call is over".into(),
        Effect::Finished(Finish::OutOfFuel, _) => "the dialplan ran without end".into(),
        Effect::Query(..) if !done => return Some("the store does not answer".into()),
        Effect::Query(..)
        | Effect::Play { .. }
        | Effect::StopPlay(_)
        | Effect::Record { .. }
        | Effect::StopRecord(_)
        | Effect::Trace { .. } => return None,
    };
    Some(if done { text } else { format!("failed: {text}") })
}

/// What a test expects of what happened.
pub fn expected(what: &Happening, phone: &Phone) -> Option<String> {
    match what {
        Happening::Heard(sound) => expected_sound(sound, phone),
        Happening::Asked(effect, true) => expected_effect(effect, phone),
        Happening::Asked(_, false) | Happening::Recorded(..) | Happening::Trace(..) => None,
    }
}

fn expected_sound(sound: &Sound, phone: &Phone) -> Option<String> {
    Some(match sound {
        Sound::Speech { text, .. } => format!("say {}", quoted(beginning(text))),
        Sound::Prompt { name, .. } => format!("prompt {}", quoted(name)),
        Sound::Greeting(_, GreetingKind::Standard) => "greeting".into(),
        Sound::Greeting(_, kind) => format!("greeting {}", kind.name()),
        Sound::SpokenName(user) => format!("name of {}", name(*user, phone)),
        Sound::Message { from, speed, .. } => {
            let from =
                if from.is_zero() { String::new() } else { format!(" from {}", duration(*from)) };
            let speed = if *speed == 100 { String::new() } else { format!(" at {speed} percent") };
            format!("play message{from}{speed}")
        }
        Sound::Recording(_) => "play recording".into(),
        Sound::Beep => "beep".into(),
        Sound::Tone { .. } => "tone".into(),
        Sound::Pause(_) => return None,
    })
}

fn expected_effect(effect: &Effect, phone: &Phone) -> Option<String> {
    Some(match effect {
        Effect::EarlyMedia => "early".into(),
        Effect::Send { recording, delivery, .. } => {
            let seconds = (phone.recorded_length(*recording).as_millis() + 500) / 1000;
            let to = delivery.to.first().map(|to| format!(" to {}", name(*to, phone)));
            format!("message{} lasting {seconds}s{}", to.unwrap_or_default(), flags(delivery))
        }
        Effect::Forward { delivery, .. } => {
            let to = delivery.to.first().map(|to| format!(" to {}", name(*to, phone)));
            format!("forwarded{}", to.unwrap_or_default())
        }
        Effect::Keep { keepsake, .. } => match keepsake {
            Keepsake::Greeting(kind) => format!("kept greeting {}", kind.name()),
            Keepsake::Name => "kept name".into(),
        },
        Effect::Discard(_) => "discarded".into(),
        Effect::Connect { callee, .. } => format!("connected to {}", wanted(callee, phone)),
        Effect::Ring { callee, .. } => format!("ringing {}", wanted(callee, phone)),
        Effect::Webhook { .. } => "webhook".into(),
        Effect::Act(_, action) => match action {
            Action::MarkHeard { .. } => "heard".into(),
            Action::Save(..) => "saved".into(),
            Action::Delete(..) => "deleted".into(),
            Action::Confirm(..) => "confirmed".into(),
            Action::Restore(..) => "restored".into(),
            Action::Notify(user, _) => format!("notified {}", name(*user, phone)),
            Action::Set(_, setting) => match setting {
                Setting::Language(_) => "set language".into(),
                Setting::Pin(_) => "set pin".into(),
                Setting::NoGreeting(_) => "set greeting".into(),
                Setting::Delivery(preset) => {
                    let known = PRESETS.iter().find(|(_, known)| known == preset);
                    format!("set delivery {}", known.map_or("", |(name, _)| name))
                }
                Setting::DoNotDisturb(_) => "set do_not_disturb".into(),
            },
            Action::ReceiptsTold(_) => return None,
        },
        Effect::Finished(Finish::Completed, HangupCause::Normal) => "hangup".into(),
        Effect::Finished(Finish::Completed, cause) => format!("hangup {}", cause.name()),
        Effect::Finished(Finish::CallerGone | Finish::OutOfFuel, _)
        | Effect::Answer
        | Effect::Play { .. }
        | Effect::StopPlay(_)
        | Effect::Record { .. }
        | Effect::StopRecord(_)
        | Effect::Query(..)
        | Effect::Log(_)
        | Effect::Trace { .. }
        | Effect::Panic => return None,
    })
}

/// The beginning of a text, up to the end of a word.
fn beginning(text: &str) -> &str {
    let Some((most, _)) = text.char_indices().nth(MOST_EXPECTED) else { return text };
    let cut = text.get(..most).unwrap_or(text);
    cut.rfind(' ').and_then(|end| cut.get(..end)).unwrap_or(cut)
}

fn name(user: UserId, phone: &Phone) -> String {
    let known = phone.world.users.iter().find(|known| known.id == user);
    known.map_or_else(|| "somebody".into(), |known| known.name.clone())
}

fn addressed(delivery: &Delivery, phone: &Phone) -> String {
    let names: Vec<String> = delivery.to.iter().map(|user| name(*user, phone)).collect();
    let later = if delivery.not_before.is_some() { ", later" } else { "" };
    format!("{}{}{later}", names.join(" and "), flags_only(delivery))
}

fn flags(delivery: &Delivery) -> String {
    let later = if delivery.not_before.is_some() { " later" } else { "" };
    format!("{}{later}", flags_only(delivery))
}

fn flags_only(delivery: &Delivery) -> String {
    let flags = [
        (delivery.receipt, "receipt"),
        (delivery.urgent, "urgency"),
        (delivery.private, "privacy"),
    ];
    let words: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    if words.is_empty() { String::new() } else { format!(" with {}", words.join(" and ")) }
}

fn kept(keepsake: Keepsake) -> String {
    match keepsake {
        Keepsake::Greeting(kind) => format!("{} greeting", kind.name()),
        Keepsake::Name => "spoken name".into(),
    }
}

fn called(callee: &Callee, phone: &Phone) -> String {
    match callee {
        Callee::User(user) => name(*user, phone),
        Callee::Device(user, device) => format!("{device} of {}", name(*user, phone)),
        Callee::Number { number, .. } => number.clone(),
    }
}

fn wanted(callee: &Callee, phone: &Phone) -> String {
    match callee {
        Callee::User(user) | Callee::Device(user, _) => name(*user, phone),
        Callee::Number { number, .. } => quoted(number),
    }
}

fn acted(action: &Action, phone: &Phone) -> String {
    match action {
        Action::MarkHeard { user, heard, .. } => {
            format!("message marked as heard by {}, {heard:.1?} of it", name(*user, phone))
        }
        Action::Save(user, _) => format!("message saved for {}", name(*user, phone)),
        Action::Delete(user, _) => format!("message deleted for {}", name(*user, phone)),
        Action::Confirm(user, _) => format!("message confirmed by {}", name(*user, phone)),
        Action::Restore(user, _) => format!("message restored for {}", name(*user, phone)),
        Action::Notify(user, text) => format!("{} is shown \"{text}\"", name(*user, phone)),
        Action::Set(user, setting) => format!("set for {}: {setting:?}", name(*user, phone)),
        Action::ReceiptsTold(user) => format!("receipts told to {}", name(*user, phone)),
    }
}

/// A moment of a session: minutes, seconds and tenths.
pub fn clock(at: Duration) -> String {
    let tenths = at.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}
