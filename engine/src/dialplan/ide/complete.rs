//! Where the cursor stands, and so what may be written there.

use super::super::ast::Span;
use super::super::lexer::{Token, TokenKind};
use super::super::parser;
use super::super::value::Type;
use super::Analysis;
use super::around::{Around, around, in_parens, statement};
use super::place::{Place, Within};

/// The most completions that are offered at once.
pub const MOST_COMPLETIONS: usize = 200;

/// Something that may be written at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is shown, and searched by what is typed.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// Its type, or how it is written.
    pub detail: String,
    /// What it does, in Markdown.
    pub help: String,
    /// What is replaced: the word at the cursor.
    pub span: Span,
    /// What is written there.
    pub insert: String,
    /// Whether `insert` has places to fill in, `$1` or `${1:text}`, as LSP writes snippets.
    pub snippet: bool,
}

/// The kinds of completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after what it completes")]
pub enum CompletionKind {
    Keyword,
    Snippet,
    Flow,
    Variable,
    Constant,
    Function,
    Type,
    Field,
    User,
    Language,
    File,
    Text,
}

/// What may stand at the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Items,
    Instructions,
    Answers,
    Values,
    /// What may stand behind `=` only.
    Assigned,
    Recordings,
    Flows,
    Fields(Type),
    Types,
    JsonTypes,
    Hours,
    Holidays,
    Allows,
    Languages,
    Steps,
    Users,
    Imports,
    Prompts,
    Presences,
    /// Of a hang-up.
    Causes,
    /// Ways of delivery.
    Presets,
    /// Texts that the language of the block has no words for yet.
    Untranslated,
    Words(&'static [&'static str]),
}

const FOLDERS: &[&str] = &["new", "saved", "deleted"];
const EXTRAS: &[&str] = &["receipt", "urgency", "privacy"];
const SETTINGS: &[&str] = &super::super::resolver::act::SETTINGS;
const GIVEN: &[&str] = &[
    "greeting",
    "spoken name",
    "full mailbox",
    "pin",
    "device",
    "urgent",
    "private",
    "new message",
    "saved message",
    "deleted message",
];
/// What may follow a value, by the instruction.
const FOLLOWING: &[(&str, &[&str])] = &[
    ("say", &["recorded"]),
    ("play", &["from", "at", "else"]),
    ("tone", &["for"]),
    ("collect", &["to", "end on", "silence", "between", "secret", "else"]),
    (
        "record",
        &["max", "stop on", "hangup keeps", "hangup discards", "after", "before", "or silence"],
    ),
    ("webhook", &["as", "within", "else"]),
    ("send", &["to", "and", "with", "in", "at", "answering", "else"]),
    ("forward", &["of", "to", "and", "introduced by", "with", "else"]),
    ("keep", &["as", "of", "else"]),
    ("remove", &["of", "else"]),
    ("connect", &["for", "via", "else"]),
    ("ring", &["for", "via", "else"]),
    ("notify", &["else"]),
    ("set", &["else"]),
    ("save", &["for", "else"]),
    ("delete", &["for", "else"]),
    ("restore", &["for", "else"]),
    ("confirm", &["for", "else"]),
    ("mark_heard", &["for", "else"]),
    ("again", &["then"]),
    ("if", &["and", "or", "in", "as"]),
    ("for", &["in", "else"]),
];
/// Words behind which a value, or something else of their own, is wanted.
const OPEN: &[&str] = &[
    "to",
    "of",
    "for",
    "and",
    "or",
    "not",
    "in",
    "at",
    "from",
    "with",
    "by",
    "via",
    "within",
    "max",
    "silence",
    "between",
    "answering",
    "after",
    "before",
    "most",
    "on",
];

