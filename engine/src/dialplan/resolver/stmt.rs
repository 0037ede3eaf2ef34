//! Instructions.

use std::time::Duration;

use super::super::ast::{self, PlayValue, PlayWhat, Span, StmtKind};
use super::super::diagnostic::Diagnostic;
use super::super::hir::{self, Kind, Origin};
use super::super::parser::is_query;
use super::super::program::Expr;
use super::super::run::BETWEEN_KEYS;
use super::super::speech::Language;
use super::super::value::{Type, Value};
use super::Resolver;

/// How long a `collect` waits for the first key, unless something else is written.
const FIRST_KEY: Duration = Duration::from_secs(8);
/// How long what the author wrote may be to be shown anew, in bytes.
pub(super) const MOST_QUOTED: usize = 80;
/// The most digits that can be collected at once.
const MOST_DIGITS: i64 = 32;

impl Resolver<'_> {
    pub(super) fn block(&mut self, block: &ast::Block) -> hir::Block {
        let seen = self.scope.len();
        let block = self.open_block(block);
        self.scope.truncate(seen);
        block
    }

    /// A block whose names are known behind it too.
    pub(super) fn open_block(&mut self, block: &ast::Block) -> hir::Block {
        let mut stmts = Vec::new();
        for stmt in &block.stmts {
            self.stmt(stmt, &mut stmts);
        }
        hir::Block { stmts, span: block.span }
    }

    pub(super) fn optional(&mut self, block: Option<&ast::Block>) -> hir::Block {
        block.map(|b| self.block(b)).unwrap_or_default()
    }

    fn stmt(&mut self, stmt: &ast::Stmt, out: &mut Vec<hir::Stmt>) {
        let miss = self.miss.take();
        let kind = match &stmt.kind {
            StmtKind::Answer => Some(Kind::Answer),
            StmtKind::Early => Some(Kind::Early),
            StmtKind::Say(text, file) => Some(self.say(text, file.as_ref())),
            StmtKind::Log(text) => {
                let (text, kind) = self.unspoken(text);
                self.must_be_spoken(kind, stmt.span);
                Some(Kind::Log(text))
            }
            StmtKind::Play(what, otherwise) => self.play(what, otherwise.as_ref(), stmt.span),
            StmtKind::Beep => Some(Kind::Beep),
            StmtKind::Tone(hertz, length) => {
                let hertz = self.constant_number(hertz, 20, 3400, "a tone has 20 to 3400 hertz");
                let length = self.constant_duration(length);
                Some(Kind::Tone { hertz: u16::try_from(hertz).unwrap_or(440), length })
            }
            StmtKind::Pause(length) => {
                let length = self.constant_duration(length);
                Some(Kind::Pause(Expr::Const(Value::Duration(length))))
            }
            StmtKind::Collect(collect) => Some(self.collect(collect, stmt.span)),
            StmtKind::Record(record) => self.record(record, stmt.span),
            StmtKind::Assign { into, value, otherwise } => {
                self.assign(into, value, otherwise.as_ref())
            }
            StmtKind::Webhook(webhook) => self.webhook(webhook, stmt.span),
            StmtKind::Send { .. } => self.send(stmt),
            StmtKind::Forward(forward) => self.forward(forward, stmt.span),
            StmtKind::Keep { recording, what, user, otherwise } => {
                self.keep(recording, *what, user, otherwise.as_ref(), stmt.span)
            }
            StmtKind::Remove { greeting, user, otherwise } => {
                let setting = hir::Setting::NoGreeting(*greeting);
                Some(self.change(user, setting, otherwise.as_ref(), stmt.span))
            }
            StmtKind::Set { user, field, value, otherwise } => {
                let setting = self.setting(field, value);
                setting.map(|s| self.change(user, s, otherwise.as_ref(), stmt.span))
            }
            StmtKind::Notify { user, text, otherwise } => {
                Some(self.notify(user, text, otherwise.as_ref(), stmt.span))
            }
            StmtKind::Told { user } => Some(Kind::Told { user: self.expr_of(user, Type::User) }),
            StmtKind::Connect { callee, ring_for, via, otherwise } => {
                self.connect(callee, ring_for.as_ref(), via.as_ref(), otherwise.as_ref(), stmt.span)
            }
            StmtKind::Ring { .. } => self.ring(stmt),
            StmtKind::Discard(recording) => {
                self.recording(recording).map(|slot| Kind::Discard { slot })
            }
            StmtKind::Act { kind, message, user, otherwise } => {
                Some(self.act(*kind, message, user, otherwise.as_ref(), stmt.span))
            }
            StmtKind::Menu(menu) => Some(Kind::Menu(Box::new(self.menu(menu)))),
            StmtKind::Call(call) => {
                self.miss = miss;
                let call = self.call(call);
                self.miss = None;
                call.map(Kind::Call)
            }
            StmtKind::Return(value) => self.give_back(value.as_ref(), stmt.span),
            StmtKind::Again(limit) => Some(self.again(limit.as_ref(), stmt.span)),
            StmtKind::If { condition, allowed, binder, then, otherwise } => self.condition(
                condition,
                allowed.as_ref(),
                binder.as_ref(),
                then,
                otherwise.as_ref(),
            ),
            StmtKind::Match(found) => self.matching(found, stmt.span, out),
            StmtKind::ForEach { item, list, body, otherwise } => {
                self.for_each(item, list, body, otherwise.as_ref(), stmt.span, out)
            }
            StmtKind::Speak(language) => self.speak(language),
            StmtKind::Hangup(cause) => Some(Kind::Hangup(*cause)),
            StmtKind::Panic => {
                if !self.options.test_instructions {
                    self.tell(
                        Diagnostic::error(19, stmt.span, "`panic` is for tests of the server only")
                            .mend("take it out; `hangup` ends a call"),
                    );
                }
                Some(Kind::Panic)
            }
        };
        if let Some(kind) = kind {
            out.push(hir::Stmt { kind, span: stmt.span });
        }
    }

    fn speak(&mut self, name: &ast::Name) -> Option<Kind> {
        match Language::from_tag(&name.text).filter(|l| self.languages.contains(l)) {
            Some(language) => Some(Kind::Speak(language)),
            // What ships offers what `site.languages` holds, and no more.
            None if self.is_shipped(name.span.source) => None,
            None => {
                let known: Vec<&str> = self.languages.iter().map(|l| l.tag()).collect();
                let error = Diagnostic::error(
                    117,
                    name.span,
                    format!("this dialplan does not speak `{}`", name.text),
                )
                .mend(format!(
                    "add it: languages {}, {}",
                    known.join(", "),
                    name.text
                ));
                self.tell(error);
                None
            }
        }
    }

    fn say(&mut self, text: &ast::Expr, file: Option<&ast::Name>) -> Kind {
        let (resolved, kind) = self.expr(text);
        self.must_be_spoken(kind, text.span);
        if let Expr::Const(Value::Text(text_value)) = &resolved
            && text_value.trim().is_empty()
        {
            self.tell(
                Diagnostic::error(208, text.span, "there is nothing to say")
                    .mend("for a silence write `pause 500ms`"),
            );
        }
        if let Some(file) = file {
            self.file_name(file);
        }
        Kind::Say { text: resolved, file: file.map(|f| f.text.clone()) }
    }

    /// Names of sound files are plain, so that they can stand in a folder.
    fn file_name(&mut self, name: &ast::Name) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.text.is_empty() || name.text.len() > 64 || !name.text.chars().all(plain) {
            self.tell(
                Diagnostic::error(118, name.span, "this can't be the name of a recorded prompt")
                    .mend("a name is made of letters, digits, `-` and `_`: the file welcome.wav is \"welcome\""),
            );
        }
    }

    fn play(
        &mut self,
        what: &PlayWhat,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) -> Option<Kind> {
        let (what, from, speed) = match what {
            PlayWhat::Prompt(name) => {
                self.file_name(name);
                self.prompt_exists(name);
                (hir::Play::Prompt(name.text.clone()), None, None)
            }
            PlayWhat::Value(play) => {
                let PlayValue { value, from, speed } = &**play;
                let (resolved, kind) = self.expr(value);
                let from_value = from.as_ref().map(|f| self.expr_of(f, Type::Duration));
                let speed_value = speed.as_ref().map(|s| self.expr_of(s, Type::Number));
                if let Some(at) = from.as_ref().or(speed.as_ref()).map(|e| e.span)
                    && kind != Type::Message
                    && kind != Type::Unknown
                {
                    self.tell(
                        Diagnostic::error(201, at, format!("{kind} is played from its beginning"))
                            .cause("only a message can be played from a position, or faster")
                            .mend("take it out"),
                    );
                }
                let what = match (resolved, kind) {
                    (Expr::Field(user, _), Type::Greeting(kind)) => {
                        hir::Play::Greeting(*user, kind)
                    }
                    (Expr::Field(user, _), Type::SpokenName) => hir::Play::SpokenName(*user),
                    (message, Type::Message) => hir::Play::Message(message),
                    (Expr::Slot(slot), Type::Recording) => hir::Play::Recording(slot),
                    (_, Type::Unknown) => return None,
                    (_, Type::Maybe(item)) => {
                        self.must_fit(kind, item.one(), value.span);
                        return None;
                    }
                    (_, kind) => {
                        let mut error =
                            Diagnostic::error(201, value.span, format!("{kind} can't be played"))
                                .cause(
                                    "a prompt, a greeting, a name, a message or a recording can",
                                );
                        if matches!(kind, Type::Text | Type::Number | Type::Digits) {
                            error = error.mend("`say` it");
                        }
                        self.tell(error);
                        return None;
                    }
                };
                (what, from_value, speed_value)
            }
        };
        match &what {
            hir::Play::Greeting(..) => self.needs_answer(602, span, otherwise, "there may be no greeting",
                "not every user has recorded one, and the caller would hear nothing",
                "play to.greeting else say \"Please leave a message for {to.name} after the tone.\""),
            hir::Play::SpokenName(_) => self.needs_answer(602, span, otherwise, "there may be no spoken name",
                "not every user has recorded one, and the caller would hear nothing",
                "play to.spoken_name else say to.name"),
            hir::Play::Prompt(_) | hir::Play::Message(_) | hir::Play::Recording(_) => {
                if let Some(block) = otherwise {
                    self.tell(
                        Diagnostic::error(605, block.span, "this is never reached")
                            .cause("only a greeting or a spoken name may be missing")
                            .mend("take the `else` out"),
                    );
                }
            }
        }
        let otherwise = self.optional(otherwise);
        Some(Kind::Play { what, from, speed, otherwise })
    }

    /// A recorded prompt has to exist in every language: there are no words to speak instead.
    fn prompt_exists(&mut self, name: &ast::Name) {
        let Some(prompts) = &self.options.prompts else { return };
        let lacking: Vec<&str> = self
            .languages
            .iter()
            .map(|language| language.tag())
            .filter(|tag| !prompts.iter().any(|(l, n)| l == tag && *n == name.text))
            .collect();
        if lacking.is_empty() {
            return;
        }
        let everywhere = lacking.len() == self.languages.len();
        let message = if everywhere {
            format!("there is no prompt `{}`", name.text)
        } else {
            format!("the prompt `{}` is missing in `{}`", name.text, lacking.join("`, `"))
        };
        let mut error = Diagnostic::error(108, name.span, message)
            .cause("the caller would hear nothing")
            .mend(format!(
                "record it as {}/{}.wav in the prompt folder, or `say` its words",
                lacking[0], name.text
            ));
        if everywhere {
            error = error.suggest(&name.text, prompts.iter().map(|(_, name)| name.as_str()));
        }
        self.tell(error);
    }

    fn collect(&mut self, collect: &ast::Collect, span: Span) -> Kind {
        let bounds = "between 1 and 32 digits can be collected";
        let fewest = self.constant_number(&collect.fewest, 1, MOST_DIGITS, bounds);
        let most = self.constant_number(&collect.most, 1, MOST_DIGITS, bounds);
        if fewest > most {
            self.tell(
                Diagnostic::error(209, collect.most.span, "the most is less than the fewest")
                    .mend(format!("collect {most} to {fewest}")),
            );
        }
        let silence = collect.silence.as_ref().map_or(FIRST_KEY, |s| self.constant_duration(s));
        let between = collect.between.as_ref().map_or(BETWEEN_KEYS, |b| self.constant_duration(b));
        self.needs_answer(
            607,
            span,
            collect.otherwise.as_ref(),
            "the caller may press too few keys, or none",
            "nobody may be there any more",
            "pin = collect 4 to 10, end on #, silence 8s else goodbye",
        );
        let otherwise = self.optional(collect.otherwise.as_ref());
        let slot = self.new_var(&collect.into, Type::Digits, Origin::Caller);
        let small = |n: i64| u8::try_from(n).unwrap_or(1);
        Kind::Collect(Box::new(hir::Collect {
            slot,
            fewest: small(fewest),
            most: small(most.max(fewest)),
            end_on: collect.end_on,
            silence,
            between,
            secret: collect.secret,
            otherwise,
        }))
    }

    fn record(&mut self, record: &ast::Record, span: Span) -> Option<Kind> {
        let max = self.expr_of(&record.max, Type::Duration);
        if let Expr::Const(Value::Duration(d)) = &max
            && (d.as_secs() == 0 || d.as_secs() > 3600)
        {
            self.tell(
                Diagnostic::error(209, record.max.span, "no message is that long, or that short")
                    .mend("between 1s and 1h"),
            );
        }
        let silence = record.silence.as_ref().map(|s| self.constant_duration(s));
        if record.hangup_keeps.is_none() {
            self.tell(
                Diagnostic::error(314, span, "what if the caller hangs up while speaking?")
                    .label("no answer to hang-up")
                    .cause("most callers end a message by hanging up")
                    .mend(
                        "add `, hangup keeps` to go on with what was said, or `, hangup discards`",
                    ),
            );
        }
        let keeps = record.hangup_keeps.unwrap_or(true);
        let join = match &record.join {
            Some((behind, name)) => {
                if !keeps {
                    self.tell(
                        Diagnostic::error(
                            324,
                            name.span,
                            format!("a hang-up would throw `{}` away too", name.text),
                        )
                        .label("becomes one with the new recording")
                        .cause("`hangup discards` discards the whole")
                        .mend("hangup keeps"),
                    );
                }
                Some((self.recording(name)?, *behind, name.span))
            }
            None => None,
        };
        let slot = self.new_var(&record.into, Type::Recording, Origin::Caller);
        let stop_on = record.stop_on;
        Some(Kind::Record(hir::Record { slot, max, stop_on, silence, keeps, join }))
    }

    fn assign(
        &mut self,
        into: &ast::Name,
        value: &ast::Expr,
        otherwise: Option<&ast::Block>,
    ) -> Option<Kind> {
        if is_query(value) {
            let query = self.query(value);
            self.query_needs_answer(value.span, otherwise);
            let otherwise = self.optional(otherwise);
            let kind = query.as_ref().map_or(Type::Unknown, |(_, kind)| *kind);
            let slot = self.new_var(into, kind, Origin::Hark);
            return query.map(|(query, _)| Kind::Query { slot, query, otherwise });
        }
        if let Some(block) = otherwise {
            self.tell(
                Diagnostic::error(605, block.span, "this is never reached")
                    .cause("this value can't fail")
                    .mend("take the `else` out"),
            );
        }
        if let ast::ExprKind::Call(call) = &value.kind
            && let Some(flow) = self.flow_named(&call.name)
            && let Some(result) = self.signatures[flow].result
        {
            let called = self.call(call);
            let slot = self.new_var(into, result, Origin::Hark);
            return called.map(|call| Kind::Call(hir::Call { into: Some(slot), ..call }));
        }
        let (resolved, kind) = self.expr(value);
        if kind == Type::Recording {
            self.tell(
                Diagnostic::error(507, value.span, "a recording has one name only")
                    .cause("under two names it could be sent twice")
                    .mend("use the name that it has"),
            );
        }
        if matches!(kind, Type::Greeting(_) | Type::SpokenName) {
            self.tell(
                Diagnostic::error(201, value.span, format!("{kind} can only be played"))
                    .mend("play to.greeting else say \"…\""),
            );
        }
        let known = !matches!(kind, Type::Recording | Type::Greeting(_) | Type::SpokenName);
        let kind = if known { kind } else { Type::Unknown };
        let slot = self.new_var(into, kind, Origin::Value(resolved.clone()));
        Some(Kind::Set { slot, value: resolved })
    }

    pub(super) fn needs_answer(
        &mut self,
        code: u16,
        span: Span,
        otherwise: Option<&ast::Block>,
        message: &str,
        cause: &str,
        mend: &str,
    ) {
        if otherwise.is_none() {
            // What the author wrote, with an answer behind it, says more than any example.
            let own = self.slice(span);
            let short = own.len() <= MOST_QUOTED && !own.contains('\n');
            let mend = match mend.rfind(" else ").filter(|_| short) {
                Some(answer) => format!("{own}{}", &mend[answer..]),
                None => mend.to_owned(),
            };
            self.tell(
                Diagnostic::error(code, span, message)
                    .label("no `else`")
                    .cause(cause)
                    .mend(format!("say so: {mend}")),
            );
        }
    }

    pub(super) fn recording(&mut self, name: &ast::Name) -> Option<u16> {
        let expr = ast::Expr { kind: ast::ExprKind::Name(name.text.clone()), span: name.span };
        match self.expr(&expr) {
            (Expr::Slot(slot), Type::Recording) => Some(slot),
            (_, Type::Unknown) => None,
            (_, kind) => {
                self.tell(
                    Diagnostic::error(507, name.span, format!("this is {kind}, no recording"))
                        .cause("only what this call recorded can be sent or discarded"),
                );
                None
            }
        }
    }
}
