//! The picture as a Mermaid flowchart, for pages that draw those.

use super::build::short_name;
use super::model::{Arrow, ArrowKind, CardKind, Graph, Row, RowKind};
use super::words::shortened;

/// How much of an arrow's label is shown, in characters.
const MOST_LABEL: usize = 60;
/// How much of a card is shown: lines, and characters of each.
const MOST_LINES: usize = 6;
const MOST_LINE: usize = 70;

impl Graph {
    /// As the text of a Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for (file, number) in self.files.iter().zip(0..) {
            if !self.cards.iter().any(|card| card.file == number) {
                continue;
            }
            out.push_str(&format!("  subgraph f{number}[\"{}\"]\n", quoted(short_name(file))));
            for (card, id) in self.cards.iter().zip(0..) {
                if card.file == number {
                    out.push_str(&format!("    {}\n", self.card(id)));
                    for (row, line) in card.rows.iter().zip(0..) {
                        if let Some(end) = &row.end {
                            out.push_str(&format!(
                                "    c{id}e{line}([\"{}\"]):::ends\n",
                                quoted(end)
                            ));
                        }
                    }
                }
            }
            out.push_str("  end\n");
        }
        for arrow in &self.arrows {
            out.push_str(&format!("  {}\n", self.arrow(arrow)));
        }
        for (card, id) in self.cards.iter().zip(0..) {
            for (row, line) in card.rows.iter().zip(0..) {
                if row.end.is_some() {
                    let label = self.labelled(&self.path(id, line));
                    out.push_str(&format!("  c{id} -->{label} c{id}e{line}\n"));
                }
            }
        }
        out.push_str(CLASSES);
        out
    }

    fn card(&self, id: usize) -> String {
        let Some(card) = self.cards.get(id) else { return String::new() };
        let mut text = format!("<b>{}</b>", quoted(&card.title));
        if matches!(card.kind, CardKind::Route | CardKind::Started) && !card.note.is_empty() {
            text.push_str(&format!("<br/>{}", quoted(&shortened(&card.note, MOST_LINE))));
        }
        let mut lines = card.rows.iter().filter_map(|row| line(card.kind, row));
        for line in lines.by_ref().take(MOST_LINES) {
            text.push_str(&format!("<br/>{}", quoted(&shortened(line, MOST_LINE))));
        }
        if lines.next().is_some() {
            text.push_str("<br/>…");
        }
        match card.kind {
            CardKind::Route => format!("c{id}[/\"{text}\"/]:::route"),
            CardKind::Started => format!("c{id}[/\"{text}\"/]:::started"),
            CardKind::Flow => format!("c{id}[\"{text}\"]:::does"),
            CardKind::Menu => format!("c{id}{{{{\"{text}\"}}}}:::asks"),
        }
    }

    fn arrow(&self, arrow: &Arrow) -> String {
        let line = match arrow.kind {
            ArrowKind::Goes => "-->",
            ArrowKind::Visits => "<-->",
            ArrowKind::Again | ArrowKind::Rings => "-.->",
        };
        let label = self.label(arrow);
        let label = match arrow.kind {
            ArrowKind::Again if label.is_empty() => "again".to_owned(),
            ArrowKind::Again if !label.contains("again") => {
                let row = self.cards.get(arrow.from).and_then(|card| card.rows.get(arrow.row));
                let limit = row.map(|row| row.text.as_str()).filter(|t| t.starts_with("again"));
                format!("{label}: {}", limit.unwrap_or("again"))
            }
            ArrowKind::Again | ArrowKind::Goes | ArrowKind::Visits | ArrowKind::Rings => label,
        };
        format!("c{} {line}{} c{}", arrow.from, self.labelled(&label), arrow.to)
    }

    fn labelled(&self, label: &str) -> String {
        if label.is_empty() {
            return String::new();
        }
        format!("|\"{}\"|", quoted(&shortened(label, MOST_LABEL)))
    }
}

/// What a card says of a row; arrows tell the rest.
fn line(of: CardKind, row: &Row) -> Option<&str> {
    match row.kind {
        // What has to hold for a route stands at no arrow.
        RowKind::Condition if of == CardKind::Route => Some(&row.text),
        RowKind::Speech | RowKind::Action | RowKind::Reaches => Some(&row.text),
        RowKind::Condition | RowKind::Question | RowKind::Answer | RowKind::Goes => None,
    }
}

/// What Mermaid or HTML could take for its own, as entity codes (`#quot;`).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            // Codes of characters: in a number that is dialled `*` would be Markdown, `#` a code.
            '#' | '*' | '_' | '`' | '[' | ']' | '{' | '}' | '(' | ')' | '|' | '\\' | ';' => {
                out.push_str(&format!("#{};", u32::from(c)));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

const CLASSES: &str = "  classDef route fill:#e8f1fb,stroke:#2f6fb7,color:#1f2933
  classDef started fill:#e6f6ee,stroke:#0f7b52,color:#1f2933
  classDef does fill:#ffffff,stroke:#829ab1,color:#1f2933
  classDef asks fill:#fffaf0,stroke:#c58a17,color:#1f2933
  classDef ends fill:#fdeaea,stroke:#a32626,color:#8a1c1c
";
