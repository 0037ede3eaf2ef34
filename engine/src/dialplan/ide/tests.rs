//! Questions at a cursor, which stands where `‸` is.

use proptest::prelude::*;

use super::super::{Options, Source, builtin, check};
use super::*;

const CURSOR: char = '‸';

/// The dialplan of these files, and where the cursor stands in it.
fn at(files: &[&str]) -> (Analysis, u32, u32) {
    let mut cursor = (0, 0);
    let sources = files.iter().zip(0u32..).map(|(text, number)| {
        if let Some(offset) = text.find(CURSOR) {
            cursor = (number, u32::try_from(offset).expect("a short file"));
        }
        Source { name: format!("{number}.dial"), text: text.replace(CURSOR, "") }
    });
    let analysis = Analysis::new(sources.collect(), Options::default());
    (analysis, cursor.0, cursor.1)
}

fn hover(text: &str) -> String {
    let (analysis, source, offset) = at(&[text]);
    analysis.hover(source, offset).map_or(String::new(), |hover| hover.text)
}

/// The line of the definition, from 1, with what stands there.
fn definition(files: &[&str]) -> Option<(u32, usize, String)> {
    let (analysis, source, offset) = at(files);
    let span = analysis.definition(source, offset)?;
    let before = &analysis.sources()[span.source as usize].text[..span.start as usize];
    Some((span.source, before.matches('\n').count() + 1, analysis.slice(span).to_owned()))
}

fn complete(text: &str) -> Vec<String> {
    let (analysis, source, offset) = at(&[text]);
    analysis.complete(source, offset).into_iter().map(|c| c.label).collect()
}

/// The texts after the renaming.
fn rename(files: &[&str], to: &str) -> Result<Vec<String>, RenameError> {
    let (analysis, source, offset) = at(files);
    let mut edits = analysis.rename(source, offset, to)?;
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut texts: Vec<String> = analysis.sources().iter().map(|s| s.text.clone()).collect();
    for Edit { span, text } in edits {
        texts[span.source as usize].replace_range(span.start as usize..span.end as usize, &text);
    }
    Ok(texts)
}

#[track_caller]
fn offers(text: &str, wanted: &[&str], unwanted: &[&str]) {
    let found = complete(text);
    for label in wanted {
        assert!(found.iter().any(|f| f == label), "{label} is not offered in {text}: {found:?}");
    }
    for label in unwanted {
        assert!(!found.iter().any(|f| f == label), "{label} is offered in {text}: {found:?}");
    }
}

const GREET: &str = "/// Says hello.\nflow greet(who: User) {\n    say \"Hello {who.name}.\"\n}\n";

#[test]
fn hover_tells_types_docs_fields_and_words() {
    assert!(hover("flow a(to: User) { x = t‸o.limit; log \"{x}\" }").contains("to: User"));
    let field = hover("flow a(to: User) { x = to.li‸mit; log \"{x}\" }");
    assert!(field.contains("limit: Duration") && field.contains("the longest message"), "{field}");
    let call = hover(&format!("{GREET}flow b(u: User) {{ gre‸et(u) }}"));
    assert!(call.contains("flow greet(who: User)") && call.contains("Says hello."), "{call}");
    assert!(hover("flow a() { be‸ep }").contains("The tone"));
    let spoken = hover("flow a(to: User) { say \"Hello {to.na‸me}.\" }");
    assert!(spoken.contains("name: Text"), "{spoken}");
    let inferred = hover(
        "flow a(me: User) { inbox = messages(me, new) else hangup\n log \"{in‸box.count}\" }",
    );
    assert!(inferred.contains("inbox: [Message]"), "{inferred}");
    let optional = hover(
        "route \"1xxx\" as ext -> a(ext)\nflow a(ext: Digits) { if user(ext) as who { log w‸ho.name } }",
    );
    assert!(optional.contains("who: User\n"), "{optional}");
    let json = hover("json Booking { open: Bool }\nflow a(b: Booking) { if b.op‸en { beep } }");
    assert!(json.contains("open: Bool") && json.contains("`Booking`"), "{json}");
    assert!(hover("constant tri‸es = 3").contains("Number"));
    assert!(hover("flow a() { say \"be‸ep\" }").is_empty(), "words of texts mean nothing");
    assert!(hover("// be‸ep").is_empty(), "words of comments mean nothing");
}

