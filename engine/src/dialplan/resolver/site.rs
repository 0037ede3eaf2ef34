//! What holds for the whole dialplan: imports, languages, time, allow-lists, `json` types,
//! constants.

use std::collections::{BTreeMap, HashSet};

use super::super::Source;
use super::super::ast::{self, Name};
use super::super::diagnostic::{Diagnostic, MAX_DIAGNOSTICS};
use super::super::hir;
use super::super::imports::{SHIPPED, target};
use super::super::pattern::Pattern;
use super::super::program::Expr;
use super::super::speech::Language;
use super::super::value::{Type, Value};
use super::{Constant, Resolver, Translated};
use crate::calendar::{self, Hours, Weekdays, Zone};

/// How many of each there may be in a dialplan.
const MOST: usize = 1000;

impl Resolver<'_> {
    /// Every import is one of the sources: whoever read them followed the imports.
    pub(super) fn imports(&mut self, files: &[ast::File]) {
        for (file, source) in files.iter().zip(self.sources) {
            for import in &file.imports {
                let wanted = target(&source.name, &import.text);
                if wanted.as_deref().is_ok_and(|w| self.sources.iter().any(|s| s.name == w)) {
                    continue;
                }
                let error = Diagnostic::error(
                    110,
                    import.span,
                    format!("there is no file `{}` to import", import.text),
                )
                .cause("a path is relative to the file that imports it; `hark/…` is what ships with Hark")
                .mend("import \"hark/mailbox.dial\", or import \"library/tones.dial\"");
                let shipped = |s: Source| format!("hark/{}", s.name);
                let near: Vec<String> = if self.found.len() < MAX_DIAGNOSTICS {
                    let names = self.sources.iter().map(|s| s.name.clone());
                    super::super::builtin().into_iter().map(shipped).chain(names).collect()
                } else {
                    Vec::new()
                };
                let error = error.suggest(&import.text, near.iter().map(String::as_str));
                self.found.push(error);
            }
        }
    }

    pub(super) fn languages(&mut self, files: &[ast::File]) {
        // What ships with Hark speaks more languages than the dialplan that imports it may want.
        let own = |source: &&super::super::Source| !source.name.starts_with(SHIPPED);
        let all = self.sources.iter().any(|s| own(&s));
        let wanted = files.iter().zip(self.sources).filter(|(_, s)| !all || own(s));
        for name in wanted.flat_map(|(file, _)| &file.languages) {
            match self.spoken_language(name) {
                Some(language) if !self.languages.contains(&language) => {
                    self.languages.push(language);
                }
                Some(_) | None => {}
            }
        }
        if self.languages.is_empty() {
            self.languages.push(Language::En);
        }
        self.language = self.languages[0];
        // What ships is written in a language of its own, whichever the dialplan's is.
        let first = |file: &ast::File| Language::from_tag(&file.languages.first()?.text);
        self.written_in =
            files.iter().map(|file| first(file).unwrap_or(self.languages[0])).collect();
    }

    /// The language that the texts of a source are written in.
    pub(super) fn written_in(&self, source: u32) -> Language {
        let written = self.written_in.get(source as usize);
        written.copied().unwrap_or(self.languages[0])
    }

    /// Whether a source ships with Hark.
    pub(super) fn is_shipped(&self, source: u32) -> bool {
        self.sources.get(source as usize).is_some_and(|s| s.name.starts_with(SHIPPED))
    }

    /// A language for which there are words and a voice.
    fn spoken_language(&mut self, name: &Name) -> Option<Language> {
        let language = Language::from_tag(&name.text);
        let voices = self.options.voices.as_ref();
        let has_voice = voices.is_none_or(|voices| voices.contains(&name.text));
        if language.is_some() && has_voice {
            return language;
        }
        let known: Vec<&str> = Language::ALL.iter().map(|l| l.tag()).collect();
        let cause = if language.is_none() {
            "Hark has no words for its numbers, dates and durations"
        } else {
            "no program on this machine speaks it"
        };
        let error = Diagnostic::error(107, name.span, format!("`{}` can't be spoken", name.text))
            .label("a language without a voice")
            .cause(cause)
            .mend(format!("languages {}", known.join(", ")));
        self.tell(error);
        None
    }

    pub(super) fn translations(&mut self, files: &[ast::File]) {
        for translation in files.iter().flat_map(|f| &f.translations) {
            let name = &translation.language;
            let Some(language) = Language::from_tag(&name.text) else {
                self.spoken_language(name);
                continue;
            };
            // A library may know more languages than the dialplan that uses it.
            if !self.languages.contains(&language) {
                continue;
            }
            if language == self.written_in(name.span.source) {
                let error = Diagnostic::error(
                    112,
                    name.span,
                    format!("the prompts are written in `{}` already", name.text),
                )
                .mend("`languages` names the language of the prompts first, then those of translations");
                self.tell(error);
                continue;
            }
            for entry in &translation.entries {
                let key = (language, entry.original.text.clone());
                if let Some(before) = self.translations.get(&key) {
                    // The same words in two files are no mistake.
                    let same = self.slice(before.text.span) == self.slice(entry.text.span);
                    if !same {
                        let before = before.span;
                        self.found.push(
                            Diagnostic::error(
                                105,
                                entry.original.span,
                                "this text is translated twice",
                            )
                            .label("the second")
                            .also(before, "the first, which is another")
                            .mend("take one of them out"),
                        );
                    }
                    continue;
                }
                let span = entry.original.span;
                self.translations.insert(key, Translated { text: entry.text.clone(), span });
            }
        }
    }

    pub(super) fn unused_translations(&mut self) {
        // Where nothing is routed the folder is a library, whose users say the texts.
        for (key, translated) in &self.translations {
            if !self.translated.contains(key) {
                self.found.push(
                    Diagnostic::warning(113, translated.span, "no prompt says this text")
                        .label("translated, and never said")
                        .cause(
                            "a translation is found by the text exactly as it stands in the prompt",
                        )
                        .mend("take it out, or write the text as the prompt has it"),
                );
            }
        }
    }

    pub(super) fn zone(&mut self, files: &[ast::File]) -> Zone {
        let mut zones = files.iter().flat_map(|f| &f.zones);
        let Some(first) = zones.next() else { return Zone::utc() };
        for second in zones {
            if second.text != first.text {
                self.found.push(
                    Diagnostic::error(105, second.span, "there are two time zones")
                        .label("the second")
                        .also(first.span, "the first")
                        .mend("take one out; some `hours` may have their own: hours office in \"Asia/Tokyo\" = …"),
                );
            }
        }
        self.zone_named(first)
    }

    fn zone_named(&mut self, name: &Name) -> Zone {
        match Zone::parse(&name.text) {
            Ok(zone) => zone,
            Err(error) => {
                let mut told = Diagnostic::error(
                    114,
                    name.span,
                    format!("there is no time zone `{}`", name.text),
                )
                .mend(
                    "time zones are named like \"Europe/Berlin\", \"America/New_York\" or \"UTC\"",
                );
                if let Some(near) = error.near {
                    told = told.mend(format!("did you mean \"{near}\"?"));
                }
                self.tell(told);
                Zone::utc()
            }
        }
    }

    pub(super) fn hours(&mut self, files: &[ast::File], zone: &Zone) -> Vec<(String, Hours)> {
        let mut holidays: BTreeMap<&String, (&ast::Holidays, bool)> = BTreeMap::new();
        for declared in files.iter().flat_map(|f| &f.holidays) {
            self.may_be_named(&declared.name);
            let name = &declared.name;
            if let Some((before, _)) = holidays.get(&name.text) {
                let before = before.name.span;
                self.twice_declared("holidays", &name.text, name.span, before);
            } else {
                holidays.insert(&name.text, (declared, false));
            }
        }
        let mut list: Vec<(String, Hours)> = Vec::new();
        for declared in files.iter().flat_map(|f| &f.hours) {
            self.may_be_named(&declared.name);
            let zone = match &declared.zone {
                Some(name) => self.zone_named(name),
                None => zone.clone(),
            };
            let mut days = Vec::new();
            for name in &declared.except {
                match holidays.get_mut(&name.text) {
                    // More days than there can be are refused below.
                    Some((_, used)) if days.len() > MOST => *used = true,
                    Some((found, used)) => {
                        *used = true;
                        days.extend(found.days.iter().take(MOST + 1).map(|day| match *day {
                            (Some(year), month, day) => {
                                calendar::Holiday::Date { year, month, day }
                            }
                            (None, month, day) => calendar::Holiday::EveryYear { month, day },
                        }));
                    }
                    None => {
                        let known = self.meant(holidays.keys().copied());
                        let error = Diagnostic::error(
                            101,
                            name.span,
                            format!("no holidays are called `{}`", name.text),
                        )
                        .mend(format!("holidays {} = 12-25, 12-26", name.text))
                        .suggest(&name.text, known.iter().map(String::as_str));
                        self.found.push(error);
                    }
                }
            }
            let spans: Result<Vec<_>, _> = declared
                .spans
                .iter()
                .map(|(days, from, until)| {
                    let days = days.iter().fold(Weekdays::NONE, |set, day| set.with(*day));
                    calendar::Span::new(days, *from, *until)
                })
                .collect();
            let made = spans.and_then(|spans| Hours::new(zone, spans, days));
            let name = &declared.name;
            match made {
                Ok(made) => {
                    if made.is_never_open() {
                        self.found.push(
                            Diagnostic::warning(
                                115,
                                name.span,
                                format!("`{}` is never open", name.text),
                            )
                            .mend("look at its holidays"),
                        );
                    }
                    let shipped = self.is_shipped(name.span.source);
                    if let Some((_, before)) = self.hours.of_side(shipped, &name.text).copied() {
                        self.twice_declared("hours", &name.text, name.span, before);
                    }
                    let place = u16::try_from(list.len()).unwrap_or(u16::MAX);
                    self.hours.insert(shipped, &name.text, (place, name.span));
                    if list.len() < MOST {
                        list.push((name.text.clone(), made));
                    }
                }
                Err(error) => self.tell(Diagnostic::error(20, name.span, error.to_string())),
            }
        }
        for (unused, _) in holidays.values().filter(|(_, used)| !used) {
            let name = &unused.name;
            self.found.push(
                Diagnostic::warning(210, name.span, format!("`{}` is never used", name.text))
                    .mend(format!("hours office = mon-fri 9:00-17:00 except {}", name.text)),
            );
        }
        list
    }

    pub(super) fn allows(&mut self, files: &[ast::File]) -> Vec<Vec<Pattern>> {
        let mut list = Vec::new();
        for declared in files.iter().flat_map(|f| &f.allows) {
            let name = &declared.name;
            self.may_be_named(name);
            if let Some((_, before)) = self.allows.get(&name.text).copied() {
                self.twice_declared("allow-lists", &name.text, name.span, before);
            }
            for (pattern, span) in &declared.patterns {
                // `x+` alone would be no list at all, nor `xx+`. National numbers have ten digits.
                if pattern.longest() > 10 && pattern.covers_any_digit() {
                    self.found.push(
                        Diagnostic::error(321, *span, "this allows every number there is")
                            .label("any digits, any length")
                            .cause("whoever calls could dial premium numbers at the site's cost")
                            .mend("name the beginnings and lengths that are wanted: \"0[1-9]x{5,10}\""),
                    );
                }
            }
            let place = u16::try_from(list.len()).unwrap_or(u16::MAX);
            self.allows.insert(name.text.clone(), (place, name.span));
            if list.len() < MOST {
                list.push(declared.patterns.iter().map(|(pattern, _)| pattern.clone()).collect());
            }
        }
        list
    }

    /// The `json` types: first their names, so that they may hold one another.
    pub(super) fn documents(&mut self, files: &[ast::File]) {
        let declared: Vec<&ast::Document> = files.iter().flat_map(|f| &f.documents).collect();
        for document in declared.iter().take(MOST) {
            let name = &document.name;
            let known = Type::NAMED.iter().any(|(known, _)| *known == name.text);
            if known {
                self.tell(
                    Diagnostic::error(
                        17,
                        name.span,
                        format!("`{}` is a type of the language", name.text),
                    )
                    .mend("choose another name"),
                );
            }
            if let Some(before) = self.documents.iter().position(|d| d.name == name.text) {
                let before = self.document_spans[before];
                self.twice_declared("types", &name.text, name.span, before);
            }
            self.documents.push(hir::DocumentType { name: name.text.clone(), fields: Vec::new() });
            self.document_spans.push(name.span);
        }
        for (place, document) in declared.iter().take(MOST).enumerate() {
            let mut fields: Vec<(String, Type)> = Vec::new();
            let mut names = HashSet::new();
            for field in &document.fields {
                let kind = self.type_of(&field.kind);
                if !names.insert(&field.name.text) {
                    self.tell(Diagnostic::error(
                        105,
                        field.name.span,
                        "there are two fields of this name",
                    ));
                }
                let plain = |kind| {
                    matches!(
                        kind,
                        Type::Text | Type::Number | Type::Bool | Type::Digits | Type::Unknown
                    )
                };
                let fits = match kind {
                    Type::List(item) | Type::Maybe(item) => plain(item.one()),
                    kind => plain(kind),
                };
                if !fits {
                    self.tell(
                        Diagnostic::error(116, field.kind.name.span, "a web service can't answer this")
                            .label(format!("this is {kind}"))
                            .mend("a field is Text, Number, Bool or Digits, a list of them, or one that may be missing"),
                    );
                }
                fields.push((field.name.text.clone(), kind));
            }
            if let Some(document) = self.documents.get_mut(place) {
                document.fields = fields;
            }
        }
    }

    pub(super) fn constant(&mut self, constant: &ast::Constant) {
        let Name { text, span } = &constant.name;
        if !self.may_be_named(&constant.name) {
            return;
        }
        let shipped = self.is_shipped(span.source);
        if let Some(before) = self.constants.of_side(shipped, text).map(|c| c.span) {
            return self.twice_declared("constants", text, *span, before);
        }
        let mut untranslated = None;
        let (value, kind) = match &constant.value.kind {
            ast::ExprKind::Number(n) => (Expr::Const(Value::Number(*n)), Type::Number),
            ast::ExprKind::Duration(d) => (Expr::Const(Value::Duration(*d)), Type::Duration),
            ast::ExprKind::Bool(b) => (Expr::Const(Value::Bool(*b)), Type::Bool),
            ast::ExprKind::Text(parts)
                if parts.iter().all(|p| matches!(p, ast::TextPart::Literal(_))) =>
            {
                let (value, complete) = self.constant_text(&constant.value);
                if !complete {
                    untranslated = Some(constant.value.span);
                }
                (value, Type::Text)
            }
            _ => {
                let error = Diagnostic::error(205, constant.value.span, "this is no literal")
                    .cause("a constant is the same in every call")
                    .mend("write a number, a duration, a plain text, `true` or `false`");
                return self.tell(error);
            }
        };
        let constant = Constant { value, kind, span: *span, untranslated };
        self.constants.insert(shipped, text, constant);
    }

    fn twice_declared(
        &mut self,
        what: &str,
        name: &str,
        span: super::super::ast::Span,
        before: super::super::ast::Span,
    ) {
        let error = Diagnostic::error(105, span, format!("there are two {what} `{name}`"))
            .label("the second")
            .also(before, "the first")
            .mend("rename one of the two");
        self.tell(error);
    }
}
