//! Where everything stands: cards in columns from left to right, one band for each file, arrows
//! between the columns, and arrows that go further in lanes of their own.

use super::build::short_name;
use super::layers::layers;
use super::model::{ArrowKind, Card, CardKind, Graph, Row, RowKind};
use super::order::{Item, Link, place};
use super::text::{width, wrap};

/// Font sizes, in tenths of a pixel.
pub const TITLE: i32 = 150;
pub const NOTE: i32 = 105;
pub const TEXT: i32 = 125;
/// How far a row is moved to the right for each depth.
pub const INDENT: i32 = 14;
/// The room for a row's sign.
pub const SIGN: i32 = 18;
/// The height of a line.
pub const LINE: i32 = 17;
/// From a card's edge to its text.
pub const PAD: i32 = 12;
/// The height of a badge or an end.
pub const PILL: i32 = 17;
/// How far from a card its loops run.
const LOOP: i32 = 10;
/// From a card to the ends beside it.
const END: i32 = 26;
/// Between two columns.
const GAP: i32 = 84;
/// Around everything; the picture's title and legend stand above.
const MARGIN: i32 = 28;
const HEAD: i32 = 104;
/// Around the cards of a band, and above them for its name.
const BAND_PAD: i32 = 18;
const BAND_HEAD: i32 = 26;
/// The deepest indent that is drawn.
const MOST_DEPTH: usize = 7;

/// A place and a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

/// An end beside a row.
#[derive(Clone, Debug)]
pub struct EndBox {
    pub rect: Rect,
    pub text: String,
}

/// A row as it is drawn.
#[derive(Clone, Debug)]
pub struct RowBox {
    pub rect: Rect,
    /// Where its sign or badge begins.
    pub x: i32,
    /// The badge's width; none without a badge.
    pub badge: i32,
    /// Each line: where it begins, its base line, its words.
    pub lines: Vec<(i32, i32, String)>,
    pub end: Option<EndBox>,
}

/// A card as it is drawn.
#[derive(Clone, Debug)]
pub struct CardBox {
    pub rect: Rect,
    pub title: Vec<String>,
    pub note: Vec<String>,
    pub rows: Vec<RowBox>,
}

/// The cards of one file.
#[derive(Clone, Debug)]
pub struct BandBox {
    pub rect: Rect,
    pub name: String,
}

/// An arrow as it is drawn: the number of the graph's arrow, and an SVG path.
#[derive(Clone, Debug)]
pub struct Curve {
    pub arrow: usize,
    pub path: String,
}

/// Everything in its place. All lengths are in pixels.
#[derive(Clone, Debug)]
pub struct Layout {
    pub width: i32,
    pub height: i32,
    pub cards: Vec<CardBox>,
    pub bands: Vec<BandBox>,
    pub curves: Vec<Curve>,
}

/// Lays a graph out.
pub fn layout(graph: &Graph) -> Layout {
    let layers = layers(graph);
    let mut cards: Vec<CardBox> = graph.cards.iter().map(measure).collect();
    let mut items: Vec<Item> = graph
        .cards
        .iter()
        .zip(&cards)
        .zip(&layers.of)
        .map(|((card, drawn), layer)| Item {
            layer: *layer,
            band: card.file,
            height: drawn.rect.height,
            y: 0,
            lane: false,
        })
        .collect();
    let (lanes, links) = lanes(graph, &cards, &layers.of, &layers.back, &mut items);
    let top = HEAD + BAND_HEAD + BAND_PAD;
    let between = 2 * BAND_PAD + BAND_HEAD;
    let bands = place(&mut items, &links, graph.files.len(), top, between);

    // Columns are as wide as their widest card with its ends.
    let count = layers.of.iter().map(|layer| layer + 1).max().unwrap_or(0);
    let (mut wide, mut beside) = (vec![0; count], vec![0; count]);
    for (card, layer) in cards.iter().zip(&layers.of) {
        wide[*layer] = wide[*layer].max(card.rect.width);
        let ends = card.rows.iter().filter_map(|row| row.end.as_ref());
        let ends = ends.map(|end| END + end.rect.width + 8).max().unwrap_or(2 * LOOP);
        beside[*layer] = beside[*layer].max(ends);
    }
    let mut left = Vec::with_capacity(count);
    let mut x = MARGIN + BAND_PAD;
    for (wide, beside) in wide.iter().zip(&beside) {
        left.push(x);
        x += wide + beside + GAP;
    }
    let right: Vec<i32> =
        left.iter().zip(&wide).zip(&beside).map(|((x, wide), beside)| x + wide + beside).collect();
    let width = right.last().map_or(MARGIN + MIN_WIDTH, |x| x + BAND_PAD + MARGIN);
    let width = width.max(MIN_WIDTH);
    for ((card, item), layer) in cards.iter_mut().zip(&items).zip(&layers.of) {
        // Narrow cards stand at the side to which their arrows leave.
        let dx = left[*layer] + wide[*layer] - card.rect.width;
        shift(card, dx, item.y);
    }
    let bands: Vec<BandBox> = bands
        .iter()
        .zip(&graph.files)
        .filter(|(band, _)| band.height > 0)
        .map(|(band, name)| BandBox {
            rect: Rect {
                x: MARGIN,
                y: band.y - BAND_PAD - BAND_HEAD,
                width: width - 2 * MARGIN,
                height: band.height + 2 * BAND_PAD + BAND_HEAD,
            },
            name: short_name(name).to_owned(),
        })
        .collect();
    let bottom = bands.iter().map(|band| band.rect.y + band.rect.height).max().unwrap_or(HEAD);
    let curves = graph
        .arrows
        .iter()
        .zip(lanes)
        .zip(0..)
        .map(|((arrow, lanes), number)| {
            let path = if arrow.from == arrow.to {
                around(&cards[arrow.from], arrow.row, arrow.to_row)
            } else {
                let passed = lanes.iter().map(|lane| {
                    let item = &items[*lane];
                    (left[item.layer], right[item.layer], item.y + item.height / 2)
                });
                let from = &cards[arrow.from];
                let edge = right[layers.of[arrow.from]];
                let way = Way { from, row: arrow.row, edge, to: &cards[arrow.to] };
                if layers.back[number] {
                    way.back(passed, right[layers.of[arrow.to]])
                } else {
                    way.forth(passed, left[layers.of[arrow.to]])
                }
            };
            Curve { arrow: number, path }
        })
        .collect();
    Layout { width, height: bottom + MARGIN, cards, bands, curves }
}

