//! The text telephone: what an author types and is told, and that what is saved passes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use hark_engine::dialplan::simulator::{Kind, Setup, Simulator, Told};
use hark_engine::dialplan::{Options, Program, Source, builtin, compile, run_tests};
use proptest::prelude::*;

fn call(number: &str, user: Option<&str>) -> (Arc<Program>, Simulator) {
    let program = compile(&builtin(), &Options::default()).unwrap();
    let setup = Setup {
        number: number.into(),
        user: user.map(str::to_owned),
        from: "+15551234".into(),
        language: None,
    };
    let simulator = Simulator::new(&program, setup, false);
    (program, simulator)
}

/// Types each line when the call waits for the caller; what was told.
fn play(simulator: &mut Simulator, lines: &[&str]) -> Vec<Told> {
    let mut told = simulator.start();
    for line in lines {
        told.extend(simulator.settle());
        told.extend(simulator.enter(line));
    }
    told.extend(simulator.settle());
    told
}

fn texts(told: &[Told], kind: Kind) -> Vec<&str> {
    told.iter().filter(|line| line.kind == kind).map(|line| line.text.as_str()).collect()
}

fn test_of(told: &[Told]) -> String {
    texts(told, Kind::Test).join("\n") + "\n"
}

/// The shipped dialplan with a test more; whether that test passes.
fn passes(test: &str) -> Result<(), String> {
    let mut sources = builtin();
    sources.push(Source { name: "saved.dial".into(), text: test.into() });
    let program = compile(&sources, &Options::default()).map_err(|d| d.render(false))?;
    let report = run_tests(&program, &sources);
    let saved = report.cases.iter().filter(|case| case.file == "saved.dial").count();
    if saved != 1 || !report.passed() {
        return Err(format!("{test}\n{}", report.render(false)));
    }
    Ok(())
}

