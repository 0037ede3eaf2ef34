//! Syntax tree to [`hir`]: every name is found, every type is known, every failure has its
//! answer. What can't be resolved is told and left out.

pub(super) mod act;
mod branch;
pub(super) mod expr;
mod fit;
mod fraud;
mod known;
mod menu;
pub(super) mod names;
mod query;
mod site;
mod stmt;
mod text;

use std::collections::{HashMap, HashSet};

use super::ast::{self, Name, Span};
use super::diagnostic::{Diagnostic, MAX_DIAGNOSTICS};
use super::hir::{self, Origin};
use super::program::Expr;
use super::speech::Language;
use super::value::Type;
use super::{Options, Source};
use known::Known;

/// Resolves all files together.
pub fn resolve(
    sources: &[Source],
    files: &[ast::File],
    options: &Options,
    found: &mut Vec<Diagnostic>,
) -> hir::Module {
    let mut resolver = Resolver::new(sources, options, found);
    resolver.imports(files);
    resolver.languages(files);
    resolver.translations(files);
    let zone = resolver.zone(files);
    let hours = resolver.hours(files, &zone);
    let allows = resolver.allows(files);
    resolver.documents(files);
    for constant in files.iter().flat_map(|f| &f.constants) {
        resolver.constant(constant);
    }
    let flows: Vec<&ast::Flow> = files.iter().flat_map(|f| &f.flows).collect();
    for flow in &flows {
        resolver.declare(flow);
    }
    let flows: Vec<hir::Flow> = flows
        .into_iter()
        .enumerate()
        .map(|(place, flow)| {
            resolver.at_flow = Some(place);
            resolver.flow(flow)
        })
        .collect();
    resolver.at_flow = None;
    let routes: Vec<hir::Route> =
        files.iter().flat_map(|f| &f.routes).filter_map(|r| resolver.route(r)).collect();
    resolver.draw_fraud(&flows, &routes);
    resolver.unused_translations();
    let languages = resolver.languages;
    hir::Module { languages, zone, hours, allows, documents: resolver.documents, flows, routes }
}

struct Signature {
    name: Name,
    params: Vec<(String, Type)>,
    result: Option<Type>,
}

struct Constant {
    value: Expr,
    kind: Type,
    span: Span,
    /// Where its text stands, if it is one that has yet to be said in every language.
    untranslated: Option<Span>,
}

/// How one language says one text.
struct Translated {
    text: ast::Expr,
    span: Span,
}

struct Resolver<'a> {
    sources: &'a [Source],
    options: &'a Options,
    found: &'a mut Vec<Diagnostic>,
    /// The first is the one that is spoken to whoever asked for no other.
    languages: Vec<Language>,
    /// By source: the language that its prompts are written in.
    written_in: Vec<Language>,
    /// By language and original text.
    translations: HashMap<(Language, String), Translated>,
    translated: HashSet<(Language, String)>,
    /// The language of the text at hand.
    language: Language,
    /// Whether a text at hand is spoken, rather than sent somewhere or compared.
    spoken: bool,
    hours: Known<(u16, Span)>,
    allows: HashMap<String, (u16, Span)>,
    documents: Vec<hir::DocumentType>,
    document_spans: Vec<Span>,
    flows: Known<usize>,
    signatures: Vec<Signature>,
    constants: Known<Constant>,
    /// Every variable of the flow at hand.
    vars: Vec<hir::Var>,
    /// Whether each was read.
    read: Vec<bool>,
    /// Those that can be seen here, by slot; the last of a name wins.
    scope: Vec<u16>,
    /// The `again at most` counters of each menu around, and of the flow.
    counters: Vec<Vec<u16>>,
    /// Numbers that were not looked up in an allow-list: which diagnostic, of which flow (none
    /// for a route), and which value.
    fraud: Vec<(usize, Option<usize>, Expr)>,
    /// The flow at hand.
    at_flow: Option<usize>,
    /// What the flow at hand gives back.
    result: Option<Type>,
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

