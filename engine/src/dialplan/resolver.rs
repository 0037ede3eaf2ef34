//! Syntax tree to [`hir`]: every name is found, every type is known, every failure has its
//! answer. What can't be resolved is told and left out.

mod expr;
mod menu;
mod stmt;

use std::collections::HashMap;

use super::Options;
use super::ast::{self, Name, Span};
use super::diagnostic::Diagnostic;
use super::hir;
use super::parser::RESERVED;
use super::value::{Type, Value};

/// How many variables a flow may have.
const MAX_VARS: usize = 250;
/// The languages whose prompts can be spoken.
const LANGUAGES: [&str; 1] = ["en"];

/// Resolves all files together.
pub fn resolve(files: &[ast::File], options: &Options, found: &mut Vec<Diagnostic>) -> hir::Module {
    let mut resolver = Resolver {
        options,
        found,
        flows: HashMap::new(),
        signatures: Vec::new(),
        constants: HashMap::new(),
        vars: Vec::new(),
        scope: Vec::new(),
        counters: Vec::new(),
        miss: None,
    };
    let language = resolver.languages(files);
    for constant in files.iter().flat_map(|f| &f.constants) {
        resolver.constant(constant);
    }
    let flows: Vec<&ast::Flow> = files.iter().flat_map(|f| &f.flows).collect();
    for flow in &flows {
        resolver.declare(flow);
    }
    let flows = flows.into_iter().map(|flow| resolver.flow(flow)).collect();
    let routes = files.iter().flat_map(|f| &f.routes).filter_map(|r| resolver.route(r)).collect();
    hir::Module { language, flows, routes }
}

struct Signature {
    name: Name,
    params: Vec<(String, Type)>,
}

struct Resolver<'a> {
    options: &'a Options,
    found: &'a mut Vec<Diagnostic>,
    flows: HashMap<String, usize>,
    signatures: Vec<Signature>,
    constants: HashMap<String, (Value, Type, Span)>,
    /// Every variable of the flow at hand.
    vars: Vec<hir::Var>,
    /// Those that can be seen here, by slot; the last of a name wins.
    scope: Vec<u16>,
    /// The `again at most` counters of each menu around, and of the flow.
    counters: Vec<Vec<u16>>,
    /// Whether a number that belongs to nobody has somewhere to go: only where a call is a
    /// route's or a digits answer's whole action.
    miss: Option<Miss>,
}

/// Where a number of nobody goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Miss {
    Route,
    Digits,
}

