//! In which column each card stands, and which arrows lead back.

use super::model::{ArrowKind, CardKind, Graph};

/// The columns of a graph.
pub struct Layers {
    /// The column of each card, from the left.
    pub of: Vec<usize>,
    /// Which arrows lead to an earlier column.
    pub back: Vec<bool>,
}

/// A card stands right of all that lead to it, but for what leads back to what leads to it.
pub fn layers(graph: &Graph) -> Layers {
    let count = graph.cards.len();
    let mut leaving = vec![Vec::new(); count];
    let mut entered = vec![false; count];
    for (arrow, number) in graph.arrows.iter().zip(0..) {
        if arrow.kind != ArrowKind::Again && arrow.from != arrow.to {
            leaving[arrow.from].push(number);
            entered[arrow.to] = true;
        }
    }
    // From outside first, then what nothing leads to, then what is left: circles.
    let mut roots: Vec<usize> = (0..count).collect();
    roots.sort_by_key(|card| {
        let outside = matches!(graph.cards[*card].kind, CardKind::Route | CardKind::Started);
        (!outside, entered[*card])
    });
    let walk = walk(graph, &leaving, &roots);
    let mut of = vec![0usize; count];
    for from in walk.last_first.iter().rev() {
        for number in &leaving[*from] {
            if !walk.back[*number] {
                let to = graph.arrows[*number].to;
                of[to] = of[to].max(of[*from] + 1);
            }
        }
    }
    // What comes from outside stands beside what it leads to.
    for card in 0..count {
        let nearest = leaving[card].iter().map(|number| of[graph.arrows[*number].to]).min();
        if let Some(nearest) = nearest.filter(|_| !entered[card]) {
            of[card] = of[card].max(nearest.saturating_sub(1));
        }
    }
    // Columns that became empty are left out.
    let mut used = of.clone();
    used.sort_unstable();
    used.dedup();
    for layer in &mut of {
        *layer = used.binary_search(layer).unwrap_or(0);
    }
    Layers { of, back: walk.back }
}

struct Walk {
    back: Vec<bool>,
    last_first: Vec<usize>,
}

/// Depth first, without recursion: the depth is as long as the longest way through a dialplan.
fn walk(graph: &Graph, leaving: &[Vec<usize>], roots: &[usize]) -> Walk {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        Open,
        Done,
    }
    let mut seen = vec![Seen::Not; leaving.len()];
    let mut walk = Walk { back: vec![false; graph.arrows.len()], last_first: Vec::new() };
    for root in roots {
        if seen[*root] != Seen::Not {
            continue;
        }
        let mut open = vec![(*root, 0)];
        seen[*root] = Seen::Open;
        while let Some((card, next)) = open.last_mut() {
            let Some(number) = leaving[*card].get(*next) else {
                seen[*card] = Seen::Done;
                walk.last_first.push(*card);
                open.pop();
                continue;
            };
            *next += 1;
            let to = graph.arrows[*number].to;
            match seen[to] {
                Seen::Open => walk.back[*number] = true,
                Seen::Done => {}
                Seen::Not => {
                    seen[to] = Seen::Open;
                    open.push((to, 0));
                }
            }
        }
    }
    walk
}
