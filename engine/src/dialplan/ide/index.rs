//! What is named where: every definition, everything that refers to one, and the fields of values.

use std::collections::HashMap;

use super::super::Source;
use super::super::ast::{File, Flow, Span, StmtKind, TypeName};
use super::super::imports::target;
use super::super::value::Type;

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// `flow`, or `menu` if so.
    Flow {
        menu: bool,
    },
    Constant,
    Hours,
    Holidays,
    Allow,
    /// By its place among the `json` types.
    Json(u16),
    /// A field of the `json` type of this place.
    JsonField(u16),
    Param,
    /// A name that an instruction, a route or an answer gives.
    Local,
}

/// Something with a name.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub name: String,
    pub span: Span,
    pub what: What,
    /// The type of the value; of a flow, of what it gives back.
    pub kind: Type,
    pub doc: Option<String>,
    /// How it is written, for flows and whatever stands at the outermost level.
    pub signature: String,
    /// Where it can be seen, for parameters and locals.
    pub visible: Span,
    /// Names of the parameters, for flows.
    pub params: Vec<String>,
}

/// A word that refers to a definition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub span: Span,
    /// Which definition, by its place.
    pub of: usize,
    /// Whether it stands in a translation, where it follows its prompt.
    pub translated: bool,
}

/// A text that is said or sent, and which of the uses stand in it.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    /// As it stands between the quotes.
    pub raw: String,
    pub span: Span,
    pub uses: std::ops::Range<usize>,
    /// What could be seen there.
    pub scope: Vec<usize>,
}

/// All names of a dialplan.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub definitions: Vec<Definition>,
    pub uses: Vec<Use>,
    /// Fields that Hark's own types have: where, of what, and which.
    pub fields: Vec<(Span, Type, String)>,
    /// Where an import stands, and which source it means.
    pub imports: Vec<(Span, u32)>,
    pub prompts: Vec<Prompt>,
    /// Names of the `json` types, in order.
    pub documents: Vec<String>,
    /// Which definitions are their fields.
    document_fields: Vec<std::ops::Range<usize>>,
    pub flows: HashMap<String, usize>,
    /// Constants and opening hours: what an expression may name everywhere.
    pub values: HashMap<String, usize>,
    pub holidays: HashMap<String, usize>,
    pub allows: HashMap<String, usize>,
    pub types: HashMap<String, usize>,
}

impl Index {
    pub fn of(sources: &[Source], files: &[File]) -> Self {
        let mut index = Self::default();
        index.globals(sources, files);
        index.imports = imports(sources, files);
        super::walk::walk(sources, files, &mut index);
        index
    }

    pub fn push(&mut self, definition: Definition) -> usize {
        self.definitions.push(definition);
        self.definitions.len() - 1
    }

    /// The fields of a `json` type.
    pub fn document_fields(&self, place: u16) -> impl Iterator<Item = (usize, &Definition)> {
        let fields = self.document_fields.get(usize::from(place)).cloned().unwrap_or_default();
        fields.filter_map(|at| Some((at, self.definitions.get(at)?)))
    }

    /// A written type.
    pub fn type_of(&self, written: &TypeName) -> Type {
        let kind = self.type_named(&written.name.text).unwrap_or(Type::Unknown);
        match (written.list, written.maybe, kind.item()) {
            (true, _, Some(item)) => Type::List(item),
            (_, true, Some(item)) => Type::Maybe(item),
            _ => kind,
        }
    }

    pub fn type_named(&self, name: &str) -> Option<Type> {
        let own = Type::NAMED.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        own.or_else(|| match self.definitions.get(*self.types.get(name)?)?.what {
            What::Json(place) => Some(Type::Document(place)),
            _ => None,
        })
    }