#[test]
fn a_message_is_left_and_the_session_saved_as_a_test() {
    let (_, mut simulator) = call("1002", None);
    let told = play(&mut simulator, &["speak 5s", "#", "2", "1", "save test \"left by key\""]);
    assert!(texts(&told, Kind::Heard).iter().any(|t| t.contains("leave a message for Bob Baker")));
    assert!(texts(&told, Kind::Heard).contains(&"[the recording]"));
    assert!(texts(&told, Kind::Done).iter().any(|t| t.contains("sent to bob with receipt")));
    assert_eq!(texts(&told, Kind::Wrong), Vec::<&str>::new());
    assert!(simulator.call_is_over());
    insta::assert_snapshot!(test_of(&told), @r##"
    test "left by key" {
        call "1002" from "+15551234"
        expect say "Please leave a message for Bob Baker after the tone."
        expect beep
        speak 5s
        press "#"
        expect say "To send your message, press 1. To listen to it, press 2. To record it"
        expect say "To mark it urgent, press 5."
        expect say "To mark it private, press 6."
        expect say "To have it delivered later, press 7."
        press 2
        expect play recording
        expect say "To send your message, press 1. To listen to it, press 2. To record it"
        expect say "To mark it urgent, press 5."
        expect say "To mark it private, press 6."
        expect say "To have it delivered later, press 7."
        press 1
        expect message to bob lasting 5s with receipt
        expect say "Your message was sent."
        expect say "Goodbye."
        expect hangup
    }
    "##);
    passes(&test_of(&told)).unwrap();
}

#[test]
fn the_prompt_tells_the_keys_and_the_time_that_is_left() {
    let (_, mut simulator) = call("1002", None);
    play(&mut simulator, &["speak 5s", "#"]);
    let prompt = simulator.prompt();
    assert!(prompt.starts_with("review deposit.dial:"), "{prompt}");
    assert!(prompt.ends_with("asks for 1 2 3 4 5 6 7 *; silence in 8.0s"), "{prompt}");
    let state = simulator.enter("state");
    assert!(texts(&state, Kind::Note).iter().any(|t| t.trim() == "to = [bob]"), "{state:?}");
    assert!(texts(&state, Kind::Note).iter().any(|t| t.contains("message = a recording of 5.0s")));
}

#[test]
fn a_key_does_not_cut_short_what_is_said_because_of_it() {
    let (_, mut simulator) = call("1002", None);
    let told = play(&mut simulator, &["speak 5s", "#", "8"]);
    let at = |words: &str| {
        told.iter().rfind(|line| line.kind == Kind::Heard && line.text.contains(words)).unwrap().at
    };
    let said = at("To send") - at("not an option");
    assert!(said.as_millis() > 1000, "all of it was said in {said:?}");
    assert!(simulator.prompt().ends_with("silence in 8.0s"), "{}", simulator.prompt());
}

#[test]
fn back_takes_one_input_back() {
    let (_, mut simulator) = call("1002", None);
    play(&mut simulator, &["speak 5s", "#", "*"]);
    assert!(simulator.call_is_over());
    let told = simulator.enter("back");
    assert!(!simulator.call_is_over());
    assert_eq!(texts(&told, Kind::Note)[0], "taken back");
    let told = play_on(&mut simulator, &["1"]);
    assert!(texts(&told, Kind::Done).iter().any(|t| t.contains("sent to bob")));
    for _ in 0..3 {
        simulator.enter("back");
    }
    simulator.enter("back");
    let told = simulator.enter("back");
    assert_eq!(texts(&told, Kind::Wrong), ["there is nothing to take back"]);
}

fn play_on(simulator: &mut Simulator, lines: &[&str]) -> Vec<Told> {
    let mut told = Vec::new();
    for line in lines {
        told.extend(simulator.enter(line));
        told.extend(simulator.settle());
    }
    told
}

#[test]
fn what_is_said_of_the_site_holds_for_the_next_call() {
    let (_, mut simulator) = call("*97", Some("alice"));
    play(&mut simulator, &["alice has new message from bob lasting 5s"]);
    let told = play_on(&mut simulator, &["restart", "3", "save test deleted"]);
    assert!(texts(&told, Kind::Heard).iter().any(|t| t.contains("You have 1 new message.")));
    assert!(texts(&told, Kind::Done).contains(&"message deleted for alice"));
    passes(&test_of(&told)).unwrap();
}

#[test]
fn what_can_not_be_done_is_told_and_changes_nothing() {
    let (_, mut simulator) = call("1002", None);
    play(&mut simulator, &["speak 5s", "#"]);
    let prompt = simulator.prompt();
    for wrong in ["dance", "speak", "speak 5s", "dora is online", "expect say \"no such words\""] {
        let told = simulator.enter(wrong);
        assert_eq!(texts(&told, Kind::Wrong).len(), 1, "{wrong}: {told:?}");
        assert_eq!(simulator.prompt(), prompt, "{wrong}");
    }
}

#[test]
fn a_number_without_a_route_is_told() {
    let (_, mut simulator) = call("777", None);
    let told = play(&mut simulator, &["save test nowhere"]);
    assert_eq!(texts(&told, Kind::Done), ["no route leads anywhere for this number"]);
    passes(&test_of(&told)).unwrap();
}

#[test]
fn silence_and_a_hang_up_are_saved_too() {
    let (_, mut simulator) = call("1002", None);
    let told = play(&mut simulator, &["speak 3s", "wait 20s", "save test silent"]);
    passes(&test_of(&told)).unwrap();
    let (_, mut simulator) = call("1002", Some("carol"));
    let told = play(&mut simulator, &["speak 3s", "hang up", "save test gone"]);
    assert!(texts(&told, Kind::Done).iter().any(|t| t.contains("sent to bob")), "{told:?}");
    passes(&test_of(&told)).unwrap();
}

#[test]
fn a_trace_tells_each_step_with_its_line() {
    let program = compile(&builtin(), &Options::default()).unwrap();
    let setup = Setup {
        number: "*98".into(),
        user: Some("alice".into()),
        from: String::new(),
        language: None,
    };
    let mut simulator = Simulator::new(&program, setup, true);
    let told = play(&mut simulator, &[]);
    assert!(texts(&told, Kind::Trace).iter().any(|t| t.starts_with("online.dial:")), "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_done_can_be_saved_and_passes(
        number in prop::sample::select(vec!["1002", "1003", "*97", "*98", "5"]),
        user in prop::sample::select(vec![None, Some("alice")]),
        settles in any::<bool>(),
        lines in prop::collection::vec(prop::sample::select(vec![
            "1", "2", "3", "*", "#", "9", "speak 2s", "wait 3s", "wait 12s", "back", "restart",
            "alice has new message from bob lasting 5s", "bob is online", "store fails", "state",
            "bob has greeting", "hang up", "store works", "12#", "nonsense",
        ]), 0..12),
    ) {
        let (_, mut simulator) = call(number, user);
        simulator.start();
        for line in &lines {
            if settles {
                simulator.settle();
            }
            simulator.enter(line);
            simulator.prompt();
        }
        simulator.settle();
        let told = simulator.enter("save test \"any \\\"one\\\"\"");
        prop_assert_eq!(texts(&told, Kind::Wrong), Vec::<&str>::new());
        prop_assert_eq!(passes(&test_of(&told)), Ok(()));
    }
}
