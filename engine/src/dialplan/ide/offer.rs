//! What may be written: names in scope, fields, words of the language, and whole items to fill in.

use std::collections::HashSet;

use super::super::ast::Span;
use super::super::builtin;
use super::super::imports::{SHIPPED, target};
use super::super::parser::{CAUSES, PRESETS};
use super::super::speech::Language;
use super::super::value::{FIELDS, PRESENCES, Type};
use super::Analysis;
use super::complete::{Completion, CompletionKind, MOST_COMPLETIONS, Wanted};
use super::index::{Definition, What};
use super::infer::{BUILT_IN, functions, list_fields};
use super::place::Place;
use super::words::{self, Word};

/// The users that every test has.
pub(super) const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// Items and instructions to fill in: label, what it is, and the text.
const ITEM_SNIPPETS: &[(&str, &str, &str)] = &[
    ("flow …", "a flow", "flow ${1:name}(${2:to: User}) {\n    ${0:say \"Hello.\"}\n}"),
    (
        "menu …",
        "a menu with a name",
        "menu ${1:name}() {\n    say \"${2:To …, press 1.}\"\n    key 1      -> ${3:hangup}\n    other      -> { say \"That is not an option.\"; again }\n    silence 6s -> again at most 2 then hangup\n}",
    ),
    ("route …", "a route", "route \"${1:1xxx}\" as ${2:ext} -> ${0:deposit(user(ext))}"),
    (
        "test …",
        "a test",
        "test \"${1:what it shows}\" {\n    call \"${2:1002}\" as ${3:alice}\n    expect ${0:say \"…\"}\n}",
    ),
];
const INSTRUCTION_SNIPPETS: &[(&str, &str, &str)] = &[
    (
        "menu …",
        "a question to the caller",
        "menu {\n    say \"${1:To …, press 1.}\"\n    key 1      -> ${2:hangup}\n    other      -> { say \"That is not an option.\"; again }\n    silence 6s -> again at most 2 then hangup\n}",
    ),
    (
        "record …",
        "records the caller",
        "${1:message} = record max ${2:59s}, stop on \"#\" or silence 4s, hangup keeps",
    ),
    (
        "collect …",
        "takes digits",
        "${1:digits_pressed} = collect ${2:4} to ${3:10}, end on #, silence 6s else ${0:hangup}",
    ),
    (
        "if … as …",
        "where something may be missing",
        "if ${1:user(ext)} as ${2:who} {\n    $3\n} else {\n    $0\n}",
    ),
    ("for each …", "for each item of a list", "for each ${1:m} in ${2:list} {\n    $0\n}"),
];

/// What is collected, of one place.
struct Offer<'a> {
    prefix: String,
    span: Span,
    all: Vec<Completion>,
    analysis: &'a Analysis,
}

impl Analysis {
    pub(super) fn offer(
        &self,
        place: &Place<'_>,
        offset: u32,
        wanted: &[Wanted],
    ) -> Vec<Completion> {
        let prefix = place.prefix.to_lowercase();
        let mut offer = Offer { prefix, span: place.word, all: Vec::new(), analysis: self };
        let at = Span { start: offset, end: offset, ..place.word };
        for wanted in wanted {
            offer.add(*wanted, at);
        }
        offer.all
    }
}

