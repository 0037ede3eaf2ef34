//! Rules as text: a line each, to read and to write.
//!
//! ```text
//! when absent or busy and mon-fri 9:00-18:00: ring desk and mobile 3 times every 60s for 30s, then notify work
//! when unheard for 1h and urgent: escalate to carol, then go on
//! always: pop up together with notify push
//! ```
//!
//! Conditions are joined by `and`, the words of one by `or`; acts by `then`, those at once by
//! `together with`. `notify` may be left out or be written `mail`, `push`, `message` or `tell`.

use std::fmt::Write as _;

use super::condition::{Period, Reached, When, Who};
use super::profile::{Act, Ring, Rule, default_attempts, default_retry, default_ring};

/// Why a line is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct NoRule {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong, and what mends it.
    pub what: String,
}

/// The rules as text.
pub fn write(rules: &[Rule]) -> String {
    let mut text = String::new();
    for rule in rules {
        // Writing to a String does not fail.
        let _infallible = writeln!(text, "{}", line(rule));
    }
    text
}

fn line(rule: &Rule) -> String {
    let mut acts: Vec<_> = rule.acts.iter().map(act).collect();
    if rule.go_on {
        acts.push("go on".into());
    }
    format!("{}: {}", condition(&rule.when), acts.join(", then "))
}

fn condition(when: &When) -> String {
    let mut parts = Vec::new();
    let or = |words: Vec<String>| words.join(" or ");
    if !when.presence.is_empty() {
        parts.push(or(when.presence.iter().map(|p| p.words().to_owned()).collect()));
    }
    if !when.hours.is_empty() {
        parts.push(or(when.hours.iter().map(ToString::to_string).collect()));
    }
    if !when.from.is_empty() {
        parts.push(format!(
            "from {}",
            or(when.from.iter().map(|w| quoted(&w.to_string())).collect())
        ));
    }
    match when.urgent {
        Some(true) => parts.push("urgent".into()),
        Some(false) => parts.push("not urgent".into()),
        None => {}
    }
    if let Some(secs) = when.unheard_secs {
        parts.push(format!("unheard for {}", time(secs)));
    }
    if parts.is_empty() { "always".into() } else { format!("when {}", parts.join(" and ")) }
}

fn act(act: &Act) -> String {
    let names =
        |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" and ");
    match act {
        Act::PopUp => "pop up".into(),
        Act::Ring(ring) => {
            let mut text = format!("ring {}", names(&ring.device));
            if ring.attempts == 1 {
                text.push_str(" once");
            } else {
                let _infallible =
                    write!(text, " {} times every {}", ring.attempts, time(ring.retry_secs));
            }
            let _infallible = write!(text, " for {}", time(ring.ring_secs));
            text
        }
        Act::Notify { device } => format!("notify {}", names(device)),
        Act::Wait { secs } => format!("wait {}", time(*secs)),
        Act::Escalate { to } => format!("escalate to {}", quoted(to)),
        Act::All(acts) => acts.iter().map(self::act).collect::<Vec<_>>().join(" together with "),
        Act::Stop => "stop".into(),
    }
}

fn time(secs: u32) -> String {
    match secs {
        s if s > 0 && s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s > 0 && s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s > 60 && s % 60 == 0 => format!("{}min", s / 60),
        s => format!("{s}s"),
    }
}

/// Words that mean something of their own.
const WORDS: [&str; 16] = [
    "and", "or", "then", "together", "with", "once", "times", "every", "for", "to", "go", "on",
    "from", "when", "always", "stop",
];

fn quoted(name: &str) -> String {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '@' | '+' | '.' | '*' | '#');
    let number = name.chars().all(|c| c.is_ascii_digit());
    if name.is_empty() || !name.chars().all(plain) || WORDS.contains(&name) || number {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

/// Reads rules, one a line. Empty lines and those that begin with `#` are passed over.
///
/// # Errors
/// The first line that is no rule.
pub fn read(text: &str) -> Result<Vec<Rule>, NoRule> {
    let mut rules = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words = words(line).and_then(|words| Reader { words, at: 0 }.rule());
        rules.push(words.map_err(|what| NoRule { line: n + 1, what })?);
    }
    Ok(rules)
}

