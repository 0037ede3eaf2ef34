//! What a picture of a dialplan shows: cards with rows, and arrows from rows to cards.

/// A dialplan as a picture shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Routes, calls that Hark makes, flows and menus.
    pub cards: Vec<Card>,
    /// From a row of a card to a card.
    pub arrows: Vec<Arrow>,
    /// The files, as cards name them by place.
    pub files: Vec<String>,
}

/// What a card stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardKind {
    /// A number that can be dialled.
    Route,
    /// A call that Hark makes itself.
    Started,
    /// A flow.
    Flow,
    /// A menu with a name.
    Menu,
}

/// One box of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// What it stands for.
    pub kind: CardKind,
    /// What people read: the doc comment's first line, the name in words, or the number.
    pub title: String,
    /// What it is called in the file, and where.
    pub note: String,
    /// The flow's name; empty for what is none.
    pub name: String,
    /// Whether its author described it in a doc comment.
    pub described: bool,
    /// Beside which file's cards it stands.
    pub file: usize,
    /// What happens, from top to bottom.
    pub rows: Vec<Row>,
}

/// What a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Words that are heard.
    Speech,
    /// Something that is done.
    Action,
    /// Something that reaches somebody: a message, a call, words on a screen.
    Reaches,
    /// A condition; the rows that stand deeper are done if it holds.
    Condition,
    /// A question to the caller begins.
    Question,
    /// What the caller does, and what follows.
    Answer,
    /// It goes on elsewhere, or over again.
    Goes,
}

/// One line of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it tells.
    pub kind: RowKind,
    /// How deep it stands under the rows above it.
    pub depth: usize,
    /// What the caller does, for an answer: `1`, `silence 8 s`.
    pub badge: String,
    /// What happens.
    pub text: String,
    /// The call ends here, and how: `hang up`, or the title of a flow that does no more.
    pub end: Option<String>,
    /// What follows says all that the text says.
    pub(super) redundant: bool,
}

/// How an arrow is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrowKind {
    /// The call goes on there.
    Goes,
    /// The call goes there, and comes back.
    Visits,
    /// Over again.
    Again,
    /// Somebody else is rung, and that call goes there.
    Rings,
}

/// From a row to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// The card that it leaves.
    pub from: usize,
    /// The row of that card.
    pub row: usize,
    /// The card that it leads to.
    pub to: usize,
    /// The row that it leads to; the title if none.
    pub to_row: Option<usize>,
    /// How it is meant.
    pub kind: ArrowKind,
}

impl Graph {
    /// The names of the flows and menus that have cards.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        self.cards.iter().map(|card| card.name.as_str()).filter(|name| !name.is_empty())
    }

    /// What leads along an arrow: the rows above it that it stands under, and itself.
    pub fn label(&self, arrow: &Arrow) -> String {
        self.path(arrow.from, arrow.row)
    }

    /// As [`Graph::label`], of a row.
    pub(super) fn path(&self, card: usize, row: usize) -> String {
        let Some(card) = self.cards.get(card) else { return String::new() };
        let mut parts = Vec::new();
        let mut depth = usize::MAX;
        for row in card.rows.iter().take(row + 1).rev() {
            if row.depth >= depth {
                continue;
            }
            depth = row.depth;
            let says = match row.kind {
                RowKind::Answer => row.badge.clone(),
                RowKind::Condition => row.text.clone(),
                RowKind::Goes if !row.redundant => row.text.clone(),
                RowKind::Goes
                | RowKind::Speech
                | RowKind::Action
                | RowKind::Reaches
                | RowKind::Question => continue,
            };
            parts.push(says);
        }
        parts.reverse();
        parts.join(", ")
    }

    /// Only the flow of this name, what can be reached from it, and the routes that lead to it;
    /// none if there is no such flow.
    pub fn from_flow(&self, name: &str) -> Option<Self> {
        let root = self.cards.iter().position(|card| card.name == name)?;
        let mut keep = vec![false; self.cards.len()];
        let mut todo = vec![root];
        while let Some(at) = todo.pop() {
            if std::mem::replace(&mut keep[at], true) {
                continue;
            }
            todo.extend(self.arrows.iter().filter(|a| a.from == at).map(|a| a.to));
        }
        for arrow in &self.arrows {
            let outside =
                matches!(self.cards[arrow.from].kind, CardKind::Route | CardKind::Started);
            keep[arrow.from] |= outside && arrow.to == root;
        }
        let mut places = Vec::with_capacity(self.cards.len());
        let mut kept = 0;
        for keep in &keep {
            places.push(keep.then_some(kept));
            kept += usize::from(*keep);
        }
        let cards = self.cards.iter().zip(&keep).filter(|(_, keep)| **keep);
        let arrows = self.arrows.iter().filter_map(|arrow| {
            let (from, to) = (places[arrow.from]?, places[arrow.to]?);
            Some(Arrow { from, to, ..arrow.clone() })
        });
        Some(Self {
            cards: cards.map(|(card, _)| card.clone()).collect(),
            arrows: arrows.collect(),
            files: self.files.clone(),
        })
    }
}
