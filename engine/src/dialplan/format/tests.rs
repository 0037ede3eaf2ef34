#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::super::lexer::{TokenKind, lex};
use super::super::{Source, builtin, parser};
use super::{difference, format};

const RIGHT: [&str; 2] = [
    include_str!("../../../tests/dialplan/right/one_for_several.dial"),
    include_str!("../../../tests/dialplan/right/reception.dial"),
];

fn source(text: &str) -> Source {
    Source { name: "test.dial".into(), text: text.into() }
}

fn formatted(text: &str) -> String {
    format(&source(text)).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

fn corpus() -> Vec<String> {
    let shipped = builtin().into_iter().map(|source| source.text);
    shipped.chain(RIGHT.map(str::to_owned)).collect()
}

/// What the compiler sees of a text: kinds of tokens, and how each is written.
fn tokens(text: &str) -> Vec<(TokenKind, String)> {
    lex(0, text, 0, &mut Vec::new())
        .tokens
        .into_iter()
        .map(|t| (t.kind, text[t.span.start as usize..t.span.end as usize].to_owned()))
        .collect()
}

fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    for token in lex(0, text, 0, &mut Vec::new()).tokens {
        let gap = &text[at..token.span.start as usize];
        found.extend(gap.lines().filter_map(|l| l.find("//").map(|c| l[c..].trim().to_owned())));
        at = token.span.end as usize;
    }
    found
}

/// The syntax tree, without the places where its parts stand.
fn tree(text: &str) -> String {
    let mut found = Vec::new();
    let shown = format!("{:?}", parser::parse(0, &source(text), &mut found));
    assert!(found.is_empty(), "{found:?}");
    let mut out = String::new();
    let mut rest = shown.as_str();
    while let Some(at) = rest.find("Span {") {
        out.push_str(&rest[..at]);
        rest = rest[at..].split_once('}').unwrap().1;
    }
    out + rest
}

fn must_mean_the_same(before: &str, after: &str) {
    assert_eq!(tokens(before), tokens(after));
    assert_eq!(comments(before), comments(after));
    assert_eq!(tree(before), tree(after));
    assert_eq!(formatted(after), after, "formatting again changes something");
    assert!(after.lines().all(|line| line.trim_end() == line));
    assert!(!after.contains("\n\n\n") && !after.contains("\r\n") && !after.starts_with('\u{feff}'));
}

#[test]
fn the_shipped_files_have_the_style() {
    for text in corpus() {
        let after = formatted(&text);
        assert!(after == text, "{}", difference("file", &text, &after));
        must_mean_the_same(&text, &after);
    }
}

