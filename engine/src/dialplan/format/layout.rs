//! How deep a line stands, and where empty lines are.

use super::super::lexer::TokenKind;
use super::lines::{Line, Piece};

/// The words that begin something at the outermost level, now or in a version to come.
const ITEMS: [&str; 14] = [
    "import",
    "languages",
    "language",
    "timezone",
    "holidays",
    "hours",
    "allow",
    "json",
    "constant",
    "route",
    "otherwise",
    "flow",
    "menu",
    "test",
];

/// Arranges the lines: their depth, and the empty ones between them.
pub fn arrange(lines: &mut [Line<'_>]) {
    indent(lines);
    let mut item: Option<Item> = None;
    let mut after_opening = true;
    // The first line of the comments that stand right before the line at hand.
    let mut comments: Option<usize> = None;
    for at in 0..lines.len() {
        let line = &mut lines[at];
        if after_opening || line.tokens.first().is_some_and(Piece::closes) {
            line.blank_before = false;
        }
        after_opening = line.tokens.last().is_some_and(Piece::opens);
        let parted = line.blank_before;
        if line.tokens.is_empty() {
            comments = Some(comments.filter(|_| !parted).unwrap_or(at));
            continue;
        }
        let comments = comments.take();
        let Some(next) = Item::of(line) else { continue };
        if item.is_some_and(|before| before.keeps_apart(next)) && !parted {
            lines[comments.unwrap_or(at)].blank_before = true;
        }
        item = Some(next);
    }
}

/// What stands at the outermost level, by what may stand together without an empty line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    /// `languages en`, `timezone "Europe/Berlin"`
    Setting,
    /// `constant tries = 3`, `hours office = …`
    Declaration,
    /// `route "1xxx" -> …`
    Route,
    /// `flow greet() {…}`
    Block,
}

impl Item {
    /// What the line begins, if it begins something.
    fn of(line: &Line<'_>) -> Option<Self> {
        if !line.outermost || line.continues {
            return None;
        }
        let first = line.tokens.first().filter(|token| token.is_word())?;
        Some(match first.text {
            "import" | "languages" | "timezone" => Self::Setting,
            "holidays" | "hours" | "allow" | "constant" => Self::Declaration,
            "route" | "otherwise" => Self::Route,
            word if ITEMS.contains(&word) => Self::Block,
            _ => return None,
        })
    }

    fn keeps_apart(self, next: Self) -> bool {
        self == Self::Block || self != next
    }
}

/// A brace that is still open.
struct Open {
    /// The depth of the line that it stands on.
    depth: usize,
    /// Whether commas part what stands in it: a list, arguments, or the fields of a type. Not
    /// known before the first token in it is.
    listing: Option<bool>,
}

fn indent(lines: &mut [Line<'_>]) {
    let mut open: Vec<Open> = Vec::new();
    let mut previous: Option<Piece<'_>> = None;
    for line in lines {
        if let (Some(last), false) = (open.last_mut(), line.tokens.is_empty()) {
            last.listing.get_or_insert(is_listing(&line.tokens));
        }
        let closing = line.tokens.iter().take_while(|token| token.closes()).count();
        line.outermost = open.is_empty();
        let mut depth = open.last().map_or(0, |o| o.depth + 1);
        for _ in 0..closing {
            depth = open.pop().map_or(0, |o| o.depth);
        }
        line.continues = closing == 0 && continues(previous, &line.tokens, open.last());
        line.depth = depth + usize::from(line.continues);
        for (at, token) in line.tokens.iter().enumerate().skip(closing) {
            if token.opens() {
                let inside = line.tokens.get(at + 1..).unwrap_or(&[]);
                let known = token.text != "{" || !inside.is_empty();
                let listing = known.then(|| token.text != "{" || is_listing(inside));
                open.push(Open { depth: line.depth, listing });
            } else if token.closes() {
                open.pop();
            }
        }
        previous = line.tokens.last().copied().or(previous);
    }
}

/// Whether a brace holds no instructions, by what stands first in it: `name: …` and
/// `"text" = …` begin none.
fn is_listing(inside: &[Piece<'_>]) -> bool {
    match inside {
        [name, colon, ..] if name.is_word() => colon.kind == TokenKind::Colon,
        [first, ..] => first.kind == TokenKind::Text,
        [] => false,
    }
}

/// Whether the line goes on with what the one before it began.
fn continues(previous: Option<Piece<'_>>, tokens: &[Piece<'_>], inside: Option<&Open>) -> bool {
    let (Some(previous), Some(first)) = (previous, tokens.first()) else { return false };
    if previous.opens() || first.opens() || inside.is_some_and(|o| o.listing == Some(true)) {
        return false;
    }
    let unfinished = match previous.kind {
        TokenKind::Word => matches!(previous.text, "and" | "or" | "not" | "else"),
        kind => joins(kind),
    };
    let goes_on = match first.kind {
        TokenKind::Word if inside.is_none() => !ITEMS.contains(&first.text),
        TokenKind::Word => {
            // Each of these but `else` may be the name of a value or a flow.
            let is_name = tokens.get(1).is_some_and(|next| {
                matches!(next.kind, TokenKind::Assign | TokenKind::LeftParen | TokenKind::Arrow)
            });
            let goes_on = matches!(
                first.text,
                "and" | "or" | "else" | "then" | "with" | "as" | "within" | "introduced"
            );
            goes_on && !is_name && previous.text != "}"
        }
        kind => joins(kind),
    };
    unfinished || goes_on
}

/// Whether something stands on both sides of it.
fn joins(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Assign
            | TokenKind::Equal
            | TokenKind::Differs
            | TokenKind::Less
            | TokenKind::AtMost
            | TokenKind::More
            | TokenKind::AtLeast
            | TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Dot
            | TokenKind::Comma
            | TokenKind::Arrow
    )
}