impl Analysis {
    /// What may be written at a place, at most [`MOST_COMPLETIONS`].
    pub fn complete(&self, source: u32, offset: u32) -> Vec<Completion> {
        let offset = self.boundary(source, offset);
        let Some(place) = self.place(source, offset) else { return Vec::new() };
        let wanted = match place.within {
            Within::Comment => Vec::new(),
            Within::Text => in_text(&place),
            Within::Placeholder if place.kind_back(0) == Some(TokenKind::Dot) => {
                vec![Wanted::Fields(self.owner(&place, offset))]
            }
            Within::Placeholder => vec![Wanted::Values],
            Within::Code => self.in_code(&place, offset),
        };
        self.offer(&place, offset, &wanted)
    }

    fn in_code(&self, place: &Place<'_>, offset: u32) -> Vec<Wanted> {
        if place.kind_back(0) == Some(TokenKind::Dot) {
            let setting = statement(place).first().is_some_and(|t| place.text_of(t.span) == "set")
                && !statement(place).iter().any(|t| t.kind == TokenKind::Assign);
            if setting {
                return vec![Wanted::Words(SETTINGS)];
            }
            return vec![Wanted::Fields(self.owner(place, offset))];
        }
        let around = around(place);
        let stmt = statement(place);
        match around {
            Around::Nothing => top_level(place, &stmt),
            Around::Json => match stmt.last().map(|t| t.kind) {
                Some(TokenKind::Colon | TokenKind::LeftBracket) => vec![Wanted::Types],
                _ => Vec::new(),
            },
            Around::Language if stmt.is_empty() => vec![Wanted::Untranslated],
            Around::Language => Vec::new(),
            Around::Sent => match stmt.last().map(|t| t.kind) {
                Some(TokenKind::Colon) => vec![Wanted::Values],
                _ => Vec::new(),
            },
            Around::Test => step(place, &stmt),
            Around::Block | Around::Menu | Around::Match => instruction(place, &stmt, around),
        }
    }
}

fn in_text(place: &Place<'_>) -> Vec<Wanted> {
    match place.word_back(0) {
        "import" => vec![Wanted::Imports],
        "prompt" => vec![Wanted::Prompts],
        _ => Vec::new(),
    }
}

fn top_level(place: &Place<'_>, stmt: &[Token]) -> Vec<Wanted> {
    let Some(head) = stmt.first() else { return vec![Wanted::Items] };
    let last = stmt.last().map(|t| t.kind);
    let has = |kind| stmt.iter().any(|t| t.kind == kind);
    match place.text_of(head.span) {
        "route" | "otherwise" => match place.word_back(0) {
            _ if last == Some(TokenKind::Arrow) => vec![Wanted::Flows],
            _ if has(TokenKind::Arrow) => vec![Wanted::Values],
            "when" => vec![Wanted::Hours, Wanted::Words(&["not"])],
            "not" => vec![Wanted::Hours],
            "from" => vec![Wanted::Words(&["trunk", "user", "guest"])],
            "route" | "as" | "at" | "trunk" => Vec::new(),
            _ => vec![Wanted::Words(&["as", "at", "from", "when"])],
        },
        "flow" | "menu" => match last {
            Some(TokenKind::Colon | TokenKind::LeftBracket | TokenKind::Arrow) => {
                vec![Wanted::Types]
            }
            _ => Vec::new(),
        },
        "languages" | "language" => vec![Wanted::Languages],
        "hours" => match place.word_back(0) {
            "except" => vec![Wanted::Holidays],
            "and" if stmt.iter().any(|t| place.text_of(t.span) == "except") => {
                vec![Wanted::Holidays]
            }
            _ if has(TokenKind::Assign) => {
                vec![Wanted::Words(&parser::DAYS), Wanted::Words(&["daily", "except", "and"])]
            }
            _ => vec![Wanted::Words(&["in"])],
        },
        "constant" if has(TokenKind::Assign) => vec![Wanted::Words(&["true", "false"])],
        _ => Vec::new(),
    }
}

