//! What a test expects.

use super::super::super::ast::{ActKind, Expected, Name, SendFlags, Setting, Thing};
use super::super::super::diagnostic::Diagnostic;
use super::super::super::effect::DeliveryPreset;
use super::super::super::lexer::TokenKind;
use super::super::{Parsed, Parser};
use crate::directory::GreetingKind;

/// What can be expected, for whoever mistypes it.
pub const THINGS: [&str; 26] = [
    "say",
    "beep",
    "tone",
    "greeting",
    "name",
    "prompt",
    "play",
    "message",
    "forwarded",
    "discarded",
    "kept",
    "heard",
    "saved",
    "deleted",
    "restored",
    "confirmed",
    "notified",
    "set",
    "connected",
    "ringing",
    "webhook",
    "answer",
    "early",
    "hangup",
    "route",
    "no",
];
/// The delivery presets, as authors write them.
pub const PRESETS: [(&str, DeliveryPreset); 4] = [
    ("popup", DeliveryPreset::PopUp),
    ("popup_then_ring", DeliveryPreset::PopUpThenRing),
    ("ring", DeliveryPreset::Ring),
    ("wait", DeliveryPreset::Wait),
];

impl Parser<'_> {
    pub(super) fn expected(&mut self) -> Parsed<Expected> {
        let no = self.eat_word("no");
        let word = self.name("what is expected")?;
        let thing = self.thing(&word)?;
        Ok(if no { Expected::No(thing) } else { Expected::Yes(thing) })
    }

    fn thing(&mut self, word: &Name) -> Parsed<Thing> {
        Ok(match word.text.as_str() {
            "heard" => Thing::Acted(ActKind::MarkHeard),
            "saved" => Thing::Acted(ActKind::Save),
            "deleted" => Thing::Acted(ActKind::Delete),
            "confirmed" => Thing::Acted(ActKind::Confirm),
            "restored" => Thing::Acted(ActKind::Restore),
            "say" => Thing::Say(self.plain_text()?),
            "prompt" => Thing::Prompt(self.plain_text()?),
            "beep" => Thing::Beep,
            "tone" => Thing::Tone,
            "greeting" => {
                let named = GreetingKind::from_name(self.word_here());
                let named = named.filter(|_| !self.token().first_of_line);
                if named.is_some() {
                    self.bump();
                }
                Thing::Greeting(named)
            }
            "name" => {
                self.expect_word("of", "expect name of bob")?;
                Thing::SpokenName(self.name("a user of the test")?)
            }
            "discarded" => Thing::Discarded,
            "kept" => Thing::Kept(self.kept("expect kept greeting busy")?),
            "notified" => Thing::Notified(self.name("a user of the test")?),
            "set" => self.expected_setting()?,
            "connected" => {
                self.expect_word("to", "expect connected to bob")?;
                Thing::Connected(self.who()?)
            }
            "ringing" => Thing::Ringing(self.who()?),
            "webhook" => Thing::Webhook,
            "answer" => Thing::Answer,
            "early" => Thing::Early,
            "route" => Thing::Route,
            "hangup" => {
                let here = !self.token().first_of_line && self.kind() == TokenKind::Word;
                Thing::Hangup(if here { Some(self.hangup_cause()?) } else { None })
            }
            "play" if self.eat_word("recording") => Thing::PlayRecording,
            "play" if self.eat_word("message") => {
                let from = if self.eat_word("from") { Some(self.duration()?) } else { None };
                let mut speed = None;
                if self.eat_word("at") {
                    if let TokenKind::Number(percent) = self.kind() {
                        speed = u16::try_from(percent).ok();
                        self.bump();
                    }
                    self.expect_word("percent", "expect play message at 125 percent")?;
                }
                Thing::PlayMessage { from, speed }
            }
            "message" => self.expected_message()?,
            "forwarded" => {
                let to =
                    if self.eat_word("to") { Some(self.name("a user of the test")?) } else { None };
                Thing::Forwarded(to)
            }
            other => {
                let error = Diagnostic::error(10, word.span, "this can't be expected")
                    .mend("for example: expect say \"…\", expect message to bob, expect no hangup")
                    .suggest(other, THINGS);
                return self.tell(error);
            }
        })
    }

    fn expected_message(&mut self) -> Parsed<Thing> {
        let to = if self.eat_word("to") { Some(self.name("a user of the test")?) } else { None };
        let lasting = if self.eat_word("lasting") { Some(self.duration()?) } else { None };
        let mut with = SendFlags::default();
        if self.at_word("with") {
            self.extras(&mut with)?;
        }
        with.later = self.eat_word("later");
        Ok(Thing::Message { to, lasting, with })
    }

    fn expected_setting(&mut self) -> Parsed<Thing> {
        let span = self.span();
        let word = self.name("a setting")?;
        Ok(Thing::Set(match word.text.as_str() {
            "language" => Setting::Language,
            "pin" => Setting::Pin,
            "greeting" => Setting::Greeting,
            "do_not_disturb" => Setting::DoNotDisturb,
            "delivery" => {
                let preset = PRESETS.iter().find(|(name, _)| *name == self.word_here());
                if preset.is_some() {
                    self.bump();
                }
                Setting::Delivery(preset.map(|(_, preset)| *preset))
            }
            other => {
                let known = ["language", "pin", "greeting", "do_not_disturb", "delivery"];
                let error =
                    Diagnostic::error(10, span, "there is no such setting").suggest(other, known);
                return self.tell(error);
            }
        }))
    }
}
