//! The explanations of the codes: each example is what it says, and the compiler, the manual and
//! the table of codes know the same ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hark_engine::dialplan::explain::{CODES, Code};
use hark_engine::dialplan::{Options, Source, check, compile, format, run_tests};

/// The code of a file that no explanation can hold.
const TOO_LONG: u16 = 6;

/// The examples of an explanation, with what stands behind `dial`.
fn examples(code: &Code) -> Vec<(&'static str, String)> {
    let blocks = code.text.split("\n```dial ").skip(1);
    blocks
        .map(|block| {
            let (kind, rest) = block.split_once('\n').unwrap();
            (kind, rest.split("\n```").next().unwrap().to_owned() + "\n")
        })
        .collect()
}

/// What the compiler, and then the tests of the example, say of it.
fn told(text: &str) -> String {
    let sources = [Source { name: "example.dial".into(), text: text.into() }];
    let options =
        Options { prompts: Some(vec![("en".into(), "welcome".into())]), ..Options::default() };
    let mut told = check(&sources, &options).render(false);
    if let Ok(program) = compile(&sources, &options) {
        let report = run_tests(&program, &sources);
        if !report.passed() {
            told.push_str(&report.render(false));
        }
    }
    told
}

#[test]
fn every_wrong_example_is_told_its_code_and_every_right_one_nothing() {
    for code in CODES.iter().filter(|code| code.number != TOO_LONG) {
        let (name, examples) = (code.name(), examples(code));
        let kinds: Vec<&str> = examples.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, ["wrong", "right"], "{name}");
        for (kind, text) in &examples {
            let told = told(text);
            if *kind == "wrong" {
                assert!(told.contains(&name), "{name} is not told of its example:\n{text}\n{told}");
                let severity = if told.contains("Error") { "error" } else { "warning" };
                assert_eq!(code.severity.name(), severity, "{name}");
            } else {
                assert_eq!(told, "", "the mended example of {name}:\n{text}");
            }
        }
        let right = Source { name: name.clone(), text: examples[1].1.clone() };
        assert_eq!(format(&right).unwrap(), right.text, "the style of {name}");
    }
    assert!(told(&"// Too long.\n".repeat(90_000)).contains(&Code::of(TOO_LONG).unwrap().name()));
}

/// The numbers that stand as the code of a diagnostic in the sources of the compiler.
fn used(folder: &Path, numbers: &mut BTreeSet<u16>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            used(&path, numbers);
            continue;
        }
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // Constructors, the helpers that pass a code on to them, and a code beside its message.
        for made in ["::error(", "::warning(", "missing(", "needs_answer(", "=> ("] {
            for rest in text.split(made).skip(1) {
                let Some((number, rest)) = rest.split_once(',') else { continue };
                let Ok(number) = number.trim().parse() else { continue };
                if made != "=> (" || rest.trim_start().starts_with('"') {
                    numbers.insert(number);
                }
            }
        }
    }
}

#[test]
fn every_code_that_the_compiler_tells_is_explained_and_no_other() {
    let mut numbers = BTreeSet::new();
    used(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialplan"), &mut numbers);
    let explained: BTreeSet<u16> = CODES.iter().map(|code| code.number).collect();
    assert_eq!(numbers, explained);
    assert!(CODES.is_sorted_by_key(|code| code.number) && explained.len() == CODES.len());
}

#[test]
fn the_manuals_table_is_that_of_the_codes() {
    let manual = include_str!("../../dialplans/GRAMMAR.md");
    let listed: Vec<&str> = manual.lines().filter(|line| line.starts_with("| D0")).collect();
    let codes: Vec<String> = CODES
        .iter()
        .map(|code| {
            let warning = if code.severity.name() == "warning" { "(warning) " } else { "" };
            format!("| {} | {warning}{} |", code.name(), code.title)
        })
        .collect();
    assert_eq!(listed, codes);
}

#[test]
fn a_code_is_found_as_people_write_it() {
    for written in ["D0301", "d301", "301", " 0301 "] {
        assert_eq!(Code::find(written).unwrap().number, 301, "{written}");
    }
    let near = |written: &str| -> Vec<u16> {
        Code::find(written).unwrap_err().iter().map(|code| code.number).collect()
    };
    assert!(near("D0327").contains(&324), "{:?}", near("D0327"));
    assert!(near("recording").contains(&501), "{:?}", near("recording"));
    assert!(near("recording").len() <= 8);
    assert!(
        near("").is_empty() && near("nothing like that").is_empty() && near("99999").is_empty()
    );
}

#[test]
fn an_explanation_is_told_without_marks() {
    let plain = Code::of(312).unwrap().plain();
    assert!(plain.starts_with("D0312 (warning): keys that cost a pause\n\nThese keys"), "{plain}");
    assert!(plain.contains("\n    flow ask() {\n        menu {\n"), "{plain}");
    assert!(!plain.contains("```"));
}
