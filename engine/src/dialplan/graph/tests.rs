#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::super::{Options, Source, builtin, compile};
use super::graph;
use super::layout::{Rect, layout};
use super::model::{ArrowKind, CardKind, Graph};

const SMALL: &str = r##"
/// Leave a message for somebody.
route "1xxx" as ext from user -> deposit(user(ext))
otherwise -> nobody_here

flow deposit(to: User) {
    say "Please speak, {to.name} & \"friends\" <3."
    message = record max 59s, stop on "#", hangup keeps
    decide(message, to)
}

/// What shall become of it?
menu decide(message: Recording, to: User) {
    say "To send it, press 1."
    key 1      -> { send message to to else { say "That failed."; bye }; bye }
    key 3      -> { discard message; deposit(to) }
    other      -> { say "No such key."; again }
    silence 8s -> again at most 2 then { discard message; bye }
    hangup     -> discard message
}

flow nobody_here() {
    say "Nobody is here, and nobody will come."
    bye
}

flow bye() {
    say "Bye."
    hangup
}
"##;

fn source(text: &str) -> Vec<Source> {
    vec![Source { name: "plans/small.dial".into(), text: text.into() }]
}

fn small() -> Graph {
    compile(&source(SMALL), &Options::default()).unwrap();
    graph(&source(SMALL))
}

/// The texts that stand in an SVG document, as they are read.
fn texts(svg: &str) -> String {
    let mut all = String::new();
    for part in svg.split("<text ").skip(1) {
        let text = part.split_once('>').unwrap().1.split_once("</text>").unwrap().0;
        all.push_str(text);
        all.push(' ');
    }
    all.replace("&#39;", "'").replace("&quot;", "\"").replace("&lt;", "<").replace("&amp;", "&")
}

#[test]
fn a_small_dialplan_as_mermaid() {
    insta::assert_snapshot!(small().mermaid());
}

#[test]
fn a_small_dialplan_as_svg() {
    insta::assert_snapshot!(small().svg("A small plan"));
}

#[test]
fn everything_of_the_shipped_dialplans_can_be_read() {
    let graph = graph(&builtin());
    let (svg, mermaid) = (texts(&graph.svg("Hark")), graph.mermaid());
    let mut flows = 0;
    for source in builtin() {
        let mut doc = None;
        for line in source.text.lines() {
            if let Some(line) = line.strip_prefix("///") {
                doc.get_or_insert(line.trim());
                continue;
            }
            // A title is the beginning of what the author says of it, else the name in words.
            let said = doc
                .take()
                .map(|doc| doc.trim_end_matches('.').chars().take(12).collect::<String>());
            let mut words = line.split(['(', ' ', '"']);
            match words.next() {
                Some("flow" | "menu") => {
                    let title = said.unwrap_or(super::words::title(words.next().unwrap()));
                    assert!(svg.contains(&title), "no {title} in the picture");
                    assert!(mermaid.contains(&title), "no {title} in the flowchart");
                    flows += 1;
                }
                Some("route") => {
                    let number = words.nth(1).unwrap();
                    assert!(svg.contains(number), "no {number} in the picture");
                    let number = number.replace('*', "#42;");
                    assert!(mermaid.contains(&number), "no {number} in the flowchart");
                }
                _ => {}
            }
        }
    }
    assert!(flows >= 17, "{flows} flows found");
}

#[test]
fn what_a_key_leads_to_is_an_arrow_or_an_end() {
    let graph = small();
    let card = |name: &str| graph.cards.iter().position(|card| card.name == name).unwrap();
    let (decide, deposit) = (card("decide"), card("deposit"));
    let leads = |label: &str| {
        graph.arrows.iter().find(|a| a.from == decide && graph.label(a) == label).unwrap()
    };
    assert_eq!((leads("3").to, leads("3").kind), (deposit, ArrowKind::Goes));
    assert_eq!(
        (leads("anything else").to, leads("anything else").kind),
        (decide, ArrowKind::Again)
    );
    let ends = graph.cards[decide].rows.iter().filter(|row| row.end.as_deref() == Some("Bye"));
    assert_eq!(ends.count(), 3, "after sending, when that failed, and when nothing is pressed");
    assert!(!graph.cards.iter().any(|card| card.name == "bye"), "an end is no card");
}

