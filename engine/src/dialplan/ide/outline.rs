//! What a file consists of, for the editor's outline.

use super::super::ast::{File, Span};
use super::Analysis;
use super::index::{is_menu, written};

/// An item of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its name, or what stands for one.
    pub name: String,
    /// What else is worth showing.
    pub detail: String,
    /// What it is.
    pub kind: OutlineKind,
    /// All of it.
    pub whole: Span,
    /// Its name.
    pub span: Span,
    /// What it consists of.
    pub children: Vec<Self>,
}

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the item of its name")]
pub enum OutlineKind {
    Import,
    Language,
    Holidays,
    Hours,
    Allow,
    Json,
    JsonField,
    Constant,
    Route,
    Flow,
    Menu,
    Test,
}

impl Analysis {
    /// The items of a source, in their order.
    pub fn outline(&self, source: u32) -> Vec<Outline> {
        let Some(file) = self.files.get(source as usize) else { return Vec::new() };
        let mut all = self.items(file);
        all.sort_by_key(|item| (item.whole.start, item.whole.end));
        all
    }

    fn items(&self, file: &File) -> Vec<Outline> {
        let leaf = |kind, name: &str, span: Span, whole: Span| Outline {
            name: name.to_owned(),
            detail: String::new(),
            kind,
            whole,
            span,
            children: Vec::new(),
        };
        let mut all = Vec::new();
        for import in &file.imports {
            all.push(leaf(OutlineKind::Import, &import.text, import.span, import.span));
        }
        for translation in &file.translations {
            let name = &translation.language;
            let end = translation.entries.last().map_or(name.span, |entry| entry.text.span);
            all.push(leaf(OutlineKind::Language, &name.text, name.span, name.span.to(end)));
        }
        for name in file.holidays.iter().map(|holidays| &holidays.name) {
            all.push(leaf(OutlineKind::Holidays, &name.text, name.span, name.span));
        }
        for name in file.hours.iter().map(|hours| &hours.name) {
            all.push(leaf(OutlineKind::Hours, &name.text, name.span, name.span));
        }
        for allow in &file.allows {
            let end = allow.patterns.last().map_or(allow.name.span, |(_, span)| *span);
            let span = allow.name.span;
            all.push(leaf(OutlineKind::Allow, &allow.name.text, span, span.to(end)));
        }
        for document in &file.documents {
            let span = document.name.span;
            let end = document.fields.last().map_or(span, |field| field.kind.name.span);
            let mut item = leaf(OutlineKind::Json, &document.name.text, span, span.to(end));
            for field in &document.fields {
                let span = field.name.span;
                let whole = span.to(field.kind.name.span);
                let mut child = leaf(OutlineKind::JsonField, &field.name.text, span, whole);
                child.detail = written(&field.kind);
                item.children.push(child);
            }
            all.push(item);
        }
        for constant in &file.constants {
            let whole = constant.name.span.to(constant.value.span);
            let span = constant.name.span;
            let mut item = leaf(OutlineKind::Constant, &constant.name.text, span, whole);
            item.detail = self.slice(constant.value.span).to_owned();
            all.push(item);
        }
        for route in &file.routes {
            let name = self.slice(route.span);
            let whole = route.span.to(route.target.span);
            let mut item = leaf(OutlineKind::Route, name, route.span, whole);
            item.detail = self.slice(route.target.span).to_owned();
            all.push(item);
        }
        for flow in &file.flows {
            let kind = if is_menu(flow) { OutlineKind::Menu } else { OutlineKind::Flow };
            let span = flow.name.span;
            let mut item = leaf(kind, &flow.name.text, span, span.to(flow.body.span));
            let params = flow.params.iter();
            let params: Vec<String> =
                params.map(|p| format!("{}: {}", p.name.text, written(&p.kind))).collect();
            item.detail = format!("({})", params.join(", "));
            all.push(item);
        }
        for test in &file.tests {
            all.push(leaf(OutlineKind::Test, &test.name, test.span, test.whole));
        }
        all
    }
}