impl Offer<'_> {
    fn add(&mut self, wanted: Wanted, at: Span) {
        match wanted {
            Wanted::Items => {
                self.snippets(ITEM_SNIPPETS);
                self.words(words::ITEMS);
            }
            Wanted::Instructions => {
                self.snippets(INSTRUCTION_SNIPPETS);
                self.words(words::INSTRUCTIONS);
            }
            Wanted::Answers => {
                self.words(words::ANSWERS);
                self.plain(&["between", "end on"]);
            }
            Wanted::Steps => self.words(words::STEPS),
            Wanted::Words(words) => self.plain(words),
            Wanted::Values => self.values(at),
            Wanted::Assigned => {
                self.plain(&["record", "collect", "webhook"]);
                self.flows(true);
            }
            Wanted::Recordings => {
                for place in self.analysis.locals_at(at) {
                    let definition = &self.analysis.index.definitions[place];
                    if matches!(definition.kind, Type::Recording | Type::Unknown) {
                        self.definition(definition);
                    }
                }
            }
            Wanted::Flows => self.flows(false),
            Wanted::Fields(owner) => self.fields(owner),
            Wanted::Types => {
                self.words_as(words::TYPES, CompletionKind::Type);
                self.documents();
            }
            Wanted::JsonTypes => self.documents(),
            Wanted::Hours => self.globals(What::Hours),
            Wanted::Holidays => self.globals(What::Holidays),
            Wanted::Allows => self.globals(What::Allow),
            Wanted::Languages => {
                for language in Language::ALL {
                    self.push(language.tag(), CompletionKind::Language, "a language", "");
                }
            }
            Wanted::Users => {
                for user in USERS {
                    self.push(user, CompletionKind::User, "User", "A user of every test.");
                }
            }
            Wanted::Presences => self.plain(&PRESENCES.map(|(name, _)| name)),
            Wanted::Causes => self.plain(&CAUSES.map(|(name, _)| name)),
            Wanted::Presets => self.plain(&PRESETS.map(|(name, _)| name)),
            Wanted::Imports => self.imports(at),
            Wanted::Prompts => self.prompts(),
            Wanted::Untranslated => self.untranslated(at),
        }
    }

    fn push(&mut self, label: &str, kind: CompletionKind, detail: &str, help: &str) {
        self.push_as(label, label, false, kind, detail, help);
    }

    fn push_as(
        &mut self,
        label: &str,
        insert: &str,
        snippet: bool,
        kind: CompletionKind,
        detail: &str,
        help: &str,
    ) {
        let fits = label.to_lowercase().starts_with(&self.prefix);
        let known = self.all.iter().any(|c| c.label == label);
        if !fits || known || self.all.len() >= MOST_COMPLETIONS {
            return;
        }
        self.all.push(Completion {
            label: label.to_owned(),
            kind,
            detail: detail.to_owned(),
            help: help.to_owned(),
            span: self.span,
            insert: insert.to_owned(),
            snippet,
        });
    }

    fn words(&mut self, table: &[Word]) {
        self.words_as(table, CompletionKind::Keyword);
    }

    fn words_as(&mut self, table: &[Word], kind: CompletionKind) {
        for word in table.iter().filter(|word| word.word != "panic") {
            self.push(word.word, kind, word.form, word.help);
        }
    }

    fn plain(&mut self, words: &[&str]) {
        for word in words {
            let found = words::PARTICLES.iter().find(|known| known.word == *word);
            let (form, help) = found.map_or(("", ""), |found| (found.form, found.help));
            self.push(word, CompletionKind::Keyword, form, help);
        }
    }

    fn snippets(&mut self, table: &[(&str, &str, &str)]) {
        for (label, detail, text) in table {
            self.push_as(label, text, true, CompletionKind::Snippet, detail, "");
        }
    }

    fn definition(&mut self, definition: &Definition) {
        let kind = match definition.what {
            What::Flow { .. } => CompletionKind::Flow,
            What::Constant | What::Hours | What::Holidays | What::Allow => CompletionKind::Constant,
            What::Json(_) => CompletionKind::Type,
            What::JsonField(_) => CompletionKind::Field,
            What::Param | What::Local => CompletionKind::Variable,
        };
        let detail = match definition.what {
            What::Param | What::Local => self.analysis.type_text(definition.kind),
            _ => definition.signature.clone(),
        };
        let help = definition.doc.clone().unwrap_or_default();
        self.push(&definition.name, kind, &detail, &help);
    }

    /// What an expression may begin with, the nearest names first.
    fn values(&mut self, at: Span) {
        let index = &self.analysis.index;
        for place in self.analysis.locals_at(at).into_iter().rev() {
            self.definition(&index.definitions[place]);
        }
        for (name, kind) in BUILT_IN {
            let help = words::VALUES.iter().find(|w| w.word == name).map_or("", |w| w.help);
            self.push(name, CompletionKind::Variable, &self.analysis.type_text(kind), help);
        }
        for name in functions() {
            let word = words::VALUES.iter().find(|w| w.word == name);
            let (form, help) = word.map_or(("", ""), |w| (w.form, w.help));
            let insert = format!("{name}($1)");
            self.push_as(name, &insert, true, CompletionKind::Function, form, help);
        }
        self.globals(What::Constant);
        self.globals(What::Hours);
        self.plain(&["true", "false", "not"]);
    }

    fn globals(&mut self, what: What) {
        for definition in self.analysis.index.definitions.iter().filter(|d| d.what == what) {
            self.definition(definition);
        }
    }

    fn documents(&mut self) {
        let all = &self.analysis.index.definitions;
        for definition in all.iter().filter(|d| matches!(d.what, What::Json(_))) {
            self.definition(definition);
        }
    }

    /// Calls of flows, with their arguments to fill in; `results`: of those that give something.
    fn flows(&mut self, results: bool) {
        let all = &self.analysis.index.definitions;
        for flow in all.iter().filter(|d| matches!(d.what, What::Flow { .. })) {
            if results && flow.kind == Type::Unknown {
                continue;
            }
            let args: Vec<String> =
                flow.params.iter().zip(1..).map(|(p, n)| format!("${{{n}:{p}}}")).collect();
            let call = format!("{}({})", flow.name, args.join(", "));
            let (insert, snippet) =
                if args.is_empty() { (flow.name.as_str(), false) } else { (call.as_str(), true) };
            let help = flow.doc.clone().unwrap_or_default();
            let kind = CompletionKind::Flow;
            self.push_as(&flow.name, insert, snippet, kind, &flow.signature, &help);
        }
    }

    fn fields(&mut self, owner: Type) {
        match owner {
            Type::List(item) => {
                for (name, kind, help) in list_fields(item) {
                    let kind = self.analysis.type_text(kind);
                    self.push(name, CompletionKind::Field, &kind, help);
                }
            }
            Type::Document(place) => {
                for (_, field) in self.analysis.index.document_fields(place) {
                    self.definition(field);
                }
            }
            owner => {
                for (_, name, _, kind, help) in FIELDS.iter().filter(|(of, ..)| *of == owner) {
                    let kind = self.analysis.type_text(*kind);
                    self.push(name, CompletionKind::Field, &kind, help);
                }
            }
        }
    }

    fn imports(&mut self, at: Span) {
        for source in builtin() {
            let name = format!("{SHIPPED}{}", source.name);
            self.push(&name, CompletionKind::File, "ships with Hark", "");
        }
        let sources = self.analysis.sources();
        let Some(importer) = sources.get(at.source as usize) else { return };
        let folder = importer.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        for source in sources {
            let path = source.name.strip_prefix(folder).map(|path| path.trim_start_matches('/'));
            if let Some(path) = path
                && source.name != importer.name
                && target(&importer.name, path).is_ok_and(|name| name == source.name)
            {
                self.push(path, CompletionKind::File, "of this dialplan", "");
            }
        }
    }

    fn prompts(&mut self) {
        let options = &self.analysis.options;
        for (language, name) in options.prompts.iter().flatten() {
            self.push(name, CompletionKind::File, language, "");
        }
    }

    /// Texts with words that the language of the block at hand has no words for.
    fn untranslated(&mut self, at: Span) {
        let files = &self.analysis.files;
        let known: HashSet<&str> = files
            .iter()
            .flat_map(|file| &file.translations)
            .flat_map(|translation| &translation.entries)
            .map(|entry| entry.original.text.as_str())
            .collect();
        let prompts = &self.analysis.index.prompts;
        let own = prompts.iter().filter(|p| p.span.source == at.source);
        for prompt in own.filter(|p| p.raw.chars().any(char::is_alphabetic)) {
            if known.contains(prompt.raw.as_str()) {
                continue;
            }
            let text = prompt.raw.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}");
            let insert = format!("\"{text}\" = \"$1\"");
            let label = format!("\"{}\"", prompt.raw);
            self.push_as(&label, &insert, true, CompletionKind::Text, "not translated yet", "");
        }
    }
}