#[test]
fn hover_explains_what_is_wrong() {
    let text = hover("flow a() { say no‸thing_here }");
    assert!(text.contains("D0101") && text.contains("an unknown name"), "{text}");
}

#[test]
fn definitions_are_found_in_other_files() {
    let b = "route \"1xxx\" as ext -> greet‸(user(ext))";
    assert_eq!(definition(&[GREET, b]), Some((0, 2, "greet".into())));
    let constant = "flow a() { pause thin‸king }";
    assert_eq!(definition(&[constant, "constant thinking = 8s"]), Some((1, 1, "thinking".into())));
    let local = "flow a(m: Recording) { n = 1\n log \"{‸n}\"; discard m }";
    assert_eq!(definition(&[local]), Some((0, 1, "n".into())));
    let json = "flow a(b: Booking) { if b.‸open { beep } }";
    assert_eq!(definition(&[json, "json Booking {\n open: Bool }"]), Some((1, 2, "open".into())));
    let import = "import \"1.d‸ial\"";
    assert_eq!(definition(&[import, GREET]), Some((1, 1, String::new())));
    let allow = "flow a(n: Digits) { if n in lo‸cal as ok { connect ok else hangup } }\nallow local = \"1xxx\"";
    assert_eq!(definition(&[allow]), Some((0, 2, "local".into())));
    let hours = "route \"1\" when offi‸ce -> a\nhours office = daily 9:00-17:00 except feast\nholidays feast = 12-25\nflow a() { beep }";
    assert_eq!(definition(&[hours]), Some((0, 2, "office".into())));
    assert_eq!(definition(&["flow a() { say \"gr‸eet\" }", GREET]), None);
}

#[test]
fn names_of_inner_blocks_are_their_own() {
    let text =
        "flow a(x: User?) {\n if x as who { log who.name }\n if x as who { log wh‸o.name }\n}";
    assert_eq!(definition(&[text]), Some((0, 3, "who".into())));
    let (analysis, source, offset) = at(&[text]);
    assert_eq!(analysis.references(source, offset, true).len(), 2);
}

#[test]
fn references_are_found_in_every_file() {
    let (analysis, source, offset) =
        at(&["flow gr‸eet() { beep }", "route \"1\" -> greet\nflow b() { greet; greet }"]);
    assert_eq!(analysis.references(source, offset, true).len(), 4);
    assert_eq!(analysis.references(source, offset, false).len(), 3);
}

#[test]
fn a_file_with_an_open_brace_is_understood() {
    let broken = "flow a(to: User) {\n    menu {\n        key 1 -> gre‸et(to)\n\n";
    let found = definition(&[&format!("{broken}{GREET}")]);
    assert_eq!(found, Some((0, 6, "greet".into())));
    offers("flow a(to: User) {\n    if true {\n        play to.‸\n", &["greeting"], &["beep"]);
    assert_eq!(definition(&["flow a(to: User) {\n send to‸ to (\n}"]), Some((0, 1, "to".into())));
}

#[test]
fn instructions_are_offered_where_one_may_stand() {
    offers(
        "flow a(to: User) {\n    ‸\n}",
        &["say", "play", "a", "menu …"],
        &["key", "route", "to"],
    );
    offers("flow a() {\n    menu {\n        ‸\n    }\n}", &["key", "silence", "say"], &["route"]);
    offers("flow a() {\n  menu {\n   key 1 -> ‸\n  }\n}", &["say", "a"], &["key"]);
    offers("flow a() {\n  menu {\n   key 1 -> { beep; ‸ }\n  }\n}", &["say", "a"], &["key"]);
    offers("flow a(p: Presence) {\n match p {\n  ‸\n }\n}", &["online", "other"], &["say"]);
    offers("‸", &["flow", "route", "test …"], &["say"]);
    offers("flow a() { play prompt \"x\" else ‸", &["say"], &["key"]);
    offers("flow a() { sa‸ }", &["say", "save"], &["play"]);
    offers("flow a() {\n  if true {\n  }\n  ‸\n}", &["else"], &[]);
}

