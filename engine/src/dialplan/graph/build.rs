//! The cards of a dialplan: its routes, the calls that Hark makes, its flows and menus.

use std::collections::{HashMap, HashSet};

use super::super::ast::{Block, Constant, File, Flow, Route, StmtKind};
use super::super::parser;
use super::super::{STARTED_BY_HARK, Source};
use super::ends::stays;
use super::model::{Arrow, ArrowKind, Card, CardKind, Graph, Row, RowKind};
use super::rows::Rows;
use super::words::{Constants, condition, shortened, title};

/// The longest title, in characters.
const MOST_TITLE: usize = 90;
/// The most that a flow may say to count as an end of the call and nothing more, in characters.
const MOST_LAST_WORDS: usize = 24;

/// What names mean while cards are made.
pub(super) struct Known<'a> {
    /// Flows that are cards, by name.
    pub flows: HashMap<&'a str, usize>,
    /// Flows that only end the call, by name: their titles.
    pub ends: HashMap<&'a str, String>,
    /// Flows that never come back to who called them.
    pub stays: HashSet<&'a str>,
    /// The titles of all flows.
    pub titles: HashMap<&'a str, String>,
    /// The constants.
    pub constants: Constants<'a>,
}

/// The picture of the dialplan that these sources make together. What can't be read is left out:
/// ask [`check`](super::super::check) first.
pub fn graph(sources: &[Source]) -> Graph {
    let files: Vec<File> = sources
        .iter()
        .zip(0..)
        .map(|(source, number)| parser::parse(number, source, &mut Vec::new()))
        .collect();
    let known = known(&files);
    let mut graph = Graph {
        files: sources.iter().map(|source| source.name.clone()).collect(),
        ..Graph::default()
    };
    let mut arrows = Vec::new();
    for (file, number) in files.iter().zip(0..) {
        for flow in &file.flows {
            let Some(place) = known.flows.get(flow.name.text.as_str()) else { continue };
            // A name that is given twice is an error elsewhere, and one card here.
            if *place != graph.cards.len() {
                continue;
            }
            let line = line(sources, number, flow.name.span.start);
            let source = short_name(&graph.files[number]);
            let rows = Rows::of(*place, &flow.body, &known);
            graph.cards.push(Card {
                kind: if is_menu(&flow.body) { CardKind::Menu } else { CardKind::Flow },
                title: flow_title(flow),
                note: format!("{} · {source}:{line}", flow.name.text),
                name: flow.name.text.clone(),
                described: flow.doc.is_some(),
                file: number,
                rows: rows.rows,
            });
            arrows.extend(rows.arrows);
        }
    }
    graph.arrows = arrows;
    for (file, number) in files.iter().zip(0..) {
        for route in &file.routes {
            enter(&mut graph, &known, route_card(route, number), &route.target.name.text);
        }
    }
    for name in STARTED_BY_HARK {
        if known.titles.contains_key(name) {
            let card = Card {
                kind: CardKind::Started,
                title: "Hark calls".into(),
                note: started(name).into(),
                name: String::new(),
                described: false,
                file: 0,
                rows: Vec::new(),
            };
            enter(&mut graph, &known, card, name);
        }
    }
    graph
}

/// A card for what comes from outside, and what it leads to.
fn enter(graph: &mut Graph, known: &Known<'_>, mut card: Card, target: &str) {
    let mut row = Row {
        kind: RowKind::Goes,
        depth: 0,
        badge: String::new(),
        text: known.titles.get(target).cloned().unwrap_or_default(),
        end: None,
        redundant: true,
    };
    let from = graph.cards.len();
    match known.flows.get(target) {
        Some(to) => {
            // It stands beside what it leads to.
            card.file = graph.cards.get(*to).map_or(card.file, |card| card.file);
            let row = card.rows.len();
            graph.arrows.push(Arrow { from, row, to: *to, to_row: None, kind: ArrowKind::Goes });
        }
        None => row.end = known.ends.get(target).cloned(),
    }
    card.rows.push(row);
    graph.cards.push(card);
}

fn known(files: &[File]) -> Known<'_> {
    let flows = || files.iter().flat_map(|file| &file.flows);
    let ends: HashMap<&str, String> = flows()
        .filter(|flow| only_ends(flow))
        .map(|flow| (flow.name.text.as_str(), flow_title(flow)))
        .collect();
    let mut cards = HashMap::new();
    for flow in flows() {
        let (name, next) = (flow.name.text.as_str(), cards.len());
        if !ends.contains_key(name) {
            cards.entry(name).or_insert(next);
        }
    }
    let constants = files.iter().flat_map(|file| &file.constants);
    Known {
        flows: cards,
        stays: stays(flows().map(|flow| (flow.name.text.as_str(), &flow.body)).collect()),
        titles: flows().map(|flow| (flow.name.text.as_str(), flow_title(flow))).collect(),
        constants: constants
            .map(|Constant { name, value, .. }| (name.text.as_str(), value))
            .collect(),
        ends,
    }
}

/// Whether a flow says a word or two and hangs up: no card, but an end wherever it is called.
fn only_ends(flow: &Flow) -> bool {
    let Some((last, before)) = flow.body.stmts.split_last() else { return false };
    let mut said = 0;
    let short = before.iter().all(|stmt| match &stmt.kind {
        StmtKind::Say(text, _) => {
            let length = text.span.end.saturating_sub(text.span.start) as usize;
            said += length;
            said <= MOST_LAST_WORDS
        }
        StmtKind::Answer | StmtKind::Log(_) | StmtKind::Pause(_) => true,
        _ => false,
    });
    short && flow.params.is_empty() && matches!(last.kind, StmtKind::Hangup(_))
}

fn is_menu(body: &Block) -> bool {
    matches!(body.stmts.as_slice(), [only] if matches!(only.kind, StmtKind::Menu(_)))
}

fn flow_title(flow: &Flow) -> String {
    doc_title(flow.doc.as_deref()).unwrap_or_else(|| title(&flow.name.text))
}

/// A doc comment's first line, without its full stop.
fn doc_title(doc: Option<&str>) -> Option<String> {
    let first = doc?.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(shortened(first.trim_end_matches('.'), MOST_TITLE))
}

fn route_card(route: &Route, file: usize) -> Card {
    let number = route.pattern.as_ref().map_or("any other number", |pattern| pattern.as_str());
    let mut rows: Vec<Row> = route
        .conditions
        .iter()
        .map(|c| Row {
            kind: RowKind::Condition,
            depth: 0,
            badge: String::new(),
            text: condition(c),
            end: None,
            redundant: false,
        })
        .collect();
    rows.truncate(MOST_CONDITIONS);
    Card {
        kind: CardKind::Route,
        title: number.into(),
        note: doc_title(route.doc.as_deref()).unwrap_or_default(),
        name: String::new(),
        described: route.doc.is_some(),
        file,
        rows,
    }
}

/// How many conditions of a route are shown.
const MOST_CONDITIONS: usize = 8;

fn started(flow: &str) -> &'static str {
    match flow {
        "deliver" => "to deliver a message",
        "play_on_phone" => "to play a message on a telephone",
        "call_to_record" => "to have a message spoken",
        "announce" => "to announce something",
        "verify" => "to tell a number's owner a code",
        _ => "by itself",
    }
}

/// The file's name without its folders.
pub(super) fn short_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The line, from 1, of a byte of a source.
fn line(sources: &[Source], number: usize, at: u32) -> usize {
    let text = sources.get(number).map_or("", |source| source.text.as_str());
    text.bytes().take(at as usize).filter(|byte| *byte == b'\n').count() + 1
}