fn step(place: &Place<'_>, stmt: &[Token]) -> Vec<Wanted> {
    let Some(head) = stmt.first() else { return vec![Wanted::Steps, Wanted::Users] };
    let last = place.word_back(0);
    let alone = stmt.len() == 1;
    match (place.text_of(head.span), last) {
        ("begin", "begin") => vec![Wanted::Flows],
        ("expect", "expect" | "no") => vec![Wanted::Words(&parser::THINGS)],
        ("expect", "set") => vec![Wanted::Words(SETTINGS), Wanted::Words(&["greeting"])],
        ("expect", "play") => vec![Wanted::Words(&["message", "recording"])],
        ("expect", "with") => vec![Wanted::Words(EXTRAS)],
        ("expect", "hangup") => {
            vec![Wanted::Causes]
        }
        ("expect", "kept") => vec![Wanted::Words(&["name", "greeting"])],
        ("expect", "message") => vec![Wanted::Words(&["to", "lasting", "with", "later"])],
        ("expect" | "bob" | "alice" | "carol", "greeting") => {
            vec![Wanted::Words(&parser::GREETINGS)]
        }
        ("store", _) if alone => vec![Wanted::Words(&["fails", "works"])],
        ("callee" | "webhook", _) if alone => vec![Wanted::Words(&["answers", "fails"])],
        ("deliver", "deliver") => vec![Wanted::Words(&["message from"])],
        ("hang", _) => vec![Wanted::Words(&["up"])],
        (_, "is") => vec![Wanted::Presences],
        (_, "has") => vec![Wanted::Words(GIVEN)],
        (_, "speaks") => vec![Wanted::Languages],
        (_, "as" | "from" | "to" | "of" | "notified" | "ringing") => vec![Wanted::Users],
        ("begin", _) => vec![Wanted::Users, Wanted::Words(&["message", "as"])],
        ("call", _) => vec![Wanted::Words(&["as", "from", "at", "over"])],
        _ if alone && super::offer::USERS.contains(&last) => {
            vec![Wanted::Words(&["has", "is", "speaks"])]
        }
        (_, "alice" | "bob" | "carol") => vec![Wanted::Words(&["lasting", "to", "with"])],
        _ => Vec::new(),
    }
}

fn instruction(place: &Place<'_>, stmt: &[Token], around: Around) -> Vec<Wanted> {
    // An answer's action is an instruction of its own; `ring … ->` wants a flow.
    let arrow = stmt.iter().rposition(|t| t.kind == TokenKind::Arrow);
    let rings = stmt.iter().any(|t| place.text_of(t.span) == "ring");
    if let Some(arrow) = arrow {
        return match &stmt[arrow + 1..] {
            [] if rings => vec![Wanted::Flows],
            [] => vec![Wanted::Instructions, Wanted::Flows],
            action => body(place, action),
        };
    }
    let Some(head) = stmt.first() else {
        // What follows `else` or `then` is no answer.
        let begun = matches!(place.word_back(0), "else" | "then");
        return match around {
            _ if begun => vec![Wanted::Instructions, Wanted::Flows],
            Around::Menu => vec![Wanted::Answers, Wanted::Instructions, Wanted::Flows],
            Around::Match => {
                vec![Wanted::Words(&["other", "true", "false"]), Wanted::Presences]
            }
            _ if place.kind_back(0) == Some(TokenKind::RightBrace) => {
                vec![Wanted::Instructions, Wanted::Flows, Wanted::Words(&["else"])]
            }
            _ => vec![Wanted::Instructions, Wanted::Flows],
        };
    };
    let word = place.text_of(head.span);
    if around == Around::Menu && matches!(word, "key" | "digits" | "silence" | "other" | "hangup") {
        return match place.word_back(0) {
            "or" => vec![Wanted::Answers],
            "silence" => vec![Wanted::Values],
            "key" | "digits" | "as" => Vec::new(),
            _ => vec![Wanted::Words(&["or", "as"])],
        };
    }
    if around == Around::Match && word != "match" {
        return match place.word_back(0) {
            "or" => vec![Wanted::Presences, Wanted::Values],
            _ => vec![Wanted::Words(&["or"])],
        };
    }
    body(place, stmt)
}

