//! Expressions in words, for people who don't write dialplans.

use std::collections::HashMap;
use std::time::Duration;

use super::super::ast::{Binary, Expr, ExprKind, Later, Name, RouteCondition, TextPart};
use crate::key::KeySet;

/// How many characters of a spoken text are shown.
const MOST_SPOKEN: usize = 140;
/// How many characters of an expression are shown.
const MOST_WORDS: usize = 80;

/// The values of the dialplan's constants, by name.
pub type Constants<'a> = HashMap<&'a str, &'a Expr>;

/// A name as words: `take_message` is "Take message".
pub fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// At most so many characters of it, and an ellipsis where there are more.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// What is heard, in quotes.
pub fn spoken(text: &Expr, constants: &Constants<'_>) -> String {
    let words = match &text.kind {
        ExprKind::Text(parts) => parts.iter().map(|part| spoken_part(part, constants)).collect(),
        _ => format!("‹{}›", words(text, constants)),
    };
    format!("“{}”", shortened(&words, MOST_SPOKEN))
}

fn spoken_part(part: &TextPart, constants: &Constants<'_>) -> String {
    match part {
        TextPart::Literal(text) => text.clone(),
        TextPart::Value(value) => format!("‹{}›", words(value, constants)),
        TextPart::Plural(_, forms) => {
            let form = forms.last().map_or(&[][..], Vec::as_slice);
            form.iter().map(|part| spoken_part(part, constants)).collect()
        }
    }
}

/// A condition in words: `message.empty` is "message empty", `fresh.count == 0` is "fresh’s count
/// is 0".
pub fn question(expr: &Expr, constants: &Constants<'_>) -> String {
    shortened(&asked(expr, constants, 0), MOST_WORDS)
}

fn asked(expr: &Expr, constants: &Constants<'_>, depth: usize) -> String {
    let asked = |expr: &Expr| asked(expr, constants, depth + 1);
    match &expr.kind {
        _ if depth > 8 => "…".into(),
        ExprKind::Field(of, field) => {
            format!("{} {}", all_words(of, constants, depth + 1), field.text.replace('_', " "))
        }
        ExprKind::Not(of) => format!("not {}", asked(of)),
        ExprKind::Binary(binary @ (Binary::And | Binary::Or), left, right) => {
            format!("{} {} {}", asked(left), operator(*binary), asked(right))
        }
        _ => all_words(expr, constants, depth + 1),
    }
}

/// An expression in words: `to.name` is "to’s name".
pub fn words(expr: &Expr, constants: &Constants<'_>) -> String {
    shortened(&all_words(expr, constants, 0), MOST_WORDS)
}

fn all_words(expr: &Expr, constants: &Constants<'_>, depth: usize) -> String {
    if depth > 8 {
        return "…".into();
    }
    let deeper = |expr: &Expr| all_words(expr, constants, depth + 1);
    let list = |list: &[Expr]| list.iter().map(deeper).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Text(parts) => parts.iter().map(|part| spoken_part(part, constants)).collect(),
        ExprKind::Number(n) => n.to_string(),
        ExprKind::Duration(length) => duration(*length),
        ExprKind::Clock(minutes) => format!("{}:{:02}", minutes / 60, minutes % 60),
        ExprKind::List(items) => list(items),
        ExprKind::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        ExprKind::Name(name) => match constants.get(name.as_str()) {
            Some(value) => all_words(value, &Constants::new(), depth + 1),
            None => name.replace('_', " "),
        },
        ExprKind::Field(of, field) => {
            format!("{}’s {}", deeper(of), field.text.replace('_', " "))
        }
        ExprKind::Call(call) => match call.name.text.as_str() {
            "user" => format!("the user at {}", list(&call.args)),
            "messages" => match call.args.as_slice() {
                [user, folder] => format!("{} messages of {}", deeper(folder), deeper(user)),
                _ => "messages".into(),
            },
            name => format!("{} of {}", name.replace('_', " "), list(&call.args)),
        },
        ExprKind::Online(of) => format!("{} who are online", deeper(of)),
        ExprKind::Not(of) => format!("not {}", deeper(of)),
        ExprKind::Binary(binary, left, right) => {
            format!("{} {} {}", deeper(left), operator(*binary), deeper(right))
        }
    }
}

const fn operator(binary: Binary) -> &'static str {
    match binary {
        Binary::And => "and",
        Binary::Or => "or",
        Binary::Equal => "is",
        Binary::Differs => "is not",
        Binary::Less => "is below",
        Binary::AtMost => "is at most",
        Binary::More => "is above",
        Binary::AtLeast => "is at least",
        Binary::Plus => "+",
        Binary::Minus => "−",
    }
}

/// A length of time: "8 s", "500 ms", "2 h".
pub fn duration(length: Duration) -> String {
    let ms = length.as_millis();
    match ms {
        0 => "0 s".into(),
        _ if ms.is_multiple_of(3_600_000) => format!("{} h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{} s", ms / 1000),
        _ => format!("{ms} ms"),
    }
}

/// The keys, one after the other: "# or *".
pub fn keys(set: KeySet) -> String {
    set.iter().map(|key| key.to_string()).collect::<Vec<_>>().join(" or ")
}

/// When something is delivered.
pub fn later(later: &Later, constants: &Constants<'_>) -> String {
    match later {
        Later::In(length) => format!("in {}", words(length, constants)),
        Later::At(time) => format!("at {}", words(time, constants)),
    }
}

/// What has to hold for a route.
pub fn condition(condition: &RouteCondition) -> String {
    match condition {
        RouteCondition::Domain(domain, _) => format!("at {domain}"),
        RouteCondition::From(pattern, _) => format!("called from {}", pattern.as_str()),
        RouteCondition::Trunk(trunk, _) => format!("over the trunk {trunk}"),
        RouteCondition::Identified(true, _) => "caller is signed in".into(),
        RouteCondition::Identified(false, _) => "caller is a guest".into(),
        RouteCondition::When { hours: Name { text, .. }, not, .. } => {
            let hours = text.replace('_', " ");
            if *not {
                format!("when “{hours}” is closed")
            } else {
                format!("when “{hours}” is open")
            }
        }
    }
}
