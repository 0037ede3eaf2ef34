//! Names, variables and types.

use super::super::ast::{self, Name, Span};
use super::super::diagnostic::Diagnostic;
use super::super::hir::{self, Origin};
use super::super::parser::RESERVED;
use super::super::value::Type;
use super::Resolver;

/// How many variables a flow may have.
const MAX_VARS: usize = 250;
/// What an expression may begin with, beside the names that authors give.
pub const BUILT_IN: [&str; 7] = ["site", "user", "spelled", "now", "nothing", "messages", "caller"];

impl Resolver<'_> {
    pub(super) fn begin_scope(&mut self) {
        self.vars.clear();
        self.read.clear();
        self.scope.clear();
    }

    /// Gives a name to a new variable of the place at hand.
    pub(super) fn new_var(&mut self, name: &Name, kind: Type, origin: Origin) -> u16 {
        let known = self.scope.iter().map(|slot| &self.vars[usize::from(*slot)]);
        let before = known.rev().find(|v| v.name.text == name.text && !name.text.is_empty());
        if let Some(before) = before {
            let error = Diagnostic::error(
                105,
                name.span,
                format!("`{}` already means something", name.text),
            )
            .label("named again")
            .also(before.name.span, "named here")
            .cause("a name keeps its value; it is never given another")
            .mend("choose another name");
            self.tell(error);
        } else if !name.text.is_empty() {
            self.may_be_named(name);
        }
        self.anonymous_var(name, kind, origin)
    }

    /// A variable that no author named: a counter, a list that is gone through.
    fn anonymous_var(&mut self, name: &Name, kind: Type, origin: Origin) -> u16 {
        if self.vars.len() >= MAX_VARS {
            if self.vars.len() == MAX_VARS {
                let error = Diagnostic::error(209, name.span, "this flow has too many names")
                    .cause(format!("a flow may have {MAX_VARS}, to keep a call small"))
                    .mend("make a part of it a flow of its own");
                self.tell(error);
                self.vars.push(hir::Var { name: name.clone(), kind, origin });
                self.read.push(true);
            }
            return 0;
        }
        let slot = u16::try_from(self.vars.len()).unwrap_or(0);
        self.vars.push(hir::Var { name: name.clone(), kind, origin });
        self.read.push(name.text.is_empty());
        if !name.text.is_empty() {
            self.scope.push(slot);
        }
        slot
    }

    pub(super) fn hidden_var(&mut self, span: Span, kind: Type, origin: Origin) -> u16 {
        self.anonymous_var(&Name { text: String::new(), span }, kind, origin)
    }

    pub(super) fn var(&mut self, name: &str) -> Option<u16> {
        let slot =
            self.scope.iter().rev().copied().find(|s| self.vars[usize::from(*s)].name.text == name);
        if let Some(read) = slot.and_then(|slot| self.read.get_mut(usize::from(slot))) {
            *read = true;
        }
        slot
    }

    /// Tells of the variables that nothing reads. What a recording is called is told by the
    /// checker, which knows whether it is lost.
    pub(super) fn unread(&mut self, params: usize, flow: &str) {
        let started_by_hark = super::super::STARTED_BY_HARK.contains(&flow);
        for (slot, var) in self.vars.iter().enumerate() {
            let excused = var.name.text.starts_with('_')
                || matches!(var.kind, Type::Recording | Type::Unknown)
                || (slot < params && started_by_hark);
            if self.read.get(slot).copied().unwrap_or(true) || excused {
                continue;
            }
            let name = &var.name.text;
            self.found.push(
                Diagnostic::warning(210, var.name.span, format!("`{name}` is never used"))
                    .label("given a value here")
                    .mend(format!("take it out, or call it `_{name}` if that is meant")),
            );
        }
    }

    pub(super) fn may_be_named(&mut self, name: &Name) -> bool {
        let taken =
            RESERVED.contains(&name.text.as_str()) || BUILT_IN.contains(&name.text.as_str());
        if taken {
            let error = Diagnostic::error(
                17,
                name.span,
                format!("`{}` is a word of the language", name.text),
            )
            .cause("it can't be the name of something else")
            .mend(format!("choose another name, such as `my_{}`", name.text));
            self.tell(error);
        }
        !taken
    }

    /// The type that is written; tells where there is none.
    pub(super) fn type_of(&mut self, written: &ast::TypeName) -> Type {
        let kind = self.named(&written.name.text);
        let Some(kind) = kind else {
            let name = &written.name.text;
            let built_in: Vec<&str> = Type::NAMED.iter().map(|(name, _)| *name).collect();
            let own = self.meant(self.documents.iter().map(|d| &d.name));
            let error =
                Diagnostic::error(103, written.name.span, format!("there is no type `{name}`"))
                    .mend(format!("the types are {}, and every `json`", built_in.join(", ")))
                    .suggest(name, built_in.into_iter().chain(own.iter().map(String::as_str)));
            self.tell(error);
            return Type::Unknown;
        };
        if (written.list || written.maybe) && kind.item().is_none() {
            let what = if written.list { "a list of them" } else { "one that may be missing" };
            let error = Diagnostic::error(
                103,
                written.name.span,
                format!("there is no such thing as {what}: {kind}"),
            )
            .cause("lists and missing values hold what can be kept and compared");
            self.tell(error);
            return Type::Unknown;
        }
        self.known_type(written)
    }

    /// The type that is written, told already where there is none.
    pub(super) fn known_type(&self, written: &ast::TypeName) -> Type {
        let Some(kind) = self.named(&written.name.text) else { return Type::Unknown };
        match (written.list, written.maybe, kind.item()) {
            (true, _, Some(item)) => Type::List(item),
            (_, true, Some(item)) => Type::Maybe(item),
            (false, false, _) => kind,
            _ => Type::Unknown,
        }
    }

    fn named(&self, name: &str) -> Option<Type> {
        let built_in = Type::NAMED.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        built_in.or_else(|| {
            let place = self.documents.iter().position(|d| d.name == name)?;
            Some(Type::Document(u16::try_from(place).ok()?))
        })
    }
}