/// What may follow within one instruction.
fn body(place: &Place<'_>, stmt: &[Token]) -> Vec<Wanted> {
    let assigned = stmt.get(1).is_some_and(|t| t.kind == TokenKind::Assign);
    if assigned && stmt.len() == 2 {
        return vec![Wanted::Assigned, Wanted::Values];
    }
    let head = stmt.get(if assigned { 2 } else { 0 });
    let head = head.map_or("", |t| place.text_of(t.span));
    let last = place.word_back(0);
    let has = |word: &str| stmt.iter().any(|t| place.text_of(t.span) == word);
    if in_parens(place) {
        let folder = has("messages") && place.kind_back(0) == Some(TokenKind::Comma);
        return if folder { vec![Wanted::Words(FOLDERS)] } else { vec![Wanted::Values] };
    }
    if head == "set" && place.kind_back(0) == Some(TokenKind::Assign) {
        return match place.word_back(1) {
            "delivery" => vec![Wanted::Presets],
            "do_not_disturb" => vec![Wanted::Words(&["true", "false"])],
            _ => vec![Wanted::Values],
        };
    }
    match (head, last) {
        ("hangup", "hangup") => {
            vec![Wanted::Causes]
        }
        ("speak", _) => vec![Wanted::Languages],
        ("if", "in") => vec![Wanted::Allows],
        ("for", "for") => vec![Wanted::Words(&["each"])],
        ("for", "each") => Vec::new(),
        ("again", "again") => vec![Wanted::Words(&["at most"])],
        ("again", "at") => vec![Wanted::Words(&["most"])],
        ("keep", "as") => vec![Wanted::Words(&["name", "greeting"])],
        ("keep" | "remove", "greeting") => {
            vec![Wanted::Words(&parser::GREETINGS), Wanted::Words(&["of"])]
        }
        ("remove", "remove") => vec![Wanted::Words(&["greeting"])],
        ("webhook", "as") => vec![Wanted::JsonTypes],
        ("record", "record") => vec![Wanted::Words(&["max"])],
        ("record", "hangup") => vec![Wanted::Words(&["keeps", "discards"])],
        ("record", "stop") | ("collect", "end") => vec![Wanted::Words(&["on"])],
        ("record", "or") => vec![Wanted::Words(&["silence"])],
        (_, "as") => Vec::new(),
        ("send" | "forward", "with") => vec![Wanted::Words(EXTRAS)],
        ("send" | "forward", "and") if has("with") => vec![Wanted::Words(EXTRAS)],
        ("forward", "introduced") => vec![Wanted::Words(&["by"])],
        ("discard", "discard") | ("send", "send") | ("keep", "keep") | ("forward", "by") => {
            vec![Wanted::Recordings]
        }
        ("record", "after" | "before") => vec![Wanted::Recordings],
        ("play", "play") => vec![Wanted::Words(&["prompt"]), Wanted::Values],
        (head, last) if head == last && stmt.len() == 1 => vec![Wanted::Values],
        (_, last) if OPEN.contains(&last) => vec![Wanted::Values],
        (head, _) => {
            let operand = matches!(
                place.kind_back(0),
                Some(
                    TokenKind::Word
                        | TokenKind::Text
                        | TokenKind::Number(_)
                        | TokenKind::Duration(_)
                        | TokenKind::RightParen
                        | TokenKind::RightBracket
                        | TokenKind::Hash
                        | TokenKind::Star
                        | TokenKind::RightBrace
                )
            );
            let comma = place.kind_back(0) == Some(TokenKind::Comma);
            let goes_on = operand || (comma && matches!(head, "record" | "collect"));
            if !goes_on {
                return vec![Wanted::Values];
            }
            let following = FOLLOWING.iter().find(|(name, _)| *name == head);
            let words = following.map_or(&["and", "or", "else"][..], |(_, words)| words);
            vec![Wanted::Words(words)]
        }
    }
}
