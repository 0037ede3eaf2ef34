//! The picture as SVG 1.1, in one file: nothing is fetched, and screen readers are told in words.

use super::layout::{CardBox, EndBox, LINE, Layout, PAD, PILL, Rect, RowBox, is_loop, layout};
use super::model::{Arrow, ArrowKind, Card, CardKind, Graph, Row, RowKind};
use super::text::xml;

const STYLE: &str = "\
text{font-family:'Helvetica Neue',Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;font-size:12.5px;fill:#1f2933}\
.t{font-size:15px;font-weight:700}.n{font-size:10.5px;fill:#52606d}.h{font-size:22px;font-weight:700}\
.f{font-size:13px;font-weight:700;fill:#3e4c59;letter-spacing:.3px}\
.s{font-style:italic;fill:#102a43}.c{font-weight:600;fill:#5b3a00}.r{font-weight:600;fill:#0b5a33}\
.b{font-weight:700;fill:#fff}.e{font-weight:600;fill:#8a1c1c}\
.a{fill:none;stroke-width:1.6}.a:hover{stroke-width:3.4}\
.go{stroke:#486581}.visit{stroke:#2f6fb7}.again{stroke:#b44d12;stroke-dasharray:5 3}.ring{stroke:#0f7b52;stroke-dasharray:2 3}\
.end{stroke:#a32626}";

/// The arrows' colours, by class.
const ARROWS: [(&str, &str); 5] = [
    ("go", "#486581"),
    ("visit", "#2f6fb7"),
    ("again", "#b44d12"),
    ("ring", "#0f7b52"),
    ("end", "#a32626"),
];

impl Graph {
    /// As one SVG document.
    pub fn svg(&self, title: &str) -> String {
        let layout = layout(self);
        let mut out = Out(String::with_capacity(64 * 1024));
        out.head(self, &layout, title);
        for band in &layout.bands {
            out.rect(band.rect, 12, "#eef2f6", "#d5dde5");
            let (x, y) = (band.rect.x + 16, band.rect.y + 24);
            out.text(x, y, "f", &band.name);
        }
        for curve in &layout.curves {
            if let Some(arrow) = self.arrows.get(curve.arrow) {
                out.arrow(self, arrow, &curve.path);
            }
        }
        for (card, drawn) in self.cards.iter().zip(&layout.cards) {
            out.card(card, drawn);
        }
        out.legend();
        out.0.push_str("</svg>\n");
        out.0
    }
}

struct Out(String);