#[test]
fn values_are_offered_where_one_may_stand() {
    let body =
        "constant tries = 3\nflow a(to: User) {\n    early_one = 1\n    if true { hidden = 2 }\n";
    offers(
        &format!("{body}    log ‸\n}}"),
        &["to", "early_one", "tries", "caller", "user"],
        &["hidden", "say"],
    );
    offers(&format!("{body}    x = ‸\n}}"), &["record", "messages", "to"], &["say"]);
    offers(&format!("{body}    log \"{{t‸}}\"\n}}"), &["to", "tries"], &["early_one"]);
    offers(&format!("{body}    log \"{{tries: one | {{t‸}} more}}\"\n}}"), &["to", "tries"], &[]);
    offers(&format!("{body}    log \"{{to.‸\n}}"), &["name", "limit"], &["to"]);
    offers(&format!("{body}    play to.g‸\n}}"), &["greeting"], &["name"]);
    offers(&format!("{body}    x = messages(to, ‸)\n}}"), &["new", "saved"], &["to"]);
    offers("flow a(r: Recording, u: User) { discard ‸ }", &["r"], &["u"]);
    offers("flow a(r: Recording, u: User) { send r ‸ }", &["to", "else"], &["u"]);
    offers("flow a(r: Recording, u: User) { send r to ‸ }", &["u"], &["say"]);
    offers("flow a(r: Recording, u: User) { send r to u with ‸ }", &["receipt"], &["u"]);
    offers("flow a(me: User) { set me.‸ }", &["language", "delivery"], &["name"]);
    offers("flow a(me: User) { set me.delivery = ‸ }", &["popup"], &["me"]);
    offers("allow local = \"1\"\nflow a(n: Digits) { if n in ‸ }", &["local"], &["n"]);
    offers("flow a() { hangup ‸ }", &["busy"], &["say"]);
    offers("flow a() { say \"hello ‸\" }", &[], &["a", "say"]);
    offers("flow a() { // ‸", &[], &["say"]);
}

#[test]
fn items_are_completed() {
    let plan =
        "json Booking { open: Bool }\nhours office = daily 9:00-17:00\nflow a(to: User) { beep }\n";
    offers(&format!("{plan}route \"1\" -> ‸"), &["a"], &["say"]);
    offers(&format!("{plan}route \"1\" when ‸"), &["office", "not"], &[]);
    offers(&format!("{plan}flow b(x: ‸"), &["User", "Booking"], &["a"]);
    offers(&format!("{plan}flow b(x: [‸"), &["User"], &["a"]);
    offers(&format!("{plan}flow b() -> ‸"), &["Bool"], &["a"]);
    offers(&format!("{plan}json C {{ x: ‸ }}"), &["Text", "Booking"], &[]);
    offers("languages ‸", &["en", "de"], &[]);
    offers("import \"‸\"", &["hark/mailbox.dial"], &[]);
    offers("language de {\n    ‸\n}\nflow a() { say \"Hi.\" }", &["\"Hi.\""], &[]);
}

#[test]
fn tests_are_completed() {
    let test = |line: &str| format!("flow a(u: User) {{ beep }}\ntest \"x\" {{\n    {line}\n}}");
    offers(&test("‸"), &["call", "expect", "alice"], &["say"]);
    offers(&test("expect ‸"), &["say", "message", "no"], &["call"]);
    offers(&test("call \"1\" as ‸"), &["alice", "bob"], &[]);
    offers(&test("alice is ‸"), &["online"], &[]);
    offers(&test("alice ‸"), &["has", "is"], &[]);
    offers(&test("begin ‸"), &["a"], &[]);
}

#[test]
fn a_name_is_renamed_wherever_it_stands() {
    let files = [
        "flow gr‸eet(who: User) { say \"Hello {who.name}.\" }",
        "route \"1xxx\" as n -> greet(user(n))",
    ];
    let renamed = rename(&files, "welcome").expect("it can be renamed");
    assert!(renamed[0].starts_with("flow welcome(") && renamed[1].contains("-> welcome(user(n))"));
    let renamed = rename(&["flow greet(wh‸o: User) { say \"Hello {who.name}.\" }"], "to");
    assert_eq!(renamed.expect("it can be"), ["flow greet(to: User) { say \"Hello {to.name}.\" }"]);
}

