//! The conversation with the editor.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hark_engine::dialplan::ide::{Analysis, MOST_COMPLETIONS};
use hark_engine::dialplan::{Source, format};
use ls_types::notification::{
    DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument, DidOpenTextDocument,
    DidSaveTextDocument, Notification as _, PublishDiagnostics, ShowMessage,
};
use ls_types::request::{
    CodeActionRequest, Completion, DocumentSymbolRequest, Formatting, GotoDefinition, HoverRequest,
    PrepareRenameRequest, References, Rename, Request as _,
};
use ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams,
    CodeActionProviderCapability, CompletionList, CompletionOptions, CompletionParams,
    CompletionResponse, DocumentSymbolResponse, GotoDefinitionResponse, Hover, HoverContents,
    HoverProviderCapability, InitializeParams, MessageType, OneOf, PrepareRenameResponse,
    PublishDiagnosticsParams, RenameOptions, RenameParams, ServerCapabilities, ShowMessageParams,
    TextDocumentPositionParams, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, TextEdit, Uri, WorkspaceEdit,
};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use serde_json::{Value, json};

use super::convert;
use super::documents::Documents;
use super::position::Lines;

/// How long nothing must be typed before the files are compiled, and how long at most that waits.
const QUIET: Duration = Duration::from_millis(120);
const LONGEST_WAIT: Duration = Duration::from_millis(600);

/// Why the conversation broke off.
#[derive(Debug, thiserror::Error)]
pub enum LspError {
    /// The editor did not keep to the protocol.
    #[error("the editor broke the language server protocol: {0}")]
    Protocol(String),
    /// Standard input or output failed.
    #[error("the editor can't be read or written: {0}")]
    Broken(#[from] std::io::Error),
    /// The editor left without a word.
    #[error("the editor ended without shutting this down")]
    Left,
}

/// Answers an editor on standard input and output until it shuts this down.
///
/// # Errors
/// When it ends in any other way.
pub fn serve() -> Result<(), LspError> {
    let (connection, threads) = Connection::stdio();
    let told = converse(&connection);
    // The threads end when the connection is gone; after a broken one, they may wait for input.
    drop(connection);
    told?;
    threads.join()?;
    Ok(())
}

fn converse(connection: &Connection) -> Result<(), LspError> {
    let wrong = |error: lsp_server::ProtocolError| LspError::Protocol(error.to_string());
    let (id, params) = connection.initialize_start().map_err(wrong)?;
    let params: InitializeParams =
        serde_json::from_value(params).map_err(|error| LspError::Protocol(error.to_string()))?;
    let about = json!({
        "capabilities": capabilities(),
        "serverInfo": { "name": "hark dialplan lsp", "version": env!("CARGO_PKG_VERSION") },
    });
    connection.initialize_finish(id, about).map_err(wrong)?;
    Server::new(connection, params).run()
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([".", ">", ":", "{", "\"", "/"].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: Default::default(),
        })),
        ..ServerCapabilities::default()
    }
}

struct Server<'a> {
    connection: &'a Connection,
    documents: Documents,
    /// Since when something is to be compiled, and when it will be.
    changed: Option<(Instant, Instant)>,
    /// The files of which the editor shows diagnostics.
    shown: HashSet<Uri>,
}

/// An answer, or what is wrong with the question.
type Answer<T> = Result<T, String>;

impl<'a> Server<'a> {
    fn new(connection: &'a Connection, params: InitializeParams) -> Self {
        let folders = params.workspace_folders.unwrap_or_default();
        let documents = Documents::new(folders.into_iter().map(|folder| folder.uri));
        Self { connection, documents, changed: None, shown: HashSet::new() }
    }