#[test]
fn everything_that_is_blank_is_decided_anew() {
    let before = "\u{feff}\r\n\r\n// The front door.  \r\nlanguages   en\r\nconstant tries=3\n// b\nroute \"1000\"->reception // The desk.\nroute \"1xxx\" as ext->greet( user( ext ) )\notherwise ->reception\nflow greet( to:User ){\n\n\nsay \"Hello  {to.name}.\"\n  if to.has_greeting==true and( 1+2>=3 or not( false ) ){ hangup;}else{ }\n\n\n\n  // The end.\n\n}\nmenu reception{\nsay \"One.\"\n  key 1->{ hangup } // Goodbye.\n// Nothing else.\nother->again\n  silence 5s   or hangup -> again at most tries then { say \"Bye.\" ; hangup }\n}";
    let after = "// The front door.
languages en

constant tries = 3

// b
route \"1000\"        -> reception // The desk.
route \"1xxx\" as ext -> greet(user(ext))
otherwise           -> reception

flow greet(to: User) {
    say \"Hello  {to.name}.\"
    if to.has_greeting == true and (1 + 2 >= 3 or not (false)) { hangup; } else {}

    // The end.
}

menu reception {
    say \"One.\"
    key 1                -> { hangup } // Goodbye.
    // Nothing else.
    other                -> again
    silence 5s or hangup -> again at most tries then { say \"Bye.\"; hangup }
}
";
    assert_eq!(formatted(before), after);
    must_mean_the_same(before, after);
}

#[test]
fn what_goes_on_stands_one_step_deeper() {
    let before = "route \"1000\"\nas ext\n-> greet(\next\n)\nflow greet(to: Digits) {\nmessage = record max 59s,\nstop on \"#\",\nhangup keeps\nif to == \"1\"\nor to == \"2\"\n{\ndiscard message\n}\nelse {\n// Gone.\ndiscard message\n}\nhangup\n}\n";
    let after = "route \"1000\"
    as ext
    -> greet(
        ext
    )

flow greet(to: Digits) {
    message = record max 59s,
        stop on \"#\",
        hangup keeps
    if to == \"1\"
        or to == \"2\"
    {
        discard message
    }
    else {
        // Gone.
        discard message
    }
    hangup
}
";
    assert_eq!(formatted(before), after);
    must_mean_the_same(before, after);
}

#[test]
fn a_text_that_cannot_be_read_is_left_alone() {
    for wrong in ["flow greet( {", "flow greet() { say \"a }", "flow greet() { sya \"a\" }", "@"] {
        assert!(format(&source(wrong)).unwrap_err().has_errors(), "{wrong}");
    }
    // Names are none of its business.
    assert_eq!(formatted("flow a() { b }"), "flow a() { b }\n");
}

/// What may be blank around the marks of calendars, clocks and fields is decided without the
/// parser.
#[test]
fn calendars_and_clocks_stand_close() {
    let before = "holidays feast=2026 - 12-24 ,12-25\nhours office = mon - fri 9 : 00-17:30,\nsat 10:00 - 13:00\nallow local=\"1xxx\"\njson Booking{\nname:Text ,\ncount : Number }\nlanguage de {\n\"Bye.\"  =\"Tschüss.\"\n}\nflow a() -> Number {\nring me for 30s->b else{ hangup }\nring them for 5s->b else{ hangup }\nx = webhook \"https://a.example\" { n:3 , at:8 : 00 }\nreturn 5-2\n}";
    let after = "holidays feast = 2026-12-24, 12-25
hours office = mon-fri 9:00-17:30,
    sat 10:00-13:00
allow local = \"1xxx\"

json Booking {
    name: Text,
    count: Number }

language de {
    \"Bye.\" = \"Tschüss.\"
}

flow a() -> Number {
    ring me for 30s -> b else { hangup }
    ring them for 5s -> b else { hangup }
    x = webhook \"https://a.example\" { n: 3, at: 8:00 }
    return 5 - 2
}
";
    let style = |text| {
        let mut lines = super::lines::lines(text);
        super::layout::arrange(&mut lines);
        super::spacing::print(&lines)
    };
    assert_eq!(style(before), after);
    assert_eq!(style(after), after);
}

#[test]
fn nothing_stays_nothing() {
    assert_eq!(formatted(""), "");
    assert_eq!(formatted(" \r\n\n"), "");
    assert_eq!(formatted("  // Only this."), "// Only this.\n");
}

#[test]
fn a_difference_is_shown_with_the_lines_around_it() {
    let before = "// 1\n// 2\n// 3\n// 4\nflow a() {\n\n  hangup\n}\n// 9\n// 10\n// 11\n// 12\n";
    let after = formatted(before);
    let shown = "--- a.dial\n+++ a.dial\n@@ -3,8 +3,7 @@\n // 3\n // 4\n flow a() {\n-\n-  hangup\n+    hangup\n }\n // 9\n // 10\n";
    assert_eq!(difference("a.dial", before, &after), shown);
    assert_eq!(difference("a.dial", &after, &after), "");
    assert!(difference("a.dial", "hangup\r\n", "hangup\n").contains("-hangup␍\n+hangup\n"));
}

/// A text of many short lines beside long ones must not grow with the longest.
#[test]
fn long_and_deep_texts_stay_about_as_long_as_they_are() {
    let long = "x".repeat(40_000);
    let answers = "key 1 -> again\n".repeat(3_000);
    let wide = format!("menu ask {{\n{answers}silence {long} -> again\n{answers}}}\n");
    assert!(formatted(&wide).len() < 2 * wide.len());
    let deep = format!("flow a() {{{}{}}}", "\nif true {".repeat(40), "\n}".repeat(40));
    let after = formatted(&deep);
    assert!(after.contains(&format!("\n{}if true {{\n", " ".repeat(160))));
    let many = "flow a() { say \"Hello.\" } // Well.\n".repeat(4_000);
    assert_eq!(formatted(&many).lines().count(), 8_000 - 1);
}

/// What may stand between two tokens that something blank parts.
fn gaps() -> impl Strategy<Value = Vec<String>> {
    let gap = prop_oneof![
        6 => "[ \t]{1,4}",
        1 => "[ \t]{0,2}\r?\n[ \t]{0,6}",
        1 => "\n[ ]{0,3}\n\n[ \t]{0,3}",
        1 => " ?///? ?[a-z {}\"-]{0,8}[ \r]?\n[ ]{0,3}",
        1 => "\n[ ]{0,5}//[a-z ->]{0,8}\n\n?[ ]{0,3}",
    ];
    proptest::collection::vec(gap, 1..40)
}

/// The text with every gap between tokens written anew. Where a line ended one ends again,
/// because instructions end there; new ones begin only if lines may be torn.
fn mutated(text: &str, gaps: &[String], keep: &[bool], tear: bool) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (number, token) in lex(0, text, 0, &mut Vec::new()).tokens.iter().enumerate() {
        let old = &text[at..token.span.start as usize];
        let new = &gaps[number % gaps.len()];
        let is_line_end = old.contains('\n');
        if keep[number % keep.len()] || (!tear && !is_line_end && new.contains('\n')) {
            out.push_str(old);
        } else if is_line_end && !new.contains('\n') {
            out.push_str(&format!("{new}\n"));
        } else if !old.is_empty() || number % 3 == 0 {
            out.push_str(new);
        }
        at = token.span.end as usize;
        out.push_str(&text[token.span.start as usize..at]);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn formatting_changes_only_what_is_blank(
        file in 0usize..7,
        gaps in gaps(),
        keep in proptest::collection::vec(proptest::bool::weighted(0.8), 1..30),
        tear in proptest::bool::ANY,
    ) {
        let corpus = corpus();
        let text = mutated(&corpus[file], &gaps, &keep, tear);
        // An instruction torn in two may be no instruction any more.
        let after = match format(&source(&text)) {
            Ok(after) => after,
            Err(_) if tear => return Ok(()),
            Err(wrong) => panic!("{wrong}\n{text}"),
        };
        must_mean_the_same(&text, &after);
    }

    #[test]
    fn no_text_is_too_odd(text in "[a-z{}()\\[\\]\"/ \n\r:;,.>*#0-9-]{0,80}") {
        if let Ok(after) = format(&source(&text)) {
            must_mean_the_same(&text, &after);
        }
    }
}