/// Wide enough for the legend.
const MIN_WIDTH: i32 = 900;

/// A lane in each column that an arrow passes, and what is connected with what.
fn lanes(
    graph: &Graph,
    cards: &[CardBox],
    layer: &[usize],
    back: &[bool],
    items: &mut Vec<Item>,
) -> (Vec<Vec<usize>>, Vec<Link>) {
    let (mut all, mut links) = (Vec::new(), Vec::new());
    for (arrow, back) in graph.arrows.iter().zip(back) {
        let mut lanes = Vec::new();
        if arrow.from != arrow.to {
            let out = (arrow.from, port(&cards[arrow.from], arrow.row));
            let into = (arrow.to, entry(&cards[arrow.to]));
            // The columns in the order in which the arrow passes them.
            let (columns, file): (Vec<usize>, usize) = if *back {
                ((layer[arrow.to] + 1..=layer[arrow.from]).rev().collect(), arrow.from)
            } else {
                ((layer[arrow.from] + 1..layer[arrow.to]).collect(), arrow.to)
            };
            let band = graph.cards[file].file;
            let mut last = (!back).then_some(out);
            for column in columns {
                let lane = items.len();
                items.push(Item { layer: column, band, height: 2, y: 0, lane: true });
                lanes.push(lane);
                if let Some(last) = last {
                    links.push(link(last, (lane, 1), *back));
                }
                last = Some((lane, 1));
            }
            if let Some(last) = last {
                links.push(link(last, into, *back));
            }
        }
        all.push(lanes);
    }
    (all, links)
}

const fn link(first: (usize, i32), second: (usize, i32), back: bool) -> Link {
    if back { Link { left: second, right: first } } else { Link { left: first, right: second } }
}

// ---- cards ----

/// A card at 0, 0.
fn measure(card: &Card) -> CardBox {
    let wide = match card.kind {
        CardKind::Route | CardKind::Started => 200,
        CardKind::Flow | CardKind::Menu => 330,
    };
    let inner = wide - 2 * PAD;
    // Bold letters are wider.
    let title = wrap(&card.title, TITLE * 11 / 10, inner);
    let note = if card.note.is_empty() { Vec::new() } else { wrap(&card.note, NOTE, inner) };
    let mut y = 10 + 19 * lines(&title) + 14 * lines(&note) + 8;
    let mut rows = Vec::with_capacity(card.rows.len());
    for row in &card.rows {
        let drawn = measure_row(row, y, wide);
        y += drawn.rect.height;
        rows.push(drawn);
    }
    let rect = Rect { x: 0, y: 0, width: wide, height: y + 6 };
    CardBox { rect, title, note, rows }
}

fn lines(list: &[String]) -> i32 {
    i32::try_from(list.len()).unwrap_or(0)
}

