//! The same picture for those who want to see where keys lead and no more: routes, menus and the
//! flows that their author described. What lies between is folded into the arrows.

use std::collections::BTreeSet;

use super::model::{Arrow, ArrowKind, Card, CardKind, Graph, Row, RowKind};

/// From so many places on, a card that asks nothing and leads nowhere is a phrase that is said
/// everywhere, and tells nothing of where calls go.
const SAID_EVERYWHERE: usize = 4;

/// A card's rows that say where it leads, and to which cards of the whole picture.
type Leads = Vec<(Row, BTreeSet<usize>)>;

impl Graph {
    /// This picture with no more than what callers choose and where that leads them.
    #[must_use]
    pub fn overview(&self) -> Self {
        let kept: Vec<usize> = (0..self.cards.len()).filter(|card| self.is_kept(*card)).collect();
        let place = |card: usize| kept.binary_search(&card).ok();
        let mut overview = Self { files: self.files.clone(), ..Self::default() };
        for (from, card) in kept.iter().enumerate() {
            let mut rows = Vec::new();
            for (row, targets) in self.leads(*card) {
                let targets = targets.into_iter().filter_map(place).filter(|to| *to != from);
                overview.arrows.extend(targets.map(|to| {
                    let kind = ArrowKind::Goes;
                    Arrow { from, row: rows.len(), to, to_row: None, kind }
                }));
                rows.push(row);
            }
            overview.cards.push(Card { rows, ..self.cards[*card].clone() });
        }
        overview
    }

    fn is_kept(&self, at: usize) -> bool {
        let card = &self.cards[at];
        let asks = || card.rows.iter().any(|row| row.kind == RowKind::Question);
        match card.kind {
            CardKind::Route | CardKind::Started | CardKind::Menu => true,
            CardKind::Flow if asks() => true,
            CardKind::Flow => card.described && !self.is_said_everywhere(at),
        }
    }

    fn is_said_everywhere(&self, at: usize) -> bool {
        !self.arrows.iter().any(|arrow| arrow.from == at)
            && self.arrows.iter().filter(|arrow| arrow.to == at).count() >= SAID_EVERYWHERE
    }

    /// A menu's keys, or what else a card leads to.
    fn leads(&self, at: usize) -> Leads {
        let card = &self.cards[at];
        let answers = card.rows.iter().enumerate().filter(|(_, row)| row.kind == RowKind::Answer);
        let mut leads: Leads = Vec::new();
        for (number, answer) in answers {
            let deeper = card.rows.iter().skip(number + 1).take_while(|r| r.depth > answer.depth);
            let rows = number..=number + deeper.count();
            let direct = self.arrows.iter().filter(|a| a.from == at && rows.contains(&a.row));
            let direct: Vec<usize> =
                direct.filter(|a| a.kind != ArrowKind::Again).map(|a| a.to).collect();
            let told: Vec<&str> = direct
                .iter()
                .filter(|to| !self.is_said_everywhere(**to))
                .map(|to| self.cards[*to].title.as_str())
                .collect();
            // An answer that leads nowhere else is told in the whole picture only.
            if told.is_empty() && answer.end.is_none() {
                continue;
            }
            let text = if told.is_empty() { answer.text.clone() } else { told.join(", ") };
            let targets = direct.into_iter().flat_map(|to| self.unfolded(to)).collect();
            leads.push((Row { depth: 0, redundant: false, text, ..answer.clone() }, targets));
        }
        if leads.is_empty() && card.kind != CardKind::Menu {
            let targets: BTreeSet<usize> = self
                .arrows
                .iter()
                .filter(|a| a.from == at && a.kind != ArrowKind::Again)
                .flat_map(|a| self.unfolded(a.to))
                .filter(|to| *to != at)
                .collect();
            let row = |to: usize| Row {
                kind: RowKind::Goes,
                depth: 0,
                badge: String::new(),
                text: self.cards[to].title.clone(),
                end: None,
                redundant: true,
            };
            leads.extend(targets.into_iter().map(|to| (row(to), BTreeSet::from([to]))));
        }
        if matches!(card.kind, CardKind::Route | CardKind::Started) {
            let conditions = card.rows.iter().filter(|row| row.kind == RowKind::Condition);
            leads.splice(0..0, conditions.map(|row| (row.clone(), BTreeSet::new())));
        }
        leads
    }

    /// The cards that stand for this one in the overview: itself, or what it leads to.
    fn unfolded(&self, card: usize) -> BTreeSet<usize> {
        let (mut found, mut seen, mut todo) = (BTreeSet::new(), BTreeSet::new(), vec![card]);
        while let Some(at) = todo.pop() {
            if !seen.insert(at) {
                continue;
            }
            if self.is_kept(at) {
                found.insert(at);
            } else {
                todo.extend(self.arrows.iter().filter(|a| a.from == at).map(|a| a.to));
            }
        }
        found
    }
}
