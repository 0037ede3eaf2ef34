//! What holds for every input: the compiler never panics and always ends, and every program
//! that it accepts ends under any keys, silences and hang-ups, having sent or discarded each
//! recording exactly once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "dialplan_properties/caller.rs"]
mod caller;
#[path = "dialplan_properties/choices.rs"]
mod choices;
#[path = "dialplan_properties/grow.rs"]
mod grow;
#[path = "dialplan_properties/holes.rs"]
mod holes;
#[path = "dialplan_properties/large.rs"]
mod large;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use caller::{Caller, Manner, context, message};
use choices::Choices;
use hark_engine::dialplan::effect::{Effect, Input, RecordEnd};
use hark_engine::dialplan::{
    Options, Program, Run, STARTED_BY_HARK, Source, Value, builtin, check, compile,
};
use hark_engine::id::UserId;
use hark_engine::time::Instant;
use proptest::prelude::*;

fn one(text: String) -> [Source; 1] {
    [Source { name: "fuzz.dial".into(), text }]
}

fn is_survived(text: String) {
    let found = check(&one(text), &Options::default());
    let _ = (found.render(false), found.to_string());
}

const WORDS: &[&str] = &[
    "flow",
    "menu",
    "route",
    "otherwise",
    "say",
    "play",
    "beep",
    "pause",
    "x",
    "y",
    "=",
    "record",
    "max",
    "stop on",
    "silence",
    "hangup keeps",
    "send",
    "to",
    "with receipt",
    "else",
    "discard",
    "again",
    "at most",
    "2",
    "then",
    "if",
    "for each",
    "in",
    "messages",
    "(",
    ")",
    "{",
    "}",
    ",",
    ";",
    "\n",
    "->",
    "key 1",
    "digits \"1xx\" as n",
    "other",
    "hangup",
    "5s",
    "\"text {x}\"",
    "\"{n: a | b}\"",
    "caller",
    "user",
    ".",
    "name",
    "contacts online",
    "not",
    "and",
    "==",
    ":",
    "User",
    "Recording",
    "test",
    "\"",
    "{{",
    "é",
    "constant",
    "languages en",
    "as",
    "-",
    "*",
    "#",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,300}") {
        is_survived(text);
    }

    #[test]
    fn any_words_are_survived(words in prop::collection::vec(prop::sample::select(WORDS), 0..120)) {
        is_survived(words.join(" "));
    }

    #[test]
    fn any_change_of_a_right_program_is_survived(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((0usize..6000, 0usize..40, prop::sample::select(WORDS)), 1..4),
        seed in any::<u64>(),
    ) {
        let mut sources = right_programs().swap_remove(which.index(right_programs().len()));
        let file = usize::try_from(seed).unwrap_or(0) % sources.len();
        let text = &mut sources[file].text;
        for (at, length, word) in cuts {
            let chars: Vec<char> = text.chars().collect();
            let at = at.min(chars.len());
            let end = (at + length).min(chars.len());
            *text = chars[..at].iter().collect::<String>() + word
                + &chars[end..].iter().collect::<String>();
        }
        holds_if_accepted(&sources, seed);
    }

    /// Lines of right programs are taken out, doubled and moved: what still compiles must still
    /// hold what the checker promises.
    #[test]
    fn right_programs_with_other_lines_keep_the_promises(
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let mut sources = right_programs().swap_remove(which.index(right_programs().len()));
        let mut choices = Choices::seed(seed);
        let file = usize::try_from(choices.roll(sources.len() as u64)).unwrap();
        let mut lines: Vec<&str> = sources[file].text.lines().collect();
        for _ in 0..=choices.roll(3) {
            let from = usize::try_from(choices.roll(lines.len() as u64)).unwrap();
            let to = usize::try_from(choices.roll(lines.len() as u64)).unwrap();
            match choices.roll(3) {
                0 => drop(lines.remove(from)),
                1 => lines.insert(to, lines[from]),
                _ => lines.swap(from, to),
            }
            if lines.is_empty() {
                break;
            }
        }
        sources[file].text = lines.join("\n");
        holds_if_accepted(&sources, seed);
    }

    #[test]
    fn every_call_ends_and_every_recording_is_used_once(
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let sources = right_programs().swap_remove(which.index(right_programs().len()));
        let program = compile(&sources, &Options::default()).unwrap();
        let foreseeable = sources.len() > 1;
        lead_everywhere(&program, &sources, seed, foreseeable).unwrap();
    }
}

/// Programs that nobody wrote. A quarter has to compile, or little would be tested.
#[test]
fn grown_programs_that_compile_keep_the_promises() {
    assert!(grown(0..3000) >= 750);
}

/// For whoever changes the checker.
#[test]
#[ignore = "takes minutes"]
fn very_many_grown_programs_keep_the_promises() {
    assert!(grown(0..400_000) >= 100_000);
}

