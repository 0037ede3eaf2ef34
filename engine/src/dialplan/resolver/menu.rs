//! Menus: which cause leads to which action.

use super::super::ast::{self, Cause, Span};
use super::super::diagnostic::Diagnostic;
use super::super::hir::{self, Origin};
use super::super::pattern::Pattern;
use super::super::run::BETWEEN_KEYS;
use super::super::value::Type;
use super::{Miss, Resolver};

/// How many keys and numbers a menu may answer.
const MOST_CHOICES: usize = 1000;

impl Resolver<'_> {
    pub(super) fn menu(&mut self, menu: &ast::Menu) -> hir::Menu {
        self.counters.push(Vec::new());
        // What the prompt names, the answers know.
        let seen = self.scope.len();
        let prompt = self.open_block(&menu.prompt);
        let mut resolved = hir::Menu {
            prompt,
            choices: Vec::new(),
            silence: None,
            other: None,
            hangup: None,
            actions: Vec::new(),
            counters: Vec::new(),
            between: BETWEEN_KEYS,
            end_on: menu.end_on,
            head: menu.head,
        };
        if let Some(between) = &menu.between {
            resolved.between = self.constant_duration(between);
        }
        for answer in &menu.answers {
            self.answer(answer, &mut resolved);
            if resolved.choices.len() > MOST_CHOICES {
                self.tell(
                    Diagnostic::error(209, answer.span, "this menu has too many answers")
                        .cause(format!("a menu may have {MOST_CHOICES} keys and numbers"))
                        .mend("one pattern may stand for many numbers: digits \"1xxx\" as n"),
                );
                break;
            }
        }
        self.scope.truncate(seen);
        resolved.counters = self.counters.pop().unwrap_or_default();
        resolved
    }

    fn answer(&mut self, answer: &ast::MenuAnswer, menu: &mut hir::Menu) {
        let action = menu.actions.len();
        let seen = self.scope.len();
        let mut binds = false;
        for cause in &answer.causes {
            match cause {
                Cause::Key(key, span) => menu.choices.push(hir::Choice {
                    pattern: Pattern::key(*key),
                    slot: None,
                    action,
                    span: *span,
                }),
                Cause::Digits(pattern, binder, span) => {
                    binds |= binder.is_some();
                    let slot = binder
                        .as_ref()
                        .map(|name| self.new_var(name, Type::Digits, Origin::Caller));
                    menu.choices.push(hir::Choice {
                        pattern: pattern.clone(),
                        slot,
                        action,
                        span: *span,
                    });
                }
                Cause::Silence(after, span) => {
                    let after = self.constant_duration(after);
                    if let Some((_, _, before)) = menu.silence {
                        self.twice("silence", *span, before);
                    }
                    menu.silence = Some((after, action, *span));
                }
                Cause::Other(span) => {
                    if let Some((_, before)) = menu.other {
                        self.twice("other", *span, before);
                    }
                    menu.other = Some((action, *span));
                }
                Cause::Hangup(span) => {
                    if let Some((_, before)) = menu.hangup {
                        self.twice("hangup", *span, before);
                    }
                    menu.hangup = Some((action, *span));
                }
            }
        }
        if binds && answer.causes.len() > 1 {
            self.tell(
                Diagnostic::error(310, answer.span, "these digits would not always have a value")
                    .cause("the other causes of this answer give no digits")
                    .mend("write two answers"),
            );
        }
        // A number that belongs to nobody is answered like any other wrong key, where the call
        // is all that the answer does. After silence, a hang-up or a wrong key it could not be:
        // nobody pressed one, or it would come back here for ever.
        let is_digits = answer.causes.iter().all(|c| matches!(c, Cause::Digits(..)));
        let single_call = matches!(
            answer.action.stmts.as_slice(),
            [ast::Stmt { kind: ast::StmtKind::Call(_), .. }]
        );
        self.miss = (is_digits && single_call).then_some(Miss::Digits);
        let block = self.block(&answer.action);
        self.miss = None;
        self.scope.truncate(seen);
        menu.actions.push(block);
    }

    fn twice(&mut self, what: &str, span: Span, before: Span) {
        self.tell(
            Diagnostic::error(310, span, format!("this menu answers `{what}` twice"))
                .label("the second")
                .also(before, "the first")
                .mend("take one of them out"),
        );
    }
}
