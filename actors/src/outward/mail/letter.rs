//! What is written to people, in their language.
//!
//! A subject names who spoke and nothing secret: it is shown on locked screens. The link is the
//! key to the message, and stands in the text alone.

use std::fmt::Write as _;

use hark_engine::calendar::Zone;
use hark_engine::message::MessageSummary;
use hark_engine::time::UnixMillis;

use super::{Recording, clean};
use crate::web::link_page::escape;

/// The longest name that is shown.
const LONGEST_NAME: usize = 80;

/// A language that mails are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, for everybody whose language we don't write.
    English,
    /// German.
    German,
}

impl Language {
    /// The language for a BCP 47 tag.
    pub fn of(tag: &str) -> Self {
        let primary = tag.split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("de") { Self::German } else { Self::English }
    }

    /// Its tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

/// A mail's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The subject.
    pub subject: String,
    /// The text.
    pub plain: String,
    /// The same as HTML.
    pub html: String,
}

impl Letter {
    /// The text on one line, for ways that have no more.
    pub fn one_line(&self) -> String {
        self.plain.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Who reads a letter.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// In which language.
    pub language: Language,
    /// In which zone times are told.
    pub zone: Zone,
    /// Their name.
    pub name: &'a str,
}

impl Reader<'_> {
    /// `Mon 5 Jan 2026, 13:05 (Europe/Berlin)`, `Mo 5. Jan. 2026, 13:05 Uhr (Europe/Berlin)`
    fn date(&self, at: UnixMillis) -> String {
        const DAYS: [(&str, &str); 7] = [
            ("Mon", "Mo"),
            ("Tue", "Di"),
            ("Wed", "Mi"),
            ("Thu", "Do"),
            ("Fri", "Fr"),
            ("Sat", "Sa"),
            ("Sun", "So"),
        ];
        const MONTHS: [(&str, &str); 12] = [
            ("Jan", "Jan."),
            ("Feb", "Feb."),
            ("Mar", "März"),
            ("Apr", "Apr."),
            ("May", "Mai"),
            ("Jun", "Juni"),
            ("Jul", "Juli"),
            ("Aug", "Aug."),
            ("Sep", "Sept."),
            ("Oct", "Okt."),
            ("Nov", "Nov."),
            ("Dec", "Dez."),
        ];
        let shown = self.zone.civil(at);
        let day = DAYS.get(usize::from(shown.weekday).wrapping_sub(1)).copied().unwrap_or_default();
        let month =
            MONTHS.get(usize::from(shown.month).wrapping_sub(1)).copied().unwrap_or_default();
        let (date, year, zone) = (shown.day, shown.year, self.zone.name());
        let time = format!("{}:{:02}", shown.hour, shown.minute);
        match self.language {
            Language::English => format!("{} {date} {} {year}, {time} ({zone})", day.0, month.0),
            Language::German => {
                format!("{} {date}. {} {year}, {time} Uhr ({zone})", day.1, month.1)
            }
        }
    }
}

