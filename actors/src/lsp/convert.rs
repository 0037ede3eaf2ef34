//! The engine's answers as the protocol has them.

use hark_engine::dialplan::ast::Span;
use hark_engine::dialplan::diagnostic::{self, Severity};
use hark_engine::dialplan::ide::{
    Analysis, Completion, CompletionKind, Edit, Outline, OutlineKind,
};
use ls_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Diagnostic,
    DiagnosticRelatedInformation, DiagnosticSeverity, DocumentSymbol, Documentation,
    InsertTextFormat, Location, MarkupContent, MarkupKind, NumberOrString, Position, Range,
    SymbolKind, TextEdit,
};

use super::documents::Documents;
use super::position::Lines;

/// What the editor calls a source of diagnostics.
const SOURCE: &str = "hark";

pub fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

/// The text of a source of the dialplan.
pub fn text(analysis: &Analysis, source: u32) -> &str {
    analysis.sources().get(source as usize).map_or("", |source| source.text.as_str())
}

/// The byte of a position in a source.
pub fn offset(analysis: &Analysis, source: u32, position: Position) -> u32 {
    let offset = Lines::of(text(analysis, source)).offset(position);
    u32::try_from(offset).unwrap_or(u32::MAX)
}

pub fn range(analysis: &Analysis, span: Span) -> Range {
    Lines::of(text(analysis, span.source)).range(span.start as usize, span.end as usize)
}

/// Where a place is; none for what ships with Hark, which is no file.
pub fn location(documents: &Documents, analysis: &Analysis, span: Span) -> Option<Location> {
    let source = analysis.sources().get(span.source as usize)?;
    let (uri, _) = documents.uri(&source.name)?;
    Some(Location { uri, range: range(analysis, span) })
}

pub fn edit(analysis: &Analysis, edit: &Edit) -> TextEdit {
    TextEdit { range: range(analysis, edit.span), new_text: edit.text.clone() }
}

pub fn diagnostic(
    documents: &Documents,
    analysis: &Analysis,
    found: &diagnostic::Diagnostic,
) -> Diagnostic {
    let mut message = found.message.clone();
    for more in found.cause.iter().map(|cause| format!("\n{cause}")) {
        message.push_str(&more);
    }
    for more in found.mend.iter().map(|mend| format!("\nmend: {mend}")) {
        message.push_str(&more);
    }
    let related = found.related.iter().filter_map(|(span, label)| {
        let location = location(documents, analysis, *span)?;
        Some(DiagnosticRelatedInformation { location, message: label.clone() })
    });
    Diagnostic {
        range: range(analysis, found.span),
        severity: Some(match found.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(format!("D{:04}", found.code))),
        source: Some(SOURCE.to_owned()),
        message,
        related_information: Some(related.collect()),
        ..Diagnostic::default()
    }
}

/// A completion, of which the `order`th is shown before those behind it.
pub fn completion(analysis: &Analysis, found: &Completion, order: usize) -> CompletionItem {
    let kind = match found.kind {
        CompletionKind::Keyword => CompletionItemKind::KEYWORD,
        CompletionKind::Snippet => CompletionItemKind::SNIPPET,
        CompletionKind::Flow | CompletionKind::Function => CompletionItemKind::FUNCTION,
        CompletionKind::Variable => CompletionItemKind::VARIABLE,
        CompletionKind::Constant => CompletionItemKind::CONSTANT,
        CompletionKind::Type => CompletionItemKind::STRUCT,
        CompletionKind::Field => CompletionItemKind::FIELD,
        CompletionKind::User => CompletionItemKind::VALUE,
        CompletionKind::Language => CompletionItemKind::ENUM_MEMBER,
        CompletionKind::File => CompletionItemKind::FILE,
        CompletionKind::Text => CompletionItemKind::TEXT,
    };
    let edit = TextEdit { range: range(analysis, found.span), new_text: found.insert.clone() };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    CompletionItem {
        label: found.label.clone(),
        kind: Some(kind),
        detail: text(&found.detail),
        documentation: text(&found.help).map(|help| Documentation::MarkupContent(markdown(help))),
        sort_text: Some(format!("{order:04}")),
        insert_text_format: Some(if found.snippet {
            InsertTextFormat::SNIPPET
        } else {
            InsertTextFormat::PLAIN_TEXT
        }),
        text_edit: Some(CompletionTextEdit::Edit(edit)),
        ..CompletionItem::default()
    }
}

#[allow(deprecated, reason = "the protocol's old field has to be given, as nothing")]
pub fn symbol(lines: &Lines<'_>, item: &Outline) -> DocumentSymbol {
    let kind = match item.kind {
        OutlineKind::Import => SymbolKind::FILE,
        OutlineKind::Language => SymbolKind::NAMESPACE,
        OutlineKind::Holidays | OutlineKind::Hours | OutlineKind::Constant => SymbolKind::CONSTANT,
        OutlineKind::Allow => SymbolKind::ARRAY,
        OutlineKind::Json => SymbolKind::STRUCT,
        OutlineKind::JsonField => SymbolKind::FIELD,
        OutlineKind::Route => SymbolKind::EVENT,
        OutlineKind::Flow => SymbolKind::FUNCTION,
        OutlineKind::Menu => SymbolKind::INTERFACE,
        OutlineKind::Test => SymbolKind::METHOD,
    };
    let children: Vec<DocumentSymbol> =
        item.children.iter().map(|child| symbol(lines, child)).collect();
    let range = |span: Span| lines.range(span.start as usize, span.end as usize);
    DocumentSymbol {
        // The protocol forbids an empty name.
        name: if item.name.is_empty() { "…".to_owned() } else { item.name.clone() },
        detail: (!item.detail.is_empty()).then(|| item.detail.clone()),
        kind,
        tags: None,
        deprecated: None,
        range: range(item.whole),
        selection_range: range(item.span),
        children: (!children.is_empty()).then_some(children),
    }
}