#[test]
fn translations_follow_the_text_that_they_translate() {
    let main = "languages en, de\nflow a(wh‸o: User) { say \"Hello {who.name}.\" }\nflow b(u: User) { a(u) }\nroute \"1xxx\" as n -> b(user(n))\n";
    let de = "language de {\n    \"Hello {who.name}.\" = \"Hallo {who.name}.\"\n}\n";
    let renamed = rename(&[main, de], "to").expect("it can be renamed");
    assert!(renamed[1].contains("\"Hello {to.name}.\" = \"Hallo {to.name}.\""), "{}", renamed[1]);
    assert!(!renamed[1].contains("who"), "{}", renamed[1]);
    // Another flow says the same words of its own parameter.
    let other = "flow c(who: User) { say \"Hello {who.name}.\" }\n";
    let renamed = rename(&[main, de, other], "to").expect("it can be renamed");
    assert!(renamed[1].contains("\"Hello {to.name}.\" = \"Hallo {to.name}.\""), "{}", renamed[1]);
    assert!(renamed[1].contains("\"Hello {who.name}.\" = \"Hallo {who.name}.\""), "{}", renamed[1]);
}

#[test]
fn what_would_break_the_dialplan_is_not_renamed() {
    let refused = |files: &[&str], to: &str| rename(files, to).expect_err("it is refused");
    let flow = "flow gr‸eet(a: User) { b = a; log b.name }\nflow other() { beep }";
    assert_eq!(refused(&[flow], "menu"), RenameError::Reserved("menu".into()));
    assert_eq!(refused(&[flow], "caller"), RenameError::Reserved("caller".into()));
    assert_eq!(refused(&[flow], "other_one\n"), RenameError::NotAName("other_one\n".into()));
    assert_eq!(refused(&[flow], "2nd"), RenameError::NotAName("2nd".into()));
    assert_eq!(
        refused(&[&flow.replace("other", "second")], "second"),
        RenameError::Taken("second".into())
    );
    let param = "flow greet(a‸: User) { b = a; log b.name }\nconstant tries = 3";
    assert_eq!(refused(&[param], "b"), RenameError::Taken("b".into()));
    assert_eq!(refused(&[param], "tries"), RenameError::Taken("tries".into()));
    let by_hark = "flow deli‸ver(message: Message, to: User) { play message; log to.name }";
    assert_eq!(refused(&[by_hark], "x"), RenameError::StartedByHark("deliver".into()));
    assert_eq!(refused(&["flow a() { be‸ep }"], "x"), RenameError::NoName);
    let broken = ["flow a‸() { beep }", "flow b( { a }"];
    assert_eq!(refused(&broken, "x"), RenameError::Unreadable("1.dial".into()));
}

#[test]
fn a_missing_answer_is_added() {
    let (analysis, source, offset) = at(&[
        "flow a(to: User) {\n    play‸ to.greeting\n    hangup\n}\nroute \"1xxx\" as n -> a(user(n))",
    ]);
    let mends = analysis.mends(source, offset);
    assert_eq!(mends.len(), 1, "{}", analysis.diagnostics());
    let edit = &mends[0].edit;
    let mut text = analysis.sources()[0].text.clone();
    text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    let mended = check(&[Source { name: "a.dial".into(), text }], &Options::default());
    assert!(!mended.has_errors(), "{mended}");
}

