//! What the words of the language mean, for hovers and completions: each with how it is written
//! and one sentence.

/// A word of the language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub word: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn word(word: &'static str, form: &'static str, help: &'static str) -> Word {
    Word { word, form, help }
}

/// The words that begin something at the outermost level.
pub(super) const ITEMS: &[Word] = &[
    word(
        "import",
        "import \"hark/mailbox.dial\"",
        "Takes another file into this dialplan: a path from here, or `hark/…` for what ships with Hark.",
    ),
    word(
        "languages",
        "languages en, de",
        "The languages of the callers. The prompts are written in the first.",
    ),
    word(
        "language",
        "language de { \"Goodbye.\" = \"Auf Wiederhören.\" }",
        "How another language says the texts.",
    ),
    word("timezone", "timezone \"Europe/Berlin\"", "Where the dialplan's clocks are."),
    word("holidays", "holidays feast = 12-25, 2026-12-31", "Days on which nobody works."),
    word(
        "hours",
        "hours office = mon-fri 9:00-17:30 except feast",
        "When something is open. `office.open` tells whether it is now.",
    ),
    word(
        "allow",
        "allow local = \"030x{4,8}\"",
        "Numbers that may be dialled on a caller's behalf: `if ext in local as number`.",
    ),
    word("json", "json Booking { name: Text, open: Bool }", "The shape of a web service's answer."),
    word("constant", "constant tries = 3", "A value with a name, the same in every call."),
    word(
        "route",
        "route \"1xxx\" as ext -> deposit(user(ext))",
        "Which flow answers which number. The most exact pattern wins.",
    ),
    word("otherwise", "otherwise -> wrong_number", "What answers a number that no route has."),
    word("flow", "flow deposit(to: User) { … }", "Instructions with a name, one after the other."),
    word(
        "menu",
        "menu { say \"…\" key 1 -> … other -> … silence 6s -> … }",
        "Speaks, and does what the key that the caller presses says.",
    ),
    word(
        "test",
        "test \"…\" { call \"1002\" as alice; expect say \"…\" }",
        "A call that is tried whenever the dialplan is loaded.",
    ),
];

/// The words that begin an instruction.
pub(super) const INSTRUCTIONS: &[Word] = &[
    word("answer", "answer", "Picks up. Whatever is heard or asked does so by itself."),
    word(
        "early",
        "early",
        "What follows is heard before the call is picked up, and costs the caller nothing.",
    ),
    word(
        "say",
        "say \"Hello {to.name}.\" recorded \"hello\"",
        "Speaks a text, or plays its recording where there is one.",
    ),
    word(
        "play",
        "play to.greeting else say \"…\"",
        "Plays a greeting, a spoken name, a message, a recording or a `prompt`.",
    ),
    word("beep", "beep", "The tone after which one speaks."),
    word("tone", "tone 440 for 200ms", "A tone of so many hertz."),
    word("pause", "pause 500ms", "Silence. A key ends it."),
    word(
        "record",
        "message = record max 59s, stop on \"#\" or silence 4s, hangup keeps",
        "Records the caller. The recording has to be used exactly once on every way.",
    ),
    word(
        "collect",
        "pin = collect 4 to 10, end on #, silence 6s, secret else goodbye",
        "Takes so many digits.",
    ),
    word(
        "webhook",
        "found = webhook \"https://…\" { number: caller.number } as Found within 3s else { … }",
        "Asks a web service.",
    ),
    word("send", "send message to bob with receipt else { … }", "Makes a recording a message."),
    word(
        "forward",
        "forward m of me to bob introduced by intro else { … }",
        "Sends a message on, perhaps with words before it.",
    ),
    word(
        "keep",
        "keep r as greeting busy of me else { … }",
        "Makes a recording a greeting, or a user's spoken name.",
    ),
    word("remove", "remove greeting busy of me else { … }", "Removes a greeting."),
    word("discard", "discard message", "Throws a recording away."),
    word("save", "save m for me else { … }", "Moves a message to the saved ones."),
    word(
        "delete",
        "delete m for me else { … }",
        "Moves a message to the deleted ones, where `restore` finds it.",
    ),
    word("restore", "restore m for me else { … }", "Brings a deleted message back."),
    word(
        "confirm",
        "confirm m for me else { … }",
        "Notes that the user has confirmed the message.",
    ),
    word("mark_heard", "mark_heard m for me", "Notes that the user has heard the message."),
    word(
        "set",
        "set me.language = \"de\" else { … }",
        "Changes a user's language, pin, delivery or do_not_disturb.",
    ),
    word("notify", "notify bob \"There is cake.\" else { … }", "Shows words in a user's browser."),
    word("told", "told me", "Notes that the receipts of this user were told."),
    word("connect", "connect bob for 20s else { … }", "Rings somebody and lets both speak."),
    word(
        "ring",
        "ring me for 30s -> call_to_record(me) else { … }",
        "Rings somebody and runs a flow with them.",
    ),
    word(
        "menu",
        "menu { say \"…\" key 1 -> … other -> … silence 6s -> … }",
        "Speaks, and does what the key that the caller presses says.",
    ),
    word(
        "match",
        "match presence { online -> … other -> … }",
        "Does what stands behind the value.",
    ),
    word(
        "if",
        "if message.empty { … } else { … }",
        "Does one or the other. `if user(ext) as who { … }` names what may be missing.",
    ),
    word(
        "for",
        "for each m in messages(me, new) { … } else { … }",
        "Does the same for each item of a list.",
    ),
    word(
        "again",
        "again at most 2 then goodbye",
        "Begins the menu anew, or outside of one the flow.",
    ),
    word("return", "return value", "Ends the flow, and gives its value back."),
    word("speak", "speak de", "The language of what follows."),
    word("hangup", "hangup busy", "Ends the call."),
    word("log", "log \"…\"", "Writes a line into the call's trace."),
    word("panic", "panic", "Ends the call's actor. For tests of the server only."),
];