/// How many of the programs that grow of these seeds compile.
fn grown(seeds: std::ops::Range<u64>) -> usize {
    let mut compiled = 0;
    for seed in seeds {
        let text = grow::grow(&mut Choices::seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let sources = one(text);
        let Ok(program) = compile(&sources, &Options::default()) else { continue };
        compiled += 1;
        for n in 0..8 {
            if let Err(what) = lead_everywhere(&program, &sources, seed * 31 + n, false) {
                panic!("seed {seed}: {what}\n{}", sources[0].text);
            }
        }
    }
    compiled
}

/// The shipped dialplans and every right program.
fn right_programs() -> Vec<Vec<Source>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialplan/right");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let texts = paths.iter().filter(|p| p.extension().is_some_and(|e| e == "dial"));
    let alone = texts.map(|path| one(fs::read_to_string(path).unwrap()).to_vec());
    std::iter::once(builtin()).chain(alone).collect()
}

/// Compiles, and if that is so, calls.
fn holds_if_accepted(sources: &[Source], seed: u64) {
    let _ = check(sources, &Options::default()).render(false);
    if let Ok(program) = compile(sources, &Options::default())
        && let Err(what) = lead_everywhere(&program, sources, seed, false)
    {
        let texts: Vec<&str> = sources.iter().map(|s| s.text.as_str()).collect();
        panic!("{what}\n{}", texts.join("\n"));
    }
}

/// Calls every number that the sources' tests call, and begins every flow that Hark begins.
fn lead_everywhere(
    program: &Arc<Program>,
    sources: &[Source],
    seed: u64,
    foreseeable: bool,
) -> Result<(), String> {
    let mut numbers: Vec<&str> = vec!["1001", "1002"];
    for text in sources.iter().flat_map(|source| source.text.split("call \"").skip(1)) {
        let number = text.split('"').next().unwrap_or("");
        if !numbers.contains(&number) && numbers.len() < 16 {
            numbers.push(number);
        }
    }
    let runs = numbers.into_iter().filter_map(|n| Run::for_call(program, context(n)).ok());
    let (alice, note) = (Value::from(UserId(1)), Value::from(message(1)));
    let begun = STARTED_BY_HARK.into_iter().filter_map(|flow| {
        let args = [vec![note.clone(), alice.clone()], vec![alice.clone()], vec![note.clone()]];
        args.into_iter().find_map(|args| Run::for_flow(program, flow, args, context("")).ok())
    });
    for run in runs.chain(begun) {
        for manner in [Manner::Any, Manner::Any, Manner::Silent] {
            let mut choices = Choices::seed(seed);
            let caller = Caller::new(&mut choices, manner);
            let caller = if foreseeable { caller.foreseeable() } else { caller };
            caller.lead(run.clone())?;
        }
    }
    Ok(())
}

#[test]
fn deep_nesting_is_told() {
    for open in ["flow f() {", "flow f() { say \"{", "flow f() { if (", "flow f() { menu {"] {
        is_survived(open.to_owned() + &"{ if (true) ".repeat(5000));
        is_survived(open.to_owned() + &"(".repeat(50_000));
        is_survived(open.to_owned() + &"not ".repeat(50_000));
        is_survived(open.to_owned() + "x" + &".x".repeat(50_000));
        is_survived(open.to_owned() + "x" + &" + x".repeat(50_000));
        is_survived(open.to_owned() + &"menu { key 1 -> ".repeat(5000));
        is_survived(open.to_owned() + &"silence 1s or hangup -> menu { ".repeat(500));
    }
}

#[test]
fn many_flows_are_no_trouble() {
    let mut text = String::new();
    for n in 0..3000 {
        text += &format!("flow f{n}() {{ say \"{n}\"; f{} }}\n", n + 1);
    }
    text += "flow f3000() { hangup }\n";
    assert!(!check(&one(text), &Options::default()).has_errors());
}

#[test]
fn a_waiting_call_is_small() {
    let program = compile(&builtin(), &Options::default()).unwrap();
    let mut run = Run::for_call(&program, context("1002")).unwrap();
    let now = Instant::ZERO;
    run.start(now);
    let mut sizes = Vec::new();
    for _ in 0..20 {
        let mut next = None;
        while let Some(effect) = run.poll_output() {
            next = match effect {
                Effect::Play { ticket, .. } => {
                    Some(Input::PlayDone { ticket, played: Duration::from_secs(1) })
                }
                Effect::Record { ticket, .. } => Some(Input::RecordDone {
                    ticket,
                    end: RecordEnd::Limit,
                    length: Duration::from_secs(59),
                }),
                _ => next,
            };
        }
        sizes.push(run.size());
        match next {
            Some(input) => run.handle_input(now, input),
            None => break,
        }
    }
    println!("bytes of a waiting call: {sizes:?}, of which the struct {}", size_of::<Run>());
    assert!(sizes.iter().all(|size| *size < 1024), "{sizes:?}");
}