    fn run(&mut self) -> Result<(), LspError> {
        loop {
            let message = match self.changed {
                None => self.connection.receiver.recv().map_err(|_| LspError::Left)?,
                Some((_, due)) => {
                    let left = due.saturating_duration_since(Instant::now());
                    match self.connection.receiver.recv_timeout(left) {
                        Ok(message) => message,
                        Err(error) if error.is_timeout() => {
                            self.publish()?;
                            continue;
                        }
                        Err(_) => return Err(LspError::Left),
                    }
                }
            };
            match message {
                Message::Request(request) => {
                    let ends = self.connection.handle_shutdown(&request);
                    if ends.map_err(|error| LspError::Protocol(error.to_string()))? {
                        return Ok(());
                    }
                    let answer = self.answer(request);
                    self.send(Message::Response(answer))?;
                }
                Message::Notification(notification) if notification.method == "exit" => {
                    return Err(LspError::Left);
                }
                Message::Notification(notification) => self.notice(notification)?,
                // Nothing is asked of the editor.
                Message::Response(_) => {}
            }
        }
    }

    fn send(&self, message: Message) -> Result<(), LspError> {
        self.connection.sender.send(message).map_err(|_| LspError::Left)
    }

    fn notice(&mut self, notification: Notification) -> Result<(), LspError> {
        let params = notification.params;
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => {
                let Some(opened) = read::<DidOpenTextDocument>(params) else { return Ok(()) };
                let document = opened.text_document;
                if !self.documents.open(document.uri, document.version, document.text) {
                    return self.complain("too many or too long .dial files are open");
                }
            }
            DidChangeTextDocument::METHOD => {
                let Some(changed) = read::<DidChangeTextDocument>(params) else { return Ok(()) };
                let document = changed.text_document;
                self.documents.change(&document.uri, document.version, changed.content_changes);
            }
            DidCloseTextDocument::METHOD => {
                let Some(closed) = read::<DidCloseTextDocument>(params) else { return Ok(()) };
                self.documents.close(&closed.text_document.uri);
            }
            DidSaveTextDocument::METHOD | DidChangeWatchedFiles::METHOD => self.documents.forget(),
            // What the protocol may have beside this needs no answer.
            _ => return Ok(()),
        }
        let now = Instant::now();
        let since = self.changed.map_or(now, |(since, _)| since);
        self.changed = Some((since, (now + QUIET).min(since + LONGEST_WAIT)));
        Ok(())
    }

    fn complain(&self, what: &str) -> Result<(), LspError> {
        let params = ShowMessageParams { typ: MessageType::WARNING, message: what.to_owned() };
        self.send(Message::Notification(Notification::new(ShowMessage::METHOD.into(), params)))
    }

    /// Tells what is wrong with every dialplan that something open belongs to.
    fn publish(&mut self) -> Result<(), LspError> {
        self.changed = None;
        let mut all: HashMap<Uri, PublishDiagnosticsParams> = HashMap::new();
        for (_, analysis) in self.documents.dialplans() {
            for source in analysis.sources() {
                // What is open is told to be right, too.
                if let Some((uri, version @ Some(_))) = self.documents.uri(&source.name) {
                    let nothing = PublishDiagnosticsParams::new(uri.clone(), Vec::new(), version);
                    all.entry(uri).or_insert(nothing);
                }
            }
            for found in analysis.diagnostics().iter() {
                let source = analysis.sources().get(found.span.source as usize);
                let Some((uri, version)) = source.and_then(|s| self.documents.uri(&s.name)) else {
                    continue;
                };
                let told = convert::diagnostic(&self.documents, &analysis, found);
                let nothing = PublishDiagnosticsParams::new(uri.clone(), Vec::new(), version);
                let diagnostics = &mut all.entry(uri).or_insert(nothing).diagnostics;
                // A file of two dialplans may have the same mistake in both.
                if !diagnostics.contains(&told) {
                    diagnostics.push(told);
                }
            }
        }
        let mended: Vec<Uri> =
            self.shown.iter().filter(|uri| !all.contains_key(*uri)).cloned().collect();
        self.shown = all
            .iter()
            .filter(|(_, params)| !params.diagnostics.is_empty())
            .map(|(uri, _)| uri.clone())
            .collect();
        let mended =
            mended.into_iter().map(|uri| PublishDiagnosticsParams::new(uri, Vec::new(), None));
        for params in all.into_values().chain(mended) {
            let told = Notification::new(PublishDiagnostics::METHOD.into(), params);
            self.send(Message::Notification(told))?;
        }
        Ok(())
    }

    fn answer(&mut self, request: Request) -> Response {
        let Request { id, method, params } = request;
        let answer = match method.as_str() {
            HoverRequest::METHOD => asked::<HoverRequest>(params)
                .and_then(|asked| told(self.hover(asked.text_document_position_params))),
            GotoDefinition::METHOD => asked::<GotoDefinition>(params)
                .and_then(|asked| told(self.definition(asked.text_document_position_params))),
            References::METHOD => asked::<References>(params).and_then(|asked| {
                let declared = asked.context.include_declaration;
                told(self.references(asked.text_document_position, declared))
            }),
            Completion::METHOD => {
                asked::<Completion>(params).and_then(|asked| told(self.completion(asked)))
            }
            DocumentSymbolRequest::METHOD => asked::<DocumentSymbolRequest>(params)
                .and_then(|asked| told(self.symbols(&asked.text_document.uri))),
            Formatting::METHOD => asked::<Formatting>(params)
                .and_then(|asked| told(self.formatting(&asked.text_document.uri))),
            CodeActionRequest::METHOD => {
                asked::<CodeActionRequest>(params).and_then(|asked| told(self.actions(asked)))
            }
            PrepareRenameRequest::METHOD => asked::<PrepareRenameRequest>(params)
                .and_then(|asked| self.prepare_rename(asked))
                .and_then(told),
            Rename::METHOD => {
                asked::<Rename>(params).and_then(|asked| self.rename(asked)).and_then(told)
            }
            _ => {
                let what = format!("`{method}` is not offered");
                return Response::new_err(id, ErrorCode::MethodNotFound as i32, what);
            }
        };
        match answer {
            Ok(answer) => Response::new_ok(id, answer),
            Err(what) => Response::new_err(id, ErrorCode::InvalidParams as i32, what),
        }
    }

    fn hover(&mut self, at: TextDocumentPositionParams) -> Option<Hover> {
        let (analysis, source) = self.documents.analysis(&at.text_document.uri)?;
        let found = analysis.hover(source, convert::offset(&analysis, source, at.position))?;
        Some(Hover {
            contents: HoverContents::Markup(convert::markdown(found.text)),
            range: Some(convert::range(&analysis, found.span)),
        })
    }

    fn definition(&mut self, at: TextDocumentPositionParams) -> Option<GotoDefinitionResponse> {
        let (analysis, source) = self.documents.analysis(&at.text_document.uri)?;
        let span = analysis.definition(source, convert::offset(&analysis, source, at.position))?;
        convert::location(&self.documents, &analysis, span).map(GotoDefinitionResponse::Scalar)
    }

    fn references(
        &mut self,
        at: TextDocumentPositionParams,
        declared: bool,
    ) -> Option<Vec<ls_types::Location>> {
        let (analysis, source) = self.documents.analysis(&at.text_document.uri)?;
        let offset = convert::offset(&analysis, source, at.position);
        let spans = analysis.references(source, offset, declared).into_iter();
        Some(spans.filter_map(|s| convert::location(&self.documents, &analysis, s)).collect())
    }

    fn completion(&mut self, asked: CompletionParams) -> Option<CompletionResponse> {
        let at = asked.text_document_position;
        let (analysis, source) = self.documents.analysis(&at.text_document.uri)?;
        let offset = convert::offset(&analysis, source, at.position);
        let found = analysis.complete(source, offset);
        let items = found.iter().enumerate().map(|(n, c)| convert::completion(&analysis, c, n));
        Some(CompletionResponse::List(CompletionList {
            // More may be offered for what is typed next.
            is_incomplete: found.len() >= MOST_COMPLETIONS,
            items: items.collect(),
        }))
    }

    fn symbols(&mut self, uri: &Uri) -> Option<DocumentSymbolResponse> {
        let (analysis, source) = self.documents.analysis(uri)?;
        let lines = Lines::of(convert::text(&analysis, source));
        let outline = analysis.outline(source);
        let symbols = outline.iter().map(|item| convert::symbol(&lines, item)).collect();
        Some(DocumentSymbolResponse::Nested(symbols))
    }

    /// The whole file in the one style; nothing where it can't be read.
    fn formatting(&mut self, uri: &Uri) -> Option<Vec<TextEdit>> {
        let (analysis, source) = self.documents.analysis(uri)?;
        let source: &Source = analysis.sources().get(source as usize)?;
        let formatted = format(source).ok()?;
        if formatted == source.text {
            return Some(Vec::new());
        }
        let range = Lines::of(&source.text).range(0, source.text.len());
        Some(vec![TextEdit { range, new_text: formatted }])
    }

    fn actions(&mut self, asked: CodeActionParams) -> Option<Vec<CodeActionOrCommand>> {
        let uri = asked.text_document.uri;
        let (analysis, source) = self.documents.analysis(&uri)?;
        let offset = convert::offset(&analysis, source, asked.range.start);
        let actions = analysis.mends(source, offset).into_iter().map(|mend| {
            let edit = convert::edit(&analysis, &mend.edit);
            CodeActionOrCommand::CodeAction(CodeAction {
                title: mend.title,
                kind: Some(CodeActionKind::QUICKFIX),
                edit: Some(changes([(uri.clone(), edit)])),
                ..CodeAction::default()
            })
        });
        Some(actions.collect())
    }

    fn prepare_rename(&mut self, at: TextDocumentPositionParams) -> Answer<PrepareRenameResponse> {
        let (analysis, source) = self.found(&at.text_document.uri)?;
        let offset = convert::offset(&analysis, source, at.position);
        let span = analysis.can_rename(source, offset).map_err(|error| error.to_string())?;
        Ok(PrepareRenameResponse::Range(convert::range(&analysis, span)))
    }

    fn rename(&mut self, asked: RenameParams) -> Answer<WorkspaceEdit> {
        let at = asked.text_document_position;
        let (analysis, source) = self.found(&at.text_document.uri)?;
        let offset = convert::offset(&analysis, source, at.position);
        let edits = analysis.rename(source, offset, &asked.new_name);
        let edits = edits.map_err(|error| error.to_string())?;
        let edits = edits.iter().filter_map(|edit| {
            let source = analysis.sources().get(edit.span.source as usize)?;
            let (uri, _) = self.documents.uri(&source.name)?;
            Some((uri, convert::edit(&analysis, edit)))
        });
        Ok(changes(edits))
    }

    fn found(&mut self, uri: &Uri) -> Answer<(Rc<Analysis>, u32)> {
        self.documents.analysis(uri).ok_or_else(|| "this file is not open".to_owned())
    }
}

fn changes(edits: impl IntoIterator<Item = (Uri, TextEdit)>) -> WorkspaceEdit {
    let mut changes: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
    for (uri, edit) in edits {
        changes.entry(uri).or_default().push(edit);
    }
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}

/// The parameters of a notification; those that can't be read have nobody to be told.
fn read<N: ls_types::notification::Notification>(params: Value) -> Option<N::Params> {
    serde_json::from_value(params).ok()
}

fn asked<R: ls_types::request::Request>(params: Value) -> Answer<R::Params> {
    serde_json::from_value(params).map_err(|error| error.to_string())
}

fn told(answer: impl serde::Serialize) -> Answer<Value> {
    serde_json::to_value(answer).map_err(|error| error.to_string())
}