/// The words with which a menu answers.
pub(super) const ANSWERS: &[Word] = &[
    word("key", "key 1 -> …", "What a key does: one of 0-9 * # A-D."),
    word("digits", "digits \"1xxx\" as n -> …", "What a number does."),
    word("silence", "silence 6s -> …", "What happens when the caller presses nothing for so long."),
    word("other", "other -> …", "What any other key or value does."),
    word("hangup", "hangup -> …", "What happens when the caller hangs up here."),
];

/// Words between others.
pub(super) const PARTICLES: &[Word] = &[
    word("else", "… else { … }", "What is done when it fails, or if not."),
    word("and", "a and b", "Both; or one more of a list of recipients, days or extras."),
    word("or", "a or b", "One of both; or one more cause of an answer."),
    word("not", "not a", "The opposite."),
    word("true", "true", "Yes."),
    word("false", "false", "No."),
    word("as", "… as name", "Gives a name to what was found."),
    word("at", "at …", "From when, from which domain, how fast, or how often `at most`."),
    word("from", "from …", "Where it begins, or who calls."),
    word("in", "in …", "After how long, in which list, or in which time zone."),
    word("to", "to …", "To whom, or how many at most."),
    word("with", "with receipt and urgency and privacy", "What is asked for with a message."),
    word("then", "again at most 2 then …", "What is done afterwards."),
    word("between", "between 2s", "How long to wait for each further key."),
    word("end", "end on #", "The keys that end a number."),
    word("stop", "stop on # or silence 4s", "What ends a recording."),
    word("max", "record max 59s", "The longest that a recording may become."),
    word("secret", "collect 4 to 10, secret else …", "Keeps the digits out of every trace."),
    word(
        "recorded",
        "say \"…\" recorded \"welcome\"",
        "The sound file that has these words, if there is one.",
    ),
    word("when", "when office", "During which hours a route holds."),
    word("except", "except feast", "Holidays on which it is closed."),
    word("trunk", "from trunk \"carrier\"", "The trunk that the call comes in over."),
    word("guest", "from guest", "A caller without an account."),
    word("via", "via \"carrier\"", "The trunk to telephone over."),
    word("within", "within 3s", "How long a web service may take."),
    word("answering", "send r to who answering m else …", "The message that this one answers."),
    word("introduced", "introduced by intro", "The recording that is heard before the message."),
];

/// Values and functions that every dialplan has.
pub(super) const VALUES: &[Word] = &[
    word("caller", "caller: Caller", "Whoever is on the line."),
    word("site", "site: Site", "The site itself: `site.name`."),
    word("now", "now: Time", "This moment."),
    word("nothing", "nothing", "The value that is missing, where one may be."),
    word("user", "user(digits) -> User?", "The user of an extension, if there is one."),
    word("spelled", "spelled(digits) -> [User]", "The users whose names these keys spell."),
    word("messages", "messages(me, new) -> [Message]", "A user's new, saved or deleted messages."),
    word("presence", "presence(to) -> Presence", "How present a user is."),
    word("pin_matches", "pin_matches(me, digits) -> Bool", "Whether this is the user's PIN."),
    word("has_pin", "has_pin(me) -> Bool", "Whether the user has set a PIN."),
    word("devices", "devices(me) -> [Device]", "The user's devices."),
    word(
        "receipts",
        "receipts(me) -> Number",
        "How many messages of the user were heard since they were last told.",
    ),
    word(
        "waiting",
        "waiting(to) -> [Message]",
        "The other messages that wait to ring the telephone of this call.",
    ),
    word("online", "me.contacts online -> [Contact]", "Those of the contacts who are online."),
];

/// The types.
pub(super) const TYPES: &[Word] = &[
    word("Text", "Text", "Words."),
    word("Number", "Number", "A whole number."),
    word("Digits", "Digits", "Digits, spoken one by one."),
    word("Bool", "Bool", "Yes or no."),
    word("Duration", "Duration", "A length of time: `8s`, `2m`."),
    word("Time", "Time", "A moment."),
    word("User", "User", "Somebody who has a mailbox here."),
    word("Contact", "Contact", "Somebody in a user's contact list."),
    word("Caller", "Caller", "Whoever is on the line."),
    word("Device", "Device", "One of a user's devices."),
    word("Message", "Message", "A message that is kept."),
    word("Recording", "Recording", "What this call recorded."),
    word(
        "Presence",
        "Presence",
        "How present somebody is: online, away, busy, on_phone, do_not_disturb, offline.",
    ),
    word("Hours", "Hours", "Opening hours."),
    word("Dialable", "Dialable", "A number that an `allow` list holds, or that the author wrote."),
];

