//! The dialplan language from outside: the shipped dialplans and their own tests, programs that
//! are right, and programs that are wrong in one way each, with the error that tells it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use hark_engine::dialplan::{Options, Source, builtin, check, compile, follow, run_tests};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialplan").join(name)
}

fn sources(name: &str) -> Vec<Source> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "dial"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| Source {
            name: path.file_name().unwrap().to_str().unwrap().into(),
            text: fs::read_to_string(path).unwrap(),
        })
        .collect()
}

#[test]
fn the_shipped_dialplans_pass_their_check_and_their_tests() {
    let sources = builtin();
    let found = check(&sources, &Options::default());
    assert!(found.is_empty(), "{}", found.render(false));
    let program = compile(&sources, &Options::default()).unwrap();
    let report = run_tests(&program, &sources);
    assert!(report.cases.len() >= 30);
    assert!(report.passed(), "{}", report.render(false));
}

#[test]
fn right_programs_pass_without_a_word() {
    let mut wrong = String::new();
    let sources = sources("right");
    assert!(sources.len() >= 15, "{} right programs", sources.len());
    for source in sources {
        let sources = [source];
        let found = check(&sources, &Options::default());
        wrong.push_str(&found.render(false));
        let Ok(program) = compile(&sources, &Options::default()) else { continue };
        let report = run_tests(&program, &sources);
        if !report.passed() {
            wrong.push_str(&report.render(false));
        }
        assert!(!report.cases.is_empty(), "{} tests nothing", sources[0].name);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The least that the suite of wrong programs has to hold.
const WRONG_PROGRAMS: usize = 220;
/// No program of a sensible size has it.
const TOO_LONG: u16 = 6;

/// What a wrong program is compiled with: `// prompts: en/welcome` in its first line names the
/// recorded prompts that exist.
fn options(source: &Source) -> Options {
    let named = source.text.lines().next().and_then(|line| line.strip_prefix("// prompts: "));
    let prompts = named.map(|list| {
        let pairs = list.split(' ').filter_map(|pair| pair.split_once('/'));
        pairs.map(|(language, name)| (language.to_owned(), name.to_owned())).collect()
    });
    Options { prompts, ..Options::default() }
}

/// What the author of a program is told: by the compiler, or else by the program's own tests.
fn told(source: &Source) -> String {
    let sources = std::slice::from_ref(source);
    let found = check(sources, &options(source));
    if found.is_empty()
        && let Ok(program) = compile(sources, &options(source))
    {
        return run_tests(&program, sources).render(false);
    }
    found.render(false)
}

/// Each file's rendered error stands beside it as `.snap`. `INSTA_UPDATE=always` writes them.
#[test]
fn wrong_programs_are_told_what_is_wrong() {
    let sources = sources("wrong");
    assert!(sources.len() >= WRONG_PROGRAMS, "{} wrong programs", sources.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder("wrong"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for source in sources {
            let name = source.name.trim_end_matches(".dial");
            let told = told(&source);
            assert!(told.contains("[D"), "{name} is told nothing:\n{told}");
            insta::assert_snapshot!(name, told);
        }
    });
}

/// Every code is the first that some program of the suite is told, so that each message has been
/// read as its author reads it.
#[test]
fn every_code_is_told_to_some_wrong_program() {
    let mut codes = std::collections::BTreeSet::new();
    for source in sources("wrong") {
        let told = told(&source);
        let first = told.split_once("[D").map_or("", |(_, rest)| &rest[..4]);
        codes.insert(first.parse::<u16>().unwrap());
    }
    let long = Source { name: "long.dial".into(), text: "// long\n".repeat(200_000) };
    codes.extend(check(&[long], &Options::default()).iter().map(|found| found.code));
    assert!(codes.contains(&TOO_LONG));
    for code in hark_engine::dialplan::explain::CODES {
        assert!(codes.contains(&code.number), "no wrong program is told {}", code.name());
    }
    // What the manual lists and what is told are the same.
    let manual = include_str!("../../dialplans/GRAMMAR.md");
    let listed = manual.lines().filter_map(|line| line.strip_prefix("| D")?.get(..4)?.parse().ok());
    assert_eq!(listed.collect::<std::collections::BTreeSet<u16>>(), codes);
}

/// Every example of the manual compiles: a block marked `dial` by itself, and one marked
/// `dial wrong` does not.
#[test]
fn the_manuals_examples_are_what_they_say() {
    let examples = examples(include_str!("../../dialplans/GRAMMAR.md"));
    for (number, (mark, text)) in examples.iter().enumerate() {
        let name = format!("example {}", number + 1);
        let sources = follow(vec![Source { name, text: (*text).into() }], 100, |_| None);
        let found = check(&sources, &Options::default());
        if *mark == "wrong" {
            assert!(found.has_errors(), "this example should be wrong:\n{text}");
            continue;
        }
        passes(&sources);
    }
    assert!(examples.len() >= 16, "{} examples", examples.len());
}

/// The guide's first example has the two errors that it tells; the others compile, and pass.
#[test]
fn the_guides_steps_go_as_it_says() {
    let examples = examples(include_str!("../../docs/DIALPLAN_GUIDE.md"));
    for (number, (_, text)) in examples.iter().enumerate() {
        let sources = vec![Source { name: "plan/main.dial".into(), text: (*text).into() }];
        let sources = follow(sources, 100, |_| None);
        if number == 0 {
            let found = check(&sources, &Options::default());
            let codes: Vec<u16> = found.iter().map(|d| d.code).collect();
            assert_eq!(codes, [301, 302], "{}", found.render(false));
            continue;
        }
        passes(&sources);
        if number == 1 {
            let lossy: String = text
                .lines()
                .filter(|line| !line.contains("send message"))
                .collect::<Vec<_>>()
                .join("\n");
            let lossy = [Source { name: "main.dial".into(), text: lossy }];
            let found = check(&lossy, &Options::default());
            assert!(found.iter().any(|d| d.code == 501), "{}", found.render(false));
        }
    }
    assert!(examples.len() >= 3);
}

/// The blocks marked `dial` of a Markdown text, with what stands behind that mark.
fn examples(markdown: &str) -> Vec<(&str, &str)> {
    let blocks = markdown.split("\n```dial").skip(1).filter_map(|block| {
        let (mark, rest) = block.split_once('\n')?;
        Some((mark.trim(), rest.split("\n```").next()?))
    });
    blocks.collect()
}

#[track_caller]
fn passes(sources: &[Source]) {
    let found = check(sources, &Options::default());
    assert!(!found.has_errors(), "{}", found.render(false));
    let program = compile(sources, &Options::default()).unwrap();
    let report = run_tests(&program, sources);
    assert!(report.passed(), "{}", report.render(false));
}