/// That there is a message.
pub fn message(
    reader: &Reader<'_>,
    message: &MessageSummary,
    link: &str,
    recording: &Recording,
) -> Letter {
    let language = reader.language;
    let sender = sender_name(language, &message.sender.name);
    let recipient = clean(reader.name, LONGEST_NAME);
    let (at, length) = (reader.date(message.at), clock(message.length_ms));
    let (subject, greeting, said, listen, expires) = match language {
        Language::English => (
            format!("Voice message from {sender}"),
            format!("Hello {recipient},"),
            format!("{sender} left you a voice message of {length}: {at}."),
            "Listen to it",
            "Whoever has this link can hear the message: keep it to yourself.",
        ),
        Language::German => (
            format!("Sprachnachricht von {sender}"),
            format!("Guten Tag {recipient},"),
            format!("{sender} hat Ihnen eine Sprachnachricht von {length} hinterlassen: {at}."),
            "Anhören",
            "Wer diesen Link hat, kann die Nachricht hören: Geben Sie ihn nicht weiter.",
        ),
    };
    let urgent = match (message.urgent, language) {
        (false, _) => None,
        (true, Language::English) => Some("It is marked urgent."),
        (true, Language::German) => Some("Sie ist als dringend gekennzeichnet."),
    };
    let recording = match (recording, language) {
        (Recording::Not, _) => None,
        (Recording::Attached(..), Language::English) => Some("The recording is attached."),
        (Recording::Attached(..), Language::German) => Some("Die Aufnahme ist angehängt."),
        (Recording::Private, Language::English) => {
            Some("The sender marked it private, so it is not attached.")
        }
        (Recording::Private, Language::German) => {
            Some("Sie ist als vertraulich gekennzeichnet und darum nicht angehängt.")
        }
        (Recording::TooLarge, Language::English) => Some("It is too large to be attached."),
        (Recording::TooLarge, Language::German) => Some("Sie ist zu groß, um angehängt zu werden."),
    };
    let said: Vec<&str> = [Some(said.as_str()), urgent, recording].into_iter().flatten().collect();
    let said = said.join(" ");
    let plain = format!("{greeting}\n\n{said}\n\n{listen}: {link}\n\n{expires}\n");
    let html = document(
        language,
        &format!(
            "<p>{}</p>\n<p>{}</p>\n<p><a href=\"{link}\" style=\"{BUTTON}\">{listen}</a></p>\n\
             <p style=\"{SMALL}\">{expires}<br>{link}</p>",
            escape(&greeting),
            escape(&said),
            link = escape(link),
        ),
    );
    Letter { subject, plain, html }
}

/// A code that shows whose an address is.
pub fn code(language: Language, code: &str) -> Letter {
    let (subject, said, otherwise) = match language {
        Language::English => (
            "Your confirmation code",
            "Your code for Hark is",
            "If you did not ask for it, somebody mistyped an address: do nothing.",
        ),
        Language::German => (
            "Ihr Bestätigungscode",
            "Ihr Code für Hark lautet",
            "Wenn Sie ihn nicht angefordert haben, hat sich jemand vertippt: Tun Sie nichts.",
        ),
    };
    Letter {
        subject: subject.to_owned(),
        plain: format!("{said} {code}\n\n{otherwise}\n"),
        html: document(
            language,
            &format!(
                "<p>{said}</p>\n<p style=\"font-size:28px;letter-spacing:4px\"><b>{}</b></p>\n\
                 <p style=\"{SMALL}\">{otherwise}</p>",
                escape(code)
            ),
        ),
    }
}

/// What became of a message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptLine {
    /// To whom it was.
    pub recipient: String,
    /// When it was sent.
    pub sent: UnixMillis,
    /// How long it is, in milliseconds.
    pub length_ms: u32,
    /// What became of it.
    pub fate: Fate,
}

/// What a sender is told became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was heard.
    Heard {
        /// When first.
        at: UnixMillis,
        /// Up to which position, in milliseconds.
        heard_ms: u32,
    },
    /// It could not be delivered.
    Failed {
        /// Why not.
        reason: String,
    },
}