/// The steps of tests.
pub(super) const STEPS: &[Word] = &[
    word("call", "call \"1002\" from \"+15551234\"", "Somebody calls."),
    word(
        "deliver",
        "deliver message from alice lasting 5s to bob",
        "Hark calls to deliver a message.",
    ),
    word("begin", "begin call_to_record(alice) as alice", "Hark starts a flow."),
    word("clock", "clock \"2026-12-24 09:00\"", "What the clock shows."),
    word("store", "store fails", "Whether the store works."),
    word("recording", "recording fails", "Nothing that is recorded from here on can be kept."),
    word("callee", "callee answers for 20s", "What whoever is rung does."),
    word("webhook", "webhook answers \"\\{ \\\"open\\\": true \\}\"", "What the web service says."),
    word("speak", "speak 5s", "The caller speaks."),
    word("wait", "wait 2s", "Time passes."),
    word("press", "press \"1\"", "The caller presses keys."),
    word("hang", "hang up", "The caller hangs up."),
    word("expect", "expect say \"…\"", "What has to happen; `expect no …` for what must not."),
];

/// What a word means; where it has several meanings, each of them.
pub(super) fn meanings(name: &str, in_test: bool) -> Vec<&'static Word> {
    let first: &[&[Word]] = if in_test { &[STEPS] } else { &[] };
    let others: &[&[Word]] = &[INSTRUCTIONS, ANSWERS, ITEMS, VALUES, TYPES, PARTICLES];
    let mut found: Vec<&Word> = Vec::new();
    for word in first.iter().chain(others).flat_map(|table| table.iter()) {
        if word.word == name && !found.iter().any(|known| known.form == word.form) {
            found.push(word);
        }
    }
    if in_test && found.len() > 1 {
        found.truncate(1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::parser::{self, QUERIES, RESERVED};
    use super::super::super::resolver::names::BUILT_IN;
    use super::super::super::value::Type;
    use super::*;

    #[test]
    fn every_word_of_the_language_is_explained() {
        let types = Type::NAMED.map(|(name, _)| name);
        let all =
            RESERVED.iter().chain(&parser::ITEMS).chain(&QUERIES).chain(&BUILT_IN).chain(&types);
        let missing: Vec<_> = all.filter(|name| meanings(name, false).is_empty()).collect();
        assert!(missing.is_empty(), "no help for {missing:?}");
        let listed = |table: &[Word]| table.iter().map(|w| w.word).collect::<Vec<_>>();
        assert_eq!(listed(ITEMS), parser::ITEMS, "the items are those of the parser");
        assert_eq!(listed(TYPES), types, "the types are those of the language");
        assert_eq!(listed(STEPS), parser::STEPS, "the steps are those of the parser");
    }

    /// The words that stand between `|` or blanks in a file for an editor.
    fn words_of(text: &str) -> std::collections::HashSet<&str> {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect()
    }

    fn all_words() -> Vec<&'static str> {
        let types = Type::NAMED.iter().map(|(name, _)| *name);
        let users = BUILT_IN.into_iter().chain(QUERIES).chain(types);
        RESERVED.into_iter().chain(parser::ITEMS).chain(parser::STEPS).chain(users).collect()
    }

    #[test]
    fn the_textmate_grammar_knows_every_word() {
        let text = include_str!("../../../../dialplans/editors/vscode/hark-dial.tmLanguage.json");
        let grammar: serde_json::Value = serde_json::from_str(text).expect("the grammar is JSON");
        let mut patterns = Vec::new();
        let mut open = vec![&grammar];
        while let Some(value) = open.pop() {
            match value {
                serde_json::Value::Object(fields) => {
                    for (key, value) in fields {
                        let is_pattern = matches!(key.as_str(), "match" | "begin" | "end");
                        patterns.extend(value.as_str().filter(|_| is_pattern));
                        open.push(value);
                    }
                }
                serde_json::Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        // A `\b` before a word is no part of it.
        let patterns = patterns.join("\n").replace("\\b", " ");
        let known = words_of(&patterns);
        let things = parser::THINGS.into_iter().chain(parser::DAYS).chain(parser::GREETINGS);
        let missing: Vec<&str> =
            all_words().into_iter().chain(things).filter(|word| !known.contains(word)).collect();
        assert!(missing.is_empty(), "the grammar does not know {missing:?}");
    }

    #[test]
    fn the_vim_syntax_knows_every_word() {
        let text = include_str!("../../../../dialplans/editors/vim/syntax/hark-dial.vim");
        let text = text.replace("\\|", " ").replace("\\%(", " ");
        let known = words_of(&text);
        let missing: Vec<&str> =
            all_words().into_iter().filter(|word| !known.contains(word)).collect();
        assert!(missing.is_empty(), "the syntax file does not know {missing:?}");
    }
}