fn measure_row(row: &Row, top: i32, wide: i32) -> RowBox {
    let depth = i32::try_from(row.depth.min(MOST_DEPTH)).unwrap_or(0);
    let x = PAD + INDENT * depth;
    let most = wide - PAD - x;
    let mut badge = 0;
    let (mut text_x, mut base) = (x + SIGN, top + 15);
    if row.kind == RowKind::Answer {
        badge = (width(&row.badge, TEXT * 11 / 10) + 14).min(most);
        // Behind a long badge there is no room for a text.
        if badge * 2 > most {
            base += if row.text.is_empty() { 0 } else { LINE + 2 };
        } else {
            text_x = x + badge + 8;
        }
    }
    let text =
        if row.text.is_empty() { vec![] } else { wrap(&row.text, TEXT, wide - PAD - text_x) };
    let mut drawn = Vec::with_capacity(text.len());
    for line in text {
        drawn.push((text_x, base, line));
        base += LINE;
    }
    let below = drawn.last().map_or(top + 15, |(_, base, _)| *base);
    let height = (below - top + 7).max(PILL + 6);
    let rect = Rect { x: 0, y: top, width: wide, height };
    let end = row.end.as_ref().map(|text| {
        let text = super::words::shortened(text, 30);
        let rect = Rect {
            x: wide + END,
            y: top + 3,
            width: width(&text, TEXT * 11 / 10) + 30,
            height: PILL,
        };
        EndBox { rect, text }
    });
    RowBox { rect, x, badge, lines: drawn, end }
}

fn shift(card: &mut CardBox, dx: i32, dy: i32) {
    let moved = |rect: &mut Rect| {
        rect.x += dx;
        rect.y += dy;
    };
    moved(&mut card.rect);
    for row in &mut card.rows {
        moved(&mut row.rect);
        row.x += dx;
        for (x, y, _) in &mut row.lines {
            *x += dx;
            *y += dy;
        }
        if let Some(end) = &mut row.end {
            moved(&mut end.rect);
        }
    }
}

/// The height at which an arrow leaves a row: its first line.
fn port(card: &CardBox, row: usize) -> i32 {
    card.rows.get(row).map_or_else(|| entry(card), |row| row.rect.y + 11)
}

/// The height at which arrows enter a card: its title.
fn entry(card: &CardBox) -> i32 {
    card.rect.y + 20
}

// ---- arrows ----

/// From a row back to the title or a row of the same card.
fn around(card: &CardBox, row: usize, to_row: Option<usize>) -> String {
    let x = card.rect.x + card.rect.width;
    let from = port(card, row);
    let to = to_row.map_or_else(|| entry(card), |row| port(card, row));
    let (lane, up) = (x + LOOP, if to < from { -1 } else { 1 });
    format!(
        "M{x} {from}h{} q{bend} 0 {bend} {} V{} q0 {} -{bend} {} H{}",
        LOOP - 6,
        6 * up,
        to - 6 * up,
        6 * up,
        6 * up,
        x + 2,
        bend = lane - (x + LOOP - 6),
    )
}

/// An arrow between two cards.
struct Way<'a> {
    from: &'a CardBox,
    row: usize,
    /// Where the column of `from` ends.
    edge: i32,
    to: &'a CardBox,
}

impl Way<'_> {
    fn start(&self) -> (String, i32) {
        let (x, y) = (self.from.rect.x + self.from.rect.width, port(self.from, self.row));
        (format!("M{x} {y}H{}", self.edge), y)
    }

    /// To a column further right.
    fn forth(&self, passed: impl Iterator<Item = (i32, i32, i32)>, column: i32) -> String {
        let (mut path, mut y) = self.start();
        let mut x = self.edge;
        for (left, right, lane) in passed {
            path.push_str(&format!("{}H{right}", curve(x, y, left, lane)));
            (x, y) = (right, lane);
        }
        path.push_str(&curve(x, y, column, entry(self.to)));
        if self.to.rect.x > column {
            path.push_str(&format!("H{}", self.to.rect.x - 2));
        }
        path
    }

    /// To a column further left: a turn, lanes, and the right side of the title.
    fn back(&self, passed: impl Iterator<Item = (i32, i32, i32)>, column: i32) -> String {
        let (mut path, mut y) = self.start();
        let mut x = self.edge;
        let mut turned = false;
        for (left, right, lane) in passed {
            if turned {
                path.push_str(&curve(x, y, right, lane));
            } else {
                let bend = x + GAP / 2;
                path.push_str(&format!("C{bend} {y} {bend} {lane} {x} {lane}"));
                turned = true;
            }
            path.push_str(&format!("H{left}"));
            (x, y) = (left, lane);
        }
        path.push_str(&curve(x, y, column, entry(self.to)));
        path.push_str(&format!("H{}", self.to.rect.x + self.to.rect.width + 2));
        path
    }
}

fn curve(x: i32, y: i32, to_x: i32, to_y: i32) -> String {
    let middle = i32::midpoint(x, to_x);
    format!("C{middle} {y} {middle} {to_y} {to_x} {to_y}")
}

/// Whether an arrow is a loop, whose colour and dashes tell it apart.
pub const fn is_loop(kind: ArrowKind) -> bool {
    matches!(kind, ArrowKind::Again)
}