/// A word, or a text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Quoted(String),
    Comma,
    Colon,
}

impl Word {
    fn shown(&self) -> String {
        match self {
            Self::Plain(word) => word.clone(),
            Self::Quoted(text) => format!("\"{text}\""),
            Self::Comma => ",".into(),
            Self::Colon => ":".into(),
        }
    }
}

fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(words) };
        if first == '"' {
            let inner = &rest[1..];
            let end = inner.find('"').ok_or("a name in quotes does not end: close its quotes")?;
            words.push(Word::Quoted(inner[..end].to_owned()));
            rest = &inner[end + 1..];
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        let bare = word.trim_end_matches([',', ':']);
        if !bare.is_empty() {
            // Days may stand with commas between them: what is within a word stays there.
            words.push(Word::Plain(bare.to_owned()));
        }
        for mark in word[bare.len()..].chars() {
            words.push(if mark == ',' { Word::Comma } else { Word::Colon });
        }
    }
}

struct Reader {
    words: Vec<Word>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        self.at += usize::from(word.is_some());
        word
    }

    /// Whether the next words are these; they are passed then.
    fn takes(&mut self, wanted: &str) -> bool {
        let count = wanted.split(' ').count();
        let fits = wanted.split(' ').enumerate().all(|(n, wanted)| {
            matches!(self.words.get(self.at + n), Some(Word::Plain(word)) if word.eq_ignore_ascii_case(wanted))
        });
        self.at += if fits { count } else { 0 };
        fits
    }

    fn found(&self) -> String {
        self.peek()
            .map_or_else(|| "the end of the line".into(), |word| format!("'{}'", word.shown()))
    }

    fn rule(mut self) -> Result<Rule, String> {
        let mut when = When::default();
        if self.takes("when") {
            loop {
                self.condition(&mut when)?;
                if !self.takes("and") {
                    break;
                }
            }
        } else if !self.takes("always") {
            return Err(format!("a rule begins with `when` or `always`, not {}", self.found()));
        }
        if self.next() != Some(Word::Colon) {
            self.at = self.at.saturating_sub(1);
            return Err(format!(
                "a colon stands between the conditions and what is done, not {}: when absent: ring desk",
                self.found()
            ));
        }
        let (mut acts, mut go_on) = (Vec::new(), false);
        loop {
            if self.takes("go on") {
                go_on = true;
            } else {
                acts.push(self.acts()?);
            }
            if self.peek() == Some(&Word::Comma) {
                self.at += 1;
                self.takes("then");
            } else if !self.takes("then") {
                break;
            }
        }
        if self.peek().is_some() {
            return Err(format!("what is done next follows `, then`, not {}", self.found()));
        }
        Ok(Rule { when, acts, go_on })
    }

    fn condition(&mut self, when: &mut When) -> Result<(), String> {
        if self.takes("not urgent") {
            when.urgent = Some(false);
        } else if self.takes("urgent") {
            when.urgent = Some(true);
        } else if self.takes("unheard") {
            self.takes("for");
            when.unheard_secs = Some(self.time()?);
        } else if self.takes("from") {
            loop {
                when.from.push(Who::from(self.name("a sender")?));
                if !self.takes("or") && !self.comma() {
                    break;
                }
            }
        } else if let Some(presence) = self.presence() {
            when.presence.push(presence);
            while self.takes("or") {
                let more = self.presence();
                when.presence.push(more.ok_or_else(|| {
                    format!("after `or` another presence is needed, not {}", self.found())
                })?);
            }
        } else {
            when.hours.push(self.period()?);
            while self.takes("or") {
                when.hours.push(self.period()?);
            }
        }
        Ok(())
    }

    fn comma(&mut self) -> bool {
        let comma = self.peek() == Some(&Word::Comma);
        self.at += usize::from(comma);
        comma
    }

    fn presence(&mut self) -> Option<Reached> {
        Reached::ALL.into_iter().find(|presence| self.takes(presence.words()))
    }

    /// Days and a time, in either order.
    fn period(&mut self) -> Result<Period, String> {
        let mut text = String::new();
        while let Some(Word::Plain(word)) = self.peek() {
            if word == "or" || word == "and" {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
            self.at += 1;
            self.comma();
        }
        if text.is_empty() {
            return Err(format!(
                "{} is no condition: write present, absent, away, busy, do not disturb, hours such as mon-fri 9:00-18:00, from, urgent or unheard for 1h",
                self.found()
            ));
        }
        text.parse().map_err(|_| {
            format!("'{text}' is no condition: write present, absent, away, busy, do not disturb, hours such as mon-fri 9:00-18:00, from, urgent or unheard for 1h")
        })
    }

    fn acts(&mut self) -> Result<Act, String> {
        let mut acts = vec![self.act()?];
        while self.takes("together with") {
            acts.push(self.act()?);
        }
        Ok(if acts.len() == 1 { acts.swap_remove(0) } else { Act::All(acts) })
    }

    fn act(&mut self) -> Result<Act, String> {
        if self.takes("pop up") || self.takes("pop-up") {
            return Ok(Act::PopUp);
        }
        if self.takes("stop") {
            return Ok(Act::Stop);
        }
        if self.takes("wait") {
            self.takes("for");
            return Ok(Act::Wait { secs: self.time()? });
        }
        if self.takes("escalate to") || self.takes("escalate") {
            return Ok(Act::Escalate { to: self.name("a user")? });
        }
        if self.takes("ring") {
            return self.ring();
        }
        if ["notify", "mail", "push", "message", "tell"].into_iter().any(|word| self.takes(word)) {
            return Ok(Act::Notify { device: self.names()? });
        }
        Err(format!(
            "{} is nothing to do: write pop up, ring, notify, wait, escalate to, stop or go on",
            self.found()
        ))
    }

    fn ring(&mut self) -> Result<Act, String> {
        let mut ring = Ring {
            device: self.names()?,
            attempts: default_attempts(),
            retry_secs: default_retry(),
            ring_secs: default_ring(),
        };
        loop {
            if self.takes("once") {
                ring.attempts = 1;
            } else if self.takes("every") {
                ring.retry_secs = self.time()?;
            } else if self.takes("for") {
                ring.ring_secs = self.time()?;
            } else if let Some(Word::Plain(word)) = self.peek()
                && let Ok(attempts) = word.parse()
            {
                self.at += 1;
                ring.attempts = attempts;
                if !self.takes("times") && !self.takes("time") {
                    return Err(format!(
                        "after {attempts} the word `times` is needed: ring desk 3 times"
                    ));
                }
            } else {
                return Ok(Act::Ring(ring));
            }
        }
    }

    fn names(&mut self) -> Result<Vec<String>, String> {
        let mut names = vec![self.name("a device")?];
        while self.takes("and") {
            names.push(self.name("a device")?);
        }
        Ok(names)
    }

    fn name(&mut self, what: &str) -> Result<String, String> {
        match self.peek() {
            Some(Word::Plain(name) | Word::Quoted(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            Some(Word::Comma | Word::Colon) | None => {
                Err(format!("{what} is named here, not {}", self.found()))
            }
        }
    }

    fn time(&mut self) -> Result<u32, String> {
        let wrong =
            |found: String| format!("a time is needed such as 30s, 5min, 1h or 2d, not {found}");
        let Some(Word::Plain(word)) = self.peek() else { return Err(wrong(self.found())) };
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, mut unit) = (word[..digits].to_owned(), word[digits..].to_owned());
        self.at += 1;
        if unit.is_empty()
            && let Some(Word::Plain(word)) = self.peek()
        {
            unit.clone_from(word);
            self.at += 1;
        }
        let factor = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            _ => return Err(wrong(format!("'{number}{unit}'"))),
        };
        let number: u32 = number.parse().map_err(|_| wrong(format!("'{number}{unit}'")))?;
        Ok(number.saturating_mul(factor))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reads(text: &str) -> String {
        read(text).map_or_else(|error| error.to_string(), |rules| write(&rules))
    }

    #[test]
    fn rules_are_read_as_people_write_them() {
        for (typed, form) in [
            (
                "when absent and 9:00-18:00 mon-fri: ring mobile 3 times every 60s, then mail work",
                "when absent and mon-fri 9:00-18:00: ring mobile 3 times every 60s for 30s, then notify work",
            ),
            ("always: stop", "always: stop"),
            ("When present or away : pop-up", "when present or away: pop up"),
            (
                "when do not disturb and not urgent: stop",
                "when do not disturb and not urgent: stop",
            ),
            (
                "when from alice or @family, contacts: ring \"my desk\" and mobile once for 20 s",
                "when from alice or @family or contacts: ring \"my desk\" and mobile once for 20s",
            ),
            (
                "when unheard for 1 hour and urgent: escalate to carol, then go on",
                "when urgent and unheard for 1h: escalate to carol, then go on",
            ),
            (
                "when sat, sun or mon-fri 22:00-6:00: pop up together with push phone, then wait 10 minutes, then stop",
                "when sat,sun or mon-fri 22:00-6:00: pop up together with notify phone, then wait 10min, then stop",
            ),
            ("# nothing\n\nalways: tell hook", "always: notify hook"),
        ] {
            assert_eq!(reads(typed), format!("{form}\n"), "{typed}");
            assert_eq!(reads(form), format!("{form}\n"));
        }
    }

    #[test]
    fn what_is_no_rule_says_what_mends_it() {
        for (typed, said) in [
            ("ring desk", "line 1: a rule begins with `when` or `always`, not 'ring'"),
            ("always: stop\nwhen absent ring desk", "line 2: a colon stands"),
            ("when asleep: stop", "'asleep' is no condition"),
            ("when : stop", "is no condition"),
            ("always: dance", "'dance' is nothing to do"),
            ("always: ring", "a device is named here, not the end of the line"),
            ("always: wait long", "a time is needed"),
            ("always: ring desk 3", "the word `times`"),
            ("always: ring \"desk", "close its quotes"),
            ("always: stop stop", "follows `, then`"),
            ("when unheard for 99999999999h: stop", "a time is needed"),
        ] {
            assert!(reads(typed).contains(said), "{typed}: {}", reads(typed));
        }
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z]{1,6}",
            "[a-z]{1,3} [a-z0-9,:]{1,4}",
            Just("then".to_owned()),
            "[0-9]{1,3}"
        ]
    }

    fn any_act() -> impl Strategy<Value = Act> {
        let names = || proptest::collection::vec(name(), 1..4);
        let plain = prop_oneof![
            Just(Act::PopUp),
            (names(), 1u8..10, 1u32..90_000, 5u32..121).prop_map(
                |(device, attempts, retry, ring_secs)| {
                    // A single attempt has no pause.
                    let retry_secs = if attempts == 1 { default_retry() } else { retry };
                    Act::Ring(Ring { device, attempts, retry_secs, ring_secs })
                }
            ),
            names().prop_map(|device| Act::Notify { device }),
            (1u32..700_000).prop_map(|secs| Act::Wait { secs }),
            name().prop_map(|to| Act::Escalate { to }),
        ];
        prop_oneof![
            plain.clone(),
            Just(Act::Stop),
            proptest::collection::vec(plain, 2..4).prop_map(Act::All),
        ]
    }

    fn any_when() -> impl Strategy<Value = When> {
        let presence = proptest::sample::subsequence(Reached::ALL.to_vec(), 0..3);
        let hours = prop_oneof![Just("mon-fri 9:00-18:00"), Just("22:00-6:00"), Just("sat,sun")];
        let hours = hours.prop_map(|text| text.parse().unwrap());
        let from = name().prop_map(Who::Named);
        (
            presence,
            proptest::collection::vec(hours, 0..3),
            proptest::collection::vec(from, 0..3),
            any::<Option<bool>>(),
            proptest::option::of(1u32..700_000),
        )
            .prop_map(|(presence, hours, from, urgent, unheard_secs)| When {
                presence,
                hours,
                from,
                urgent,
                unheard_secs,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            rules in proptest::collection::vec(
                (any_when(), proptest::collection::vec(any_act(), 1..4), any::<bool>())
                    .prop_map(|(when, acts, go_on)| Rule { when, acts, go_on }), 0..5)
        ) {
            let text = write(&rules);
            prop_assert_eq!(read(&text).map_err(|e| format!("{e}\n{text}")), Ok(rules));
        }

        #[test]
        fn nothing_that_is_typed_breaks_it(text in "[a-z0-9:,\" -]{0,60}") {
            let _ = read(&text);
            let _ = read(&format!("when {text}: ring {text}"));
        }
    }
}