impl Out {
    fn head(&mut self, graph: &Graph, layout: &Layout, title: &str) {
        let (width, height, name) = (layout.width, layout.height, xml(title));
        let told = xml(&description(graph));
        self.0.push_str(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
             <title id=\"title\">{name}</title>\n<desc id=\"desc\">{told}</desc>\n\
             <style>{STYLE}</style>\n<defs>\n"
        ));
        for (class, colour) in ARROWS {
            self.0.push_str(&format!(
                "<marker id=\"{class}\" viewBox=\"0 0 10 10\" refX=\"9.5\" refY=\"5\" \
                 markerWidth=\"9\" markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" \
                 orient=\"auto-start-reverse\"><path d=\"M0 0L10 5L0 10z\" fill=\"{colour}\"/></marker>\n"
            ));
        }
        self.0.push_str("</defs>\n");
        self.0
            .push_str(&format!("<rect width=\"{width}\" height=\"{height}\" fill=\"#fbfcfd\"/>\n"));
        self.text(28, 44, "h", title);
    }

    fn arrow(&mut self, graph: &Graph, arrow: &Arrow, path: &str) {
        let class = match arrow.kind {
            ArrowKind::Goes => "go",
            ArrowKind::Visits => "visit",
            ArrowKind::Again => "again",
            ArrowKind::Rings => "ring",
        };
        // What is visited comes back.
        let start =
            if arrow.kind == ArrowKind::Visits { " marker-start=\"url(#visit)\"" } else { "" };
        let to = graph.cards.get(arrow.to).map_or("", |card| card.title.as_str());
        let told = match graph.label(arrow) {
            label if is_loop(arrow.kind) => format!("{label}: again"),
            label if label.is_empty() => format!("to {to}"),
            label => format!("{label}: to {to}"),
        };
        self.0.push_str(&format!(
            "<path class=\"a {class}\" d=\"{path}\" marker-end=\"url(#{class})\"{start}>\
             <title>{}</title></path>\n",
            xml(&told)
        ));
    }

    fn card(&mut self, card: &Card, drawn: &CardBox) {
        let (fill, edge, band) = match card.kind {
            CardKind::Route => ("#e8f1fb", "#2f6fb7", "#2f6fb7"),
            CardKind::Started => ("#e6f6ee", "#0f7b52", "#0f7b52"),
            CardKind::Flow => ("#ffffff", "#829ab1", "#486581"),
            CardKind::Menu => ("#fffaf0", "#c58a17", "#c58a17"),
        };
        self.0.push_str("<g>");
        self.rect(drawn.rect, 8, fill, edge);
        let Rect { x, y, height, .. } = drawn.rect;
        self.0.push_str(&format!(
            "<rect x=\"{x}\" y=\"{}\" width=\"4\" height=\"{}\" fill=\"{band}\"/>\n",
            y + 8,
            height - 16
        ));
        let mut base = y + 25;
        for line in &drawn.title {
            self.text(x + PAD, base, "t", line);
            base += 19;
        }
        base -= 4;
        for line in &drawn.note {
            self.text(x + PAD, base, "n", line);
            base += 14;
        }
        if let Some(first) = drawn.rows.first() {
            let line = first.rect.y - 3;
            let right = x + drawn.rect.width;
            self.0
                .push_str(&format!("<path d=\"M{} {line}H{right}\" stroke=\"#d9e2ec\"/>\n", x + 4));
        }
        for (row, drawn) in card.rows.iter().zip(&drawn.rows) {
            self.row(row, drawn);
        }
        self.0.push_str("</g>\n");
    }

    fn row(&mut self, row: &Row, drawn: &RowBox) {
        let (x, y) = (drawn.x, drawn.rect.y);
        if row.kind == RowKind::Answer {
            let badge = Rect { x, y: y + 3, width: drawn.badge, height: PILL };
            self.rect(badge, 8, "#8a5a00", "#8a5a00");
            self.text(x + 7, y + 16, "b", &row.badge);
        } else {
            self.sign(row.kind, x, y + 5);
        }
        let class = match row.kind {
            RowKind::Speech => "s",
            RowKind::Condition => "c",
            RowKind::Reaches => "r",
            RowKind::Answer if row.text.starts_with('“') => "s",
            RowKind::Action | RowKind::Question | RowKind::Answer | RowKind::Goes => "",
        };
        for (x, base, line) in &drawn.lines {
            self.text(*x, *base, class, line);
        }
        if let Some(end) = &drawn.end {
            self.end(end, drawn.rect.x + drawn.rect.width);
        }
    }

    /// A call's end, with a short arrow to it.
    fn end(&mut self, end: &EndBox, from: i32) {
        let Rect { x, y, height, .. } = end.rect;
        let middle = y + height / 2;
        self.0.push_str(&format!(
            "<path class=\"a end\" d=\"M{from} {middle}H{}\" marker-end=\"url(#end)\"/>\n",
            x - 1
        ));
        self.rect(end.rect, 8, "#fdeaea", "#a32626");
        self.0.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"7\" height=\"7\" fill=\"#a32626\"/>\n",
            x + 8,
            middle - 3
        ));
        self.text(x + 20, y + 13, "e", &end.text);
    }

    /// What kind of row it is, in a square of 12 pixels.
    fn sign(&mut self, kind: RowKind, x: i32, y: i32) {
        let (path, fill, stroke) = match kind {
            RowKind::Speech => ("M1 1h10v7h-6l-3 3v-3h-1z", "#cfe0f5", "#2f6fb7"),
            RowKind::Action => ("M3 6a3 3 0 1 0 6 0a3 3 0 1 0-6 0z", "#bcccdc", "#627d98"),
            RowKind::Reaches => ("M1 2h10v8h-10zl5 4l5-4", "#c9efdc", "#0f7b52"),
            RowKind::Condition => ("M6 1l5 5l-5 5l-5-5z", "#fdebc8", "#8a5a00"),
            RowKind::Question => ("M1 2h10M1 6h10M1 10h10", "none", "#8a5a00"),
            RowKind::Goes => ("M2 6h7M6 3l3 3l-3 3", "none", "#486581"),
            RowKind::Answer => return,
        };
        self.0.push_str(&format!(
            "<path transform=\"translate({x} {y})\" d=\"{path}\" fill=\"{fill}\" stroke=\"{stroke}\"/>\n"
        ));
    }

    fn legend(&mut self) {
        let y = 66;
        let mut x = 28;
        let signs = [
            (RowKind::Speech, "is heard"),
            (RowKind::Action, "is done"),
            (RowKind::Reaches, "reaches somebody"),
            (RowKind::Condition, "depends on"),
        ];
        for (kind, words) in signs {
            self.sign(kind, x, y);
            self.text(x + 18, y + 10, "", words);
            x += 18 + super::text::width(words, 125) + 18;
        }
        let badge = Rect { x, y: y - 2, width: 22, height: PILL };
        self.rect(badge, 8, "#8a5a00", "#8a5a00");
        self.text(x + 7, y + 11, "b", "1");
        self.text(x + 30, y + 10, "", "key or silence");
        x += 138;
        for (class, words) in
            [("go", "goes on"), ("visit", "goes and comes back"), ("again", "again")]
        {
            let start = if class == "visit" { " marker-start=\"url(#visit)\"" } else { "" };
            self.0.push_str(&format!(
                "<path class=\"a {class}\" d=\"M{x} {}h34\" marker-end=\"url(#{class})\"{start}/>\n",
                y + 6
            ));
            self.text(x + 42, y + 10, "", words);
            x += 42 + super::text::width(words, 125) + 18;
        }
        let rect = Rect { x, y: y - 2, width: 22, height: LINE };
        self.rect(rect, 8, "#fdeaea", "#a32626");
        self.0.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"7\" height=\"7\" fill=\"#a32626\"/>\n",
            x + 8,
            y + 3
        ));
        self.text(x + 30, y + 10, "", "the call ends");
    }

    fn rect(&mut self, rect: Rect, round: i32, fill: &str, stroke: &str) {
        let Rect { x, y, width, height } = rect;
        self.0.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\" \
             fill=\"{fill}\" stroke=\"{stroke}\"/>\n"
        ));
    }

    fn text(&mut self, x: i32, y: i32, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.0.push_str(&format!("<text x=\"{x}\" y=\"{y}\"{class}>{}</text>\n", xml(text)));
    }
}

/// For those who don't see it.
fn description(graph: &Graph) -> String {
    let of = |kind| graph.cards.iter().filter(move |card| card.kind == kind);
    let routes: Vec<String> = of(CardKind::Route)
        .map(|card| match card.rows.last() {
            Some(row) if !row.text.is_empty() => format!("{} leads to {}", card.title, row.text),
            _ => card.title.clone(),
        })
        .collect();
    let cards = of(CardKind::Flow).chain(of(CardKind::Menu));
    let titles: Vec<&str> = cards.map(|card| card.title.as_str()).collect();
    format!("Numbers: {}. Flows and menus: {}.", routes.join("; "), titles.join("; "))
}