#[test]
fn only_a_visit_comes_back() {
    let plan = "route \"1\" -> a\nflow a() {\n  b()\n  c()\n}\nflow b() { say \"Hello.\" }\nflow c() { say \"A long farewell to everybody.\"; hangup }\n";
    let graph = graph(&source(plan));
    let kinds: Vec<ArrowKind> = graph.arrows.iter().map(|a| a.kind).collect();
    assert_eq!(kinds, [ArrowKind::Visits, ArrowKind::Goes, ArrowKind::Goes]);
}

#[test]
fn a_part_is_what_a_flow_reaches_and_the_routes_to_it() {
    let graph = graph(&builtin());
    let part = graph.from_flow("mailbox").unwrap();
    let titles: Vec<&str> = part.cards.iter().map(|card| card.title.as_str()).collect();
    assert!(titles.contains(&"*97") && titles.contains(&"Unlock"), "{titles:?}");
    assert!(!titles.contains(&"Attendant") && !titles.contains(&"*98"), "{titles:?}");
    assert!(part.arrows.iter().all(|a| a.from < part.cards.len() && a.to < part.cards.len()));
    assert!(graph.from_flow("nothing").is_none());
}

#[test]
fn an_overview_keeps_what_callers_choose_and_folds_what_lies_between() {
    let plan = "
/// The door.
route \"1\" -> door
menu door() {
  say \"Press 1 for a song, 2 to leave.\"
  key 1 -> singing
  key 2 -> hangup
  other -> { no_such_key; again at most 2 then hangup }
  silence 5s -> again at most 1 then hangup
}
flow singing() { say \"Which one?\"; choose }
menu choose() {
  say \"Press 1 for the long one.\"
  key 1 -> { say \"La la la.\"; hangup }
  other -> { no_such_key; again at most 2 then hangup }
  silence 5s -> { no_such_key; no_such_key; hangup }
}
/// What is said of every wrong key.
flow no_such_key() { say \"There is no such key.\" }
";
    let whole = graph(&source(plan));
    let overview = whole.overview();
    let names: Vec<&str> = overview.flows().collect();
    assert_eq!(names, ["door", "choose"], "of {:?}", whole.flows().collect::<Vec<_>>());
    let door = &overview.cards[0];
    let rows: Vec<_> = door.rows.iter().map(|r| (r.badge.as_str(), r.text.as_str())).collect();
    assert_eq!(rows[0], ("1", "Singing"), "{rows:?}");
    let leads: Vec<_> = overview.arrows.iter().map(|a| (a.from, a.row, a.to)).collect();
    assert_eq!(leads, [(0, 0, 1), (2, 0, 0)], "{overview:?}");
    let shipped = graph(&builtin()).overview();
    assert!(shipped.cards.len() * 3 < graph(&builtin()).cards.len() * 2, "{}", shipped.cards.len());
}

#[test]
fn nothing_stands_on_anything_else() {
    for sources in [builtin(), source(SMALL)] {
        assert_apart(&graph(&sources));
        assert_apart(&graph(&sources).overview());
    }
}

/// Cards, the ends beside them and the rows in them have room of their own, inside the picture.
fn assert_apart(graph: &Graph) {
    let layout = layout(graph);
    let mut boxes: Vec<(Rect, String)> = Vec::new();
    for (card, drawn) in graph.cards.iter().zip(&layout.cards) {
        boxes.push((drawn.rect, card.title.clone()));
        let mut below = drawn.rect.y;
        for row in &drawn.rows {
            assert!(row.rect.y >= below, "{}: rows overlap", card.title);
            below = row.rect.y + row.rect.height;
            let bottom = drawn.rect.y + drawn.rect.height;
            assert!(below <= bottom, "{}: a row hangs out", card.title);
            for (x, base, line) in &row.lines {
                let right = x + super::text::width(line, super::layout::TEXT);
                let within = right <= drawn.rect.x + drawn.rect.width || line.chars().count() == 1;
                assert!(within && *base <= bottom, "{}: `{line}` hangs out", card.title);
            }
            boxes.extend(
                row.end.as_ref().map(|end| (end.rect, format!("{}: {}", card.title, end.text))),
            );
        }
    }
    for (place, (one, name)) in boxes.iter().enumerate() {
        let inside = one.x >= 0
            && one.y >= 0
            && one.x + one.width <= layout.width
            && one.y + one.height <= layout.height;
        assert!(inside, "{name} hangs out of the picture");
        for (other, other_name) in &boxes[place + 1..] {
            assert!(!overlap(*one, *other), "{name} and {other_name} overlap");
        }
    }
}

const fn overlap(a: Rect, b: Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

#[test]
fn arrows_pass_no_card() {
    for sources in [builtin(), source(SMALL)] {
        let graph = graph(&sources);
        let layout = layout(&graph);
        for curve in &layout.curves {
            for (x, y) in points(&curve.path) {
                let on = layout.cards.iter().zip(&graph.cards).find(|(card, _)| {
                    let r = card.rect;
                    x > r.x + 2 && x < r.x + r.width - 2 && y > r.y && y < r.y + r.height
                });
                let on = on.map(|(_, card)| card.title.as_str());
                assert_eq!(on, None, "{} passes over it", curve.path);
            }
        }
    }
}

/// Points along a path of the commands that layouts use between cards.
fn points(path: &str) -> Vec<(i32, i32)> {
    let mut points = Vec::new();
    if path.contains('q') {
        return points;
    }
    let (mut x, mut y) = (0, 0);
    let split = path.replace('M', " M ").replace('H', " H ").replace('C', " C ");
    let mut words = split.split_whitespace();
    let number = |words: &mut std::str::SplitWhitespace<'_>| -> i32 {
        words.next().unwrap().parse().unwrap()
    };
    while let Some(command) = words.next() {
        match command {
            "M" => (x, y) = (number(&mut words), number(&mut words)),
            "H" => {
                let to = number(&mut words);
                points.extend((0..=50).map(|step| (x + (to - x) * step / 50, y)));
                x = to;
            }
            "C" => {
                let [x1, y1, x2, y2, to_x, to_y]: [i32; 6] =
                    std::array::from_fn(|_| number(&mut words));
                for step in 0..=20 {
                    let t = f64::from(step) / 20.0;
                    let at = |a: i32, b: i32, c: i32, d: i32| {
                        let (a, b, c, d) = (f64::from(a), f64::from(b), f64::from(c), f64::from(d));
                        let s = 1.0 - t;
                        s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
                    };
                    #[allow(clippy::cast_possible_truncation, reason = "a picture is small")]
                    points.push((
                        at(x, x1, x2, to_x).round() as i32,
                        at(y, y1, y2, to_y).round() as i32,
                    ));
                }
                (x, y) = (to_x, to_y);
            }
            other => panic!("unknown command {other}"),
        }
    }
    points
}

/// Whether a document is well-formed: tags are balanced, attributes quoted and not repeated,
/// references known, and there is one root.
fn well_formed(xml: &str) -> Result<(), String> {
    let (mut open, mut roots, mut rest) = (Vec::new(), 0, xml);
    while let Some(at) = rest.find('<') {
        references(&rest[..at])?;
        let end = rest[at..].find('>').ok_or("a tag has no end")? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let opened = open.pop().ok_or("closed and not opened")?;
            if opened != name {
                return Err(format!("{opened} is closed by {name}"));
            }
            continue;
        }
        let closed = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphabetic()) {
            return Err(format!("a tag is called `{name}`"));
        }
        let mut names = Vec::new();
        while !attributes.trim().is_empty() {
            let (name, value) = attributes.split_once("=\"").ok_or(format!("in <{tag}>"))?;
            let (value, more) = value.split_once('"').ok_or(format!("in <{tag}>"))?;
            if value.contains('<') || names.contains(&name.trim()) {
                return Err(format!("attribute {name} of <{tag}>"));
            }
            references(value)?;
            names.push(name.trim());
            attributes = more;
        }
        roots += usize::from(open.is_empty());
        if !closed {
            open.push(name);
        }
    }
    if roots != 1 || !open.is_empty() || !rest.trim().is_empty() {
        return Err(format!("{roots} roots, {} left open", open.len()));
    }
    Ok(())
}

fn references(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)) {
        return Err("a control character".into());
    }
    let known = ["amp", "lt", "gt", "quot", "#39"];
    for part in text.split('&').skip(1) {
        let name = part.split_once(';').ok_or("a lone &")?.0;
        if !known.contains(&name) {
            return Err(format!("&{name};"));
        }
    }
    Ok(())
}