/// What became of a sender's messages.
pub fn receipts(reader: &Reader<'_>, lines: &[ReceiptLine]) -> Letter {
    let language = reader.language;
    let failed = lines.iter().filter(|l| matches!(l.fate, Fate::Failed { .. })).count();
    let heard = lines.len() - failed;
    let sender = clean(reader.name, LONGEST_NAME);
    let (subject, greeting, off) = match language {
        Language::English => (
            match (heard, failed) {
                (1, 0) => "Your message was heard".to_owned(),
                (heard, 0) => format!("{heard} of your messages were heard"),
                (0, 1) => "A message could not be delivered".to_owned(),
                (0, failed) => format!("{failed} messages could not be delivered"),
                (heard, failed) => format!("Your messages: {heard} heard, {failed} not delivered"),
            },
            format!("Hello {sender},"),
            "You get these mails because you asked for them in your Hark profile.",
        ),
        Language::German => (
            match (heard, failed) {
                (1, 0) => "Ihre Nachricht wurde gehört".to_owned(),
                (heard, 0) => format!("{heard} Ihrer Nachrichten wurden gehört"),
                (0, 1) => "Eine Nachricht konnte nicht zugestellt werden".to_owned(),
                (0, failed) => format!("{failed} Nachrichten konnten nicht zugestellt werden"),
                (heard, failed) => {
                    format!("Ihre Nachrichten: {heard} gehört, {failed} nicht zugestellt")
                }
            },
            format!("Guten Tag {sender},"),
            "Sie erhalten diese Mails, weil Sie sie in Ihrem Hark-Profil bestellt haben.",
        ),
    };
    let (mut plain, mut html) = (format!("{greeting}\n\n"), String::new());
    for line in lines {
        let line = receipt_line(reader, line);
        // Writing to a String does not fail.
        let _infallible = writeln!(plain, "- {line}");
        let _infallible = writeln!(html, "<li>{}</li>", escape(&line));
    }
    let _infallible = write!(plain, "\n{off}\n");
    let html = document(
        language,
        &format!("<p>{}</p>\n<ul>\n{html}</ul>\n<p style=\"{SMALL}\">{off}</p>", escape(&greeting)),
    );
    Letter { subject, plain, html }
}

fn receipt_line(reader: &Reader<'_>, line: &ReceiptLine) -> String {
    let (to, sent, length) =
        (clean(&line.recipient, LONGEST_NAME), reader.date(line.sent), clock(line.length_ms));
    match (&line.fate, reader.language) {
        (Fate::Heard { at, heard_ms }, Language::English) => {
            let (at, heard) = (reader.date(*at), clock(*heard_ms));
            format!("{to} heard {heard} of {length} of the message of {sent}: {at}.")
        }
        (Fate::Heard { at, heard_ms }, Language::German) => {
            let (at, heard) = (reader.date(*at), clock(*heard_ms));
            format!("{to} hat {heard} von {length} der Nachricht vom {sent} gehört: {at}.")
        }
        (Fate::Failed { reason }, Language::English) => {
            let reason = clean(reason, 200);
            format!(
                "The message of {sent}, {length} long, did not reach {to}: {reason}. It waits in the mailbox."
            )
        }
        (Fate::Failed { reason }, Language::German) => {
            let reason = clean(reason, 200);
            format!(
                "Die Nachricht vom {sent}, {length}, hat {to} nicht erreicht: {reason}. Sie liegt im Postfach."
            )
        }
    }
}

/// That there is a message, on one line: for SIP MESSAGE.
pub fn text_message(language: Language, message: &MessageSummary, link: &str) -> String {
    let title = title(language, &message.sender.name);
    format!("{title} ({}): {link}", clock(message.length_ms))
}

/// The title of a notification.
pub fn title(language: Language, sender: &str) -> String {
    let sender = sender_name(language, sender);
    match language {
        Language::English => format!("Voice message from {sender}"),
        Language::German => format!("Sprachnachricht von {sender}"),
    }
}

fn sender_name(language: Language, name: &str) -> String {
    let name = clean(name, LONGEST_NAME);
    match (name.is_empty(), language) {
        (false, _) => name,
        (true, Language::English) => "an unknown caller".to_owned(),
        (true, Language::German) => "einem unbekannten Anrufer".to_owned(),
    }
}

/// `1:02` for 61.5 s.
pub fn clock(ms: u32) -> String {
    let seconds = ms.div_ceil(1000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

const BUTTON: &str = "display:inline-block;padding:10px 18px;border-radius:8px;\
                      background:#1d4ed8;color:#ffffff;text-decoration:none";
const SMALL: &str = "color:#667085;font-size:13px";

fn document(language: Language, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\"></head>\n\
         <body style=\"font-family:system-ui,sans-serif;font-size:16px;line-height:1.5\">\n\
         {body}\n</body>\n</html>\n",
        language.tag()
    )
}

#[cfg(test)]
mod tests;