impl Resolver<'_> {
    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    fn languages(&mut self, files: &[ast::File]) -> String {
        let mut first = None;
        for name in files.iter().flat_map(|f| &f.languages) {
            if !LANGUAGES.contains(&name.text.as_str()) {
                self.tell(
                    Diagnostic::error(
                        107,
                        name.span,
                        format!("`{}` can't be spoken yet", name.text),
                    )
                    .cause("texts in another language would be read out as English")
                    .mend("languages en"),
                );
            }
            first.get_or_insert_with(|| name.text.clone());
        }
        first.unwrap_or_else(|| LANGUAGES[0].to_owned())
    }

    fn constant(&mut self, constant: &ast::Constant) {
        let Name { text, span } = &constant.name;
        if !self.may_be_named(&constant.name) {
            return;
        }
        if let Some((.., before)) = self.constants.get(text) {
            let error = Diagnostic::error(105, *span, format!("there are two constants `{text}`"))
                .label("the second")
                .also(*before, "the first");
            return self.tell(error);
        }
        let (value, kind) = match &constant.value.kind {
            ast::ExprKind::Number(n) => (Value::Number(*n), Type::Number),
            ast::ExprKind::Duration(d) => (Value::Duration(*d), Type::Duration),
            ast::ExprKind::Bool(b) => (Value::Bool(*b), Type::Bool),
            ast::ExprKind::Text(parts) if parts.is_empty() => (Value::from(""), Type::Text),
            ast::ExprKind::Text(parts) if let [ast::TextPart::Literal(text)] = parts.as_slice() => {
                (Value::from(text.as_str()), Type::Text)
            }
            _ => {
                let error = Diagnostic::error(205, constant.value.span, "this is no literal")
                    .cause("a constant is the same in every call")
                    .mend("write a number, a duration, a plain text, `true` or `false`");
                return self.tell(error);
            }
        };
        self.constants.insert(text.clone(), (value, kind, *span));
    }

    fn declare(&mut self, flow: &ast::Flow) {
        let Name { text, span } = &flow.name;
        self.may_be_named(&flow.name);
        let mut params = Vec::new();
        for param in &flow.params {
            let kind = Type::NAMED.iter().find(|(name, _)| *name == param.kind.text);
            let kind = match kind {
                Some((_, kind)) => *kind,
                None => {
                    let name = &param.kind.text;
                    let known = Type::NAMED.iter().map(|(name, _)| *name);
                    let error =
                        Diagnostic::error(103, param.kind.span, format!("there is no type `{name}`"))
                            .mend("the types are Text, Number, Digits, Bool, Duration, User, Caller, Message and Recording")
                            .suggest(name, known);
                    self.tell(error);
                    Type::Unknown
                }
            };
            params.push((param.name.text.clone(), kind));
        }
        if let Some(before) = self.flows.get(text) {
            let before = self.signatures[*before].name.span;
            let error = Diagnostic::error(105, *span, format!("there are two flows `{text}`"))
                .label("the second")
                .also(before, "the first")
                .mend("all files of the folder are one dialplan: rename one of the two");
            self.tell(error);
        } else {
            self.flows.insert(text.clone(), self.signatures.len());
        }
        self.signatures.push(Signature { name: flow.name.clone(), params });
    }

    fn flow(&mut self, flow: &ast::Flow) -> hir::Flow {
        self.vars.clear();
        self.scope.clear();
        self.counters = vec![Vec::new()];
        for param in &flow.params {
            let kind = Type::NAMED
                .iter()
                .find(|(name, _)| *name == param.kind.text)
                .map_or(Type::Unknown, |(_, kind)| *kind);
            self.new_var(&param.name, kind);
        }
        let params = self.vars.len();
        let body = self.block(&flow.body);
        let counters = self.counters.pop().unwrap_or_default();
        hir::Flow {
            name: flow.name.clone(),
            params,
            vars: std::mem::take(&mut self.vars),
            counters,
            body,
        }
    }

    fn route(&mut self, route: &ast::Route) -> Option<hir::Route> {
        self.vars.clear();
        self.scope.clear();
        let dialled = Name { text: String::new(), span: route.span };
        self.new_var(route.binder.as_ref().unwrap_or(&dialled), Type::Digits);
        self.miss = Some(Miss::Route);
        let call = self.call(&route.target);
        self.miss = None;
        Some(hir::Route { pattern: route.pattern.clone(), call: call?, span: route.span })
    }

    // ---- names ----

    /// Gives a name to a new variable of the place at hand.
    fn new_var(&mut self, name: &Name, kind: Type) -> u16 {
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
        self.anonymous_var(name, kind)
    }

    /// A variable that no author named: a counter, a list that is gone through.
    fn anonymous_var(&mut self, name: &Name, kind: Type) -> u16 {
        if self.vars.len() >= MAX_VARS {
            if self.vars.len() == MAX_VARS {
                let error = Diagnostic::error(209, name.span, "this flow has too many names")
                    .cause(format!("a flow may have {MAX_VARS}, to keep a call small"))
                    .mend("make a part of it a flow of its own");
                self.tell(error);
                self.vars.push(hir::Var { name: name.clone(), kind });
            }
            return 0;
        }
        let slot = u16::try_from(self.vars.len()).unwrap_or(0);
        self.vars.push(hir::Var { name: name.clone(), kind });
        if !name.text.is_empty() {
            self.scope.push(slot);
        }
        slot
    }

    fn hidden_var(&mut self, span: Span, kind: Type) -> u16 {
        self.anonymous_var(&Name { text: String::new(), span }, kind)
    }

    fn var(&self, name: &str) -> Option<u16> {
        self.scope.iter().rev().copied().find(|s| self.vars[usize::from(*s)].name.text == name)
    }

    fn may_be_named(&mut self, name: &Name) -> bool {
        let taken = RESERVED.contains(&name.text.as_str())
            || matches!(name.text.as_str(), "site" | "user" | "messages");
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
}