    fn globals(&mut self, sources: &[Source], files: &[File]) {
        let documents = files.iter().flat_map(|file| &file.documents);
        self.documents = documents.clone().map(|d| d.name.text.clone()).collect();
        for (document, place) in documents.zip(0u16..) {
            let fields: Vec<String> = document
                .fields
                .iter()
                .map(|f| format!("{}: {}", f.name.text, written(&f.kind)))
                .collect();
            let signature = format!("json {} {{ {} }}", document.name.text, fields.join(", "));
            let at = self.global(&document.name, What::Json(place), &document.doc, signature);
            self.types.entry(document.name.text.clone()).or_insert(at);
            for field in &document.fields {
                let signature = format!("{}: {}", field.name.text, written(&field.kind));
                self.global(&field.name, What::JsonField(place), &None, signature);
            }
            self.document_fields.push(at + 1..self.definitions.len());
        }
        // Each may speak of a later one.
        let fields = files.iter().flat_map(|f| &f.documents).flat_map(|d| &d.fields);
        let places = self.document_fields.clone().into_iter().flatten();
        for (field, at) in fields.zip(places) {
            self.definitions[at].kind = self.type_of(&field.kind);
        }
        for file in files {
            for holidays in &file.holidays {
                let signature = line(sources, "holidays ", holidays.name.span);
                let at = self.global(&holidays.name, What::Holidays, &holidays.doc, signature);
                self.holidays.entry(holidays.name.text.clone()).or_insert(at);
            }
            for hours in &file.hours {
                let signature = line(sources, "hours ", hours.name.span);
                let at = self.global(&hours.name, What::Hours, &hours.doc, signature);
                self.definitions[at].kind = Type::Hours;
                self.values.entry(hours.name.text.clone()).or_insert(at);
            }
            for allow in &file.allows {
                let signature = line(sources, "allow ", allow.name.span);
                let at = self.global(&allow.name, What::Allow, &allow.doc, signature);
                self.allows.entry(allow.name.text.clone()).or_insert(at);
            }
            for constant in &file.constants {
                let signature = line(sources, "constant ", constant.name.span);
                let at = self.global(&constant.name, What::Constant, &constant.doc, signature);
                self.values.entry(constant.name.text.clone()).or_insert(at);
            }
            for flow in &file.flows {
                self.flow(flow);
            }
        }
    }

    fn flow(&mut self, flow: &Flow) {
        let menu = is_menu(flow);
        let params: Vec<String> =
            flow.params.iter().map(|p| format!("{}: {}", p.name.text, written(&p.kind))).collect();
        let word = if menu { "menu" } else { "flow" };
        let result =
            flow.result.as_ref().map_or(String::new(), |kind| format!(" -> {}", written(kind)));
        let signature = format!("{word} {}({}){result}", flow.name.text, params.join(", "));
        let at = self.global(&flow.name, What::Flow { menu }, &flow.doc, signature);
        self.definitions[at].params = flow.params.iter().map(|p| p.name.text.clone()).collect();
        if let Some(result) = &flow.result {
            self.definitions[at].kind = self.type_of(result);
        }
        self.flows.entry(flow.name.text.clone()).or_insert(at);
    }

    fn global(
        &mut self,
        name: &super::super::ast::Name,
        what: What,
        doc: &Option<String>,
        signature: String,
    ) -> usize {
        self.push(Definition {
            name: name.text.clone(),
            span: name.span,
            what,
            kind: Type::Unknown,
            doc: doc.clone(),
            signature,
            visible: Span::default(),
            params: Vec::new(),
        })
    }
}

/// Whether a flow is a `menu name(…) {…}`: its body is the menu, without braces around it.
pub(super) fn is_menu(flow: &Flow) -> bool {
    match flow.body.stmts.as_slice() {
        [only] => matches!(&only.kind, StmtKind::Menu(menu) if menu.span == flow.body.span),
        _ => false,
    }
}

/// A type as its author wrote it.
pub(super) fn written(kind: &TypeName) -> String {
    let name = &kind.name.text;
    match (kind.list, kind.maybe) {
        (true, _) => format!("[{name}]"),
        (false, true) => format!("{name}?"),
        (false, false) => name.clone(),
    }
}

/// What a source says at a place.
pub(super) fn slice(sources: &[Source], span: Span) -> &str {
    sources
        .get(span.source as usize)
        .and_then(|source| source.text.get(span.start as usize..span.end as usize))
        .unwrap_or("")
}

/// The rest of the line that a name begins, behind the word that introduces it.
fn line(sources: &[Source], word: &str, name: Span) -> String {
    let text = sources
        .get(name.source as usize)
        .and_then(|source| source.text.get(name.start as usize..))
        .unwrap_or("");
    format!("{word}{}", text.lines().next().unwrap_or("").trim_end())
}

fn imports(sources: &[Source], files: &[File]) -> Vec<(Span, u32)> {
    let by_name: HashMap<&str, u32> =
        sources.iter().zip(0..).map(|(source, at)| (source.name.as_str(), at)).collect();
    let mut all = Vec::new();
    for (file, source) in files.iter().zip(sources) {
        for import in &file.imports {
            let meant = target(&source.name, &import.text).ok();
            if let Some(at) = meant.and_then(|name| by_name.get(name.as_str())) {
                all.push((import.span, *at));
            }
        }
    }
    all
}