#[test]
fn a_missing_answer_of_a_menu_is_added() {
    let text = "flow a() {\n    menu {\n        say \"Press 1.\"\n        key 1 -> hangup\n    }\n}\nroute \"1\" -> a\n";
    let mut source = Source { name: "0.dial".into(), text: text.into() };
    for _ in 0..2 {
        let analysis = Analysis::new(vec![source.clone()], Options::default());
        let wrong = analysis.diagnostics().iter().next().expect("an answer is missing").span;
        let mends = analysis.mends(0, wrong.start);
        let edit = &mends.first().expect("it can be mended").edit;
        source.text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    let found = check(&[source.clone()], &Options::default());
    assert!(!found.has_errors(), "{found}\n{}", source.text);
}

#[test]
fn the_outline_has_every_item() {
    let (analysis, source, _) = at(&[
        "/// Doc.\nroute \"1\" -> a\nflow a() { beep }\nmenu m() { say \"x\" key 1 -> hangup }\njson J { a: Text }\ntest \"t\" { call \"1\" as alice }",
    ]);
    let outline = analysis.outline(source);
    let kinds: Vec<OutlineKind> = outline.iter().map(|item| item.kind).collect();
    use OutlineKind::{Flow, Json, Menu, Route, Test};
    assert_eq!(kinds, [Route, Flow, Menu, Json, Test]);
    assert_eq!(outline[3].children.len(), 1);
    for item in &outline {
        assert!(item.whole.start <= item.span.start && item.span.end <= item.whole.end, "{item:?}");
    }
}

#[test]
fn every_name_of_the_shipped_dialplan_is_understood() {
    let analysis = Analysis::new(builtin(), Options::default());
    for definition in &analysis.index.definitions {
        let documented = !matches!(definition.kind, super::super::value::Type::Unknown);
        let is_value = matches!(definition.what, index::What::Local | index::What::Param);
        assert!(documented || !is_value, "no type for {} {:?}", definition.name, definition.span);
    }
    let flows = analysis.index.definitions.iter().enumerate();
    for (at, flow) in flows.filter(|(_, d)| matches!(d.what, index::What::Flow { .. })) {
        let by_hark = super::super::STARTED_BY_HARK.contains(&flow.name.as_str());
        let used = analysis.index.uses.iter().any(|used| used.of == at);
        assert!(used || by_hark, "nothing refers to {}", flow.name);
    }
}

/// Everything at once, at one place.
fn ask(analysis: &Analysis, source: u32, offset: u32) {
    let _ = analysis.hover(source, offset);
    let _ = analysis.definition(source, offset);
    let _ = analysis.references(source, offset, true);
    let _ = analysis.can_rename(source, offset);
    let _ = analysis.rename(source, offset, "renamed");
    let _ = analysis.mends(source, offset);
    assert!(analysis.complete(source, offset).len() <= MOST_COMPLETIONS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever somebody types, and wherever the cursor is.
    #[test]
    fn no_edit_is_too_much(
        file in 0usize..10,
        edits in prop::collection::vec((any::<u16>(), 0u16..40, "[ -~äß‸\n]{0,6}|\"|\\{|\\}|->|///|menu \\{|to\\.|\\\\"), 1..8),
        cursors in prop::collection::vec(any::<u16>(), 1..6),
    ) {
        let sources = builtin();
        let mut text = sources[file % sources.len()].text.clone();
        let boundary = |text: &str, at: usize| {
            (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
        };
        for (from, length, new) in edits {
            let start = boundary(&text, usize::from(from) % (text.len() + 1));
            let end = boundary(&text, start + usize::from(length)).max(start);
            text.replace_range(start..end, &new);
        }
        let analysis =
            Analysis::new(vec![Source { name: "a.dial".into(), text }], Options::default());
        let _ = analysis.outline(0);
        for cursor in cursors {
            ask(&analysis, 0, cursor.into());
        }
    }
}

#[test]
fn renaming_breaks_nothing() {
    let before = Analysis::new(builtin(), Options::default());
    let mut renamed = 0;
    for definition in &before.index.definitions {
        let (source, offset) = (definition.span.source, definition.span.start);
        // What begins with `_` may stay unused.
        let mark = if definition.name.starts_with('_') { "_" } else { "" };
        let Ok(mut edits) = before.rename(source, offset, &format!("{mark}quite_another_name"))
        else {
            continue;
        };
        renamed += 1;
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
        let mut sources = builtin();
        for Edit { span, text } in edits {
            let source = &mut sources[span.source as usize].text;
            source.replace_range(span.start as usize..span.end as usize, &text);
        }
        let found = check(&sources, &Options::default());
        let same = found.iter().count() == before.diagnostics().iter().count();
        assert!(same, "{} at {:?}:\n{found}", definition.name, definition.span);
    }
    assert!(renamed > 100, "only {renamed} of the names were renamed");
}