#[test]
fn the_check_of_documents_can_fail() {
    for wrong in
        ["<a>", "<a></b>", "<a x=\"1\" x=\"2\"/>", "<a>&nope;</a>", "<a/><b/>", "<a x=\"<\"/>"]
    {
        assert!(well_formed(wrong).is_err(), "{wrong}");
    }
    assert_eq!(well_formed("<a x=\"1\"><b>t &amp; u</b></a>"), Ok(()));
}

fn is_drawn(sources: &[Source]) -> Result<(), TestCaseError> {
    let graph = graph(sources);
    let svg = graph.svg("<Every> \"plan\" & more");
    prop_assert_eq!(well_formed(&svg), Ok(()));
    assert_apart(&graph);
    let mermaid = graph.mermaid();
    for line in mermaid.lines().take_while(|line| !line.starts_with("  classDef")) {
        // Whatever a dialplan says stands between the only two quotation marks of its line.
        let quotes = line.matches('"').count();
        prop_assert!(quotes == 0 || quotes == 2, "{}", line);
    }
    for card in &graph.cards {
        if matches!(card.kind, CardKind::Flow | CardKind::Menu) {
            prop_assert!(graph.from_flow(&card.name).is_some());
        }
    }
    Ok(())
}

/// Source texts, cut up and put together anew; some compile, and none may do harm.
fn mutated() -> impl Strategy<Value = Vec<Source>> {
    let cuts = prop::collection::vec((0usize..5, any::<prop::sample::Index>(), 0u8..5), 0..12);
    (0usize..6, cuts).prop_map(|(which, cuts)| {
        let mut sources = builtin();
        if which == 5 {
            sources = source(SMALL);
        }
        for (file, line, how) in cuts {
            let file = file % sources.len();
            let mut lines: Vec<String> = sources[file].text.lines().map(str::to_owned).collect();
            let at = line.index(lines.len());
            let text = lines[at].clone();
            match how {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, text),
                2 => lines[at] = text.replace(". ", ".&<\\\"]]> | ` ;#"),
                3 => lines[at] = text.replace("goodbye", "take_message(to)"),
                _ => lines.insert(0, lines[at].clone()),
            }
            sources[file].text = lines.join("\n");
        }
        sources
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_is_read_gives_a_well_formed_picture(sources in mutated()) {
        is_drawn(&sources)?;
    }

    #[test]
    fn any_text_can_be_said(text in "\\PC{0,200}") {
        let text: String = text.chars().filter(|c| !"\"\\{}".contains(*c)).collect();
        is_drawn(&source(&SMALL.replace("Please speak", &text)))?;
    }

    #[test]
    fn any_web_of_calls_is_laid_out(calls in prop::collection::vec((0usize..14, 0usize..14), 0..50)) {
        let mut plan = String::from("route \"1\" -> f0\n");
        for flow in 0..14 {
            plan.push_str(&format!("flow f{flow}() {{\n    say \"This is the flow of number {flow}.\"\n"));
            for (_, to) in calls.iter().filter(|(from, _)| *from == flow) {
                plan.push_str(&format!("    f{to}()\n"));
            }
            plan.push_str("}\n");
        }
        is_drawn(&source(&plan))?;
    }
}