impl<'a> Resolver<'a> {
    fn new(sources: &'a [Source], options: &'a Options, found: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            sources,
            options,
            found,
            languages: Vec::new(),
            written_in: Vec::new(),
            translations: HashMap::new(),
            translated: HashSet::new(),
            language: Language::En,
            spoken: true,
            hours: Known::new(),
            allows: HashMap::new(),
            documents: Vec::new(),
            document_spans: Vec::new(),
            flows: Known::new(),
            signatures: Vec::new(),
            constants: Known::new(),
            vars: Vec::new(),
            read: Vec::new(),
            scope: Vec::new(),
            counters: Vec::new(),
            fraud: Vec::new(),
            at_flow: None,
            result: None,
            miss: None,
        }
    }

    /// The names that a mistyped one is compared with: none where so much is wrong already that
    /// nobody is told of it.
    fn meant<'n>(&self, names: impl Iterator<Item = &'n String>) -> Vec<String> {
        if self.found.len() < MAX_DIAGNOSTICS { names.cloned().collect() } else { Vec::new() }
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    fn declare(&mut self, flow: &ast::Flow) {
        let Name { text, span } = &flow.name;
        self.may_be_named(&flow.name);
        let params = flow
            .params
            .iter()
            .map(|param| (param.name.text.clone(), self.type_of(&param.kind)))
            .collect();
        let result = flow.result.as_ref().map(|kind| self.type_of(kind));
        let shipped = self.is_shipped(span.source);
        if let Some(before) = self.flows.of_side(shipped, text) {
            let before = self.signatures[*before].name.span;
            let error = Diagnostic::error(105, *span, format!("there are two flows `{text}`"))
                .label("the second")
                .also(before, "the first")
                .mend("all files of the folder are one dialplan: rename one of the two");
            self.tell(error);
        } else {
            self.flows.insert(shipped, text, self.signatures.len());
        }
        self.signatures.push(Signature { name: flow.name.clone(), params, result });
    }

    fn flow(&mut self, flow: &ast::Flow) -> hir::Flow {
        self.begin_scope();
        self.counters = vec![Vec::new()];
        self.result = flow.result.as_ref().map(|kind| self.known_type(kind));
        for param in &flow.params {
            let kind = self.known_type(&param.kind);
            self.new_var(&param.name, kind, Origin::Parameter);
        }
        let params = self.vars.len();
        let body = self.block(&flow.body);
        let counters = self.counters.pop().unwrap_or_default();
        self.unread(params, &flow.name.text);
        hir::Flow {
            name: flow.name.clone(),
            params,
            result: self.result,
            vars: std::mem::take(&mut self.vars),
            counters,
            body,
        }
    }

    fn route(&mut self, route: &ast::Route) -> Option<hir::Route> {
        self.begin_scope();
        let dialled = Name { text: String::new(), span: route.span };
        let name = route.binder.as_ref().unwrap_or(&dialled);
        self.new_var(name, Type::Digits, Origin::Caller);
        let conditions = route.conditions.iter().filter_map(|c| self.condition_of(c)).collect();
        self.miss = Some(Miss::Route);
        let call = self.call(&route.target);
        self.miss = None;
        if let Some(flow) = call.as_ref().map(|c| c.flow)
            && self.signatures[flow].params.iter().any(|(_, kind)| *kind == Type::Recording)
        {
            // Nothing is recorded before a call has begun; the argument was told wrong.
            return None;
        }
        self.unread(0, "");
        Some(hir::Route {
            pattern: route.pattern.clone(),
            conditions,
            call: call?,
            span: route.span,
        })
    }

    fn condition_of(&mut self, condition: &ast::RouteCondition) -> Option<hir::Condition> {
        Some(match condition {
            ast::RouteCondition::Domain(domain, _) => {
                hir::Condition::Domain(domain.to_ascii_lowercase())
            }
            ast::RouteCondition::From(pattern, _) => hir::Condition::From(pattern.clone()),
            ast::RouteCondition::Trunk(trunk, _) => hir::Condition::Trunk(trunk.clone()),
            ast::RouteCondition::Identified(yes, _) => hir::Condition::Identified(*yes),
            ast::RouteCondition::When { hours, not, .. } => {
                let shipped = self.is_shipped(hours.span.source);
                let Some((place, _)) = self.hours.get(shipped, &hours.text).copied() else {
                    let known = self.meant(self.hours.names());
                    let error = Diagnostic::error(
                        101,
                        hours.span,
                        format!("no hours are called `{}`", hours.text),
                    )
                    .mend(format!("hours {} = mon-fri 9:00-17:00", hours.text))
                    .suggest(&hours.text, known.iter().map(String::as_str));
                    self.tell(error);
                    return None;
                };
                hir::Condition::When(place, !not)
            }
        })
    }
}
