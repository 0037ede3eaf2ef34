//! What of a dialplan its tests go through, as an author is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use hark_engine::dialplan::{
    Options, Source, TestReport, builtin, compile, run_tests, run_tests_with,
};

/// Line numbers matter: the first line is the route.
const PLAN: &str = r#"route "1" -> ask(caller)
flow ask(who: Caller) {
    if who.user as me {
        say "Hello, {me.name}."
    } else {
        say "Hello, stranger."
    }
    menu {
        say "One or two?"
        key 1             -> say "One."
        key 2             -> { say "Two."; again }
        key 3 or key 4    -> say "Three or four."
        other             -> again
        silence 5s        -> say "Nothing."
        hangup            -> log "gone"
    }
    hangup
}
"#;

fn report(tests: &str) -> TestReport {
    let sources = [Source { name: "plan.dial".into(), text: format!("{PLAN}{tests}") }];
    let program =
        compile(&sources, &Options::default()).unwrap_or_else(|d| panic!("{}", d.render(false)));
    let report = run_tests(&program, &sources);
    assert!(report.passed(), "{}", report.render(false));
    report
}

#[test]
fn an_untested_else_and_untested_answers_are_named_with_their_lines() {
    let report = report(
        "test \"one\" { call \"1\" as alice; press 1; expect say \"One\"; expect hangup }\n",
    );
    let text = report.coverage.render();
    let lines: Vec<&str> = text.lines().skip(1).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "plan.dial:3: always so in every test",
            "plan.dial:6: never run",
            "plan.dial:11: an answer that no test gives",
            "plan.dial:12: an answer that no test gives",
            "plan.dial:13: an answer that no test gives",
            "plan.dial:14: an answer that no test gives",
            "plan.dial:15: an answer that no test gives",
        ]
    );
    assert!(text.starts_with("coverage: "), "{text}");
    assert!((20..80).contains(&report.coverage.percent()), "{text}");
}

#[test]
fn each_of_two_keys_that_do_the_same_counts() {
    let one = report("test \"3\" { call \"1\" as alice; press 3; expect say \"Three\" }\n");
    let both = report(
        "test \"3\" { call \"1\" as alice; press 3; expect say \"Three\" }\n\
         test \"4\" { call \"1\" as alice; press 4; expect say \"Three\" }\n",
    );
    let missed =
        |report: &TestReport| report.coverage.missed.iter().filter(|m| m.line == 12).count();
    assert_eq!((missed(&one), missed(&both)), (1, 0));
    assert_eq!(one.coverage.ways, both.coverage.ways, "ways don't depend on the tests");
}

#[test]
fn tests_of_every_way_are_a_hundred_percent() {
    let all = report(
        "test \"stranger\" { call \"1\" from \"+1555\"; press \"21\"; expect say \"stranger\"; expect say \"Two\"; expect say \"One.\" }\n\
         test \"3\" { call \"1\" as alice; press 3; expect say \"Three\" }\n\
         test \"4\" { call \"1\" as alice; press 4; expect say \"Three\" }\n\
         test \"silence\" { call \"1\" as alice; press 9; expect say \"Nothing\"; expect hangup }\n\
         test \"gone\" { call \"1\" as alice; expect say \"One or two\"; hang up }\n",
    );
    assert_eq!(all.coverage.percent(), 100, "{}", all.coverage.render());
    assert_eq!(all.coverage.render().lines().count(), 1);
}

#[test]
fn a_test_of_two_calls_counts_both() {
    let both = report(
        "test \"two\" { call \"1\" as alice; press 1; expect say \"One\"; call \"1\" from \"+1555\"; press 1; expect say \"One\" }\n",
    );
    assert!(!both.coverage.missed.iter().any(|m| m.line < 8), "{}", both.coverage.render());
}

#[test]
fn the_shipped_dialplans_are_mostly_gone_through() {
    let sources = builtin();
    let program = compile(&sources, &Options::default()).unwrap();
    let report = run_tests(&program, &sources);
    assert!(report.coverage.percent() >= 75, "{}", report.coverage.render());
}

#[test]
fn tests_are_picked_by_a_word_and_told_as_json() {
    let sources = builtin();
    let program = compile(&sources, &Options::default()).unwrap();
    let some = run_tests_with(&program, &sources, "HANGING up");
    assert!(!some.cases.is_empty() && some.cases.iter().all(|c| c.name.contains("hanging up")));
    let document: serde_json::Value = serde_json::from_str(&some.json()).unwrap();
    assert_eq!(document["passed"], some.cases.len());
    assert_eq!(document["failed"], 0);
    assert_eq!(document["cases"][0]["failure"], serde_json::Value::Null);
    assert!(document["coverage"]["missed"][0]["line"].as_u64().unwrap() > 0);
    let of_file = run_tests_with(&program, &sources, "online.dial");
    let online = sources.iter().find(|s| s.name == "online.dial").unwrap();
    assert_eq!(of_file.cases.len(), online.text.matches("\ntest \"").count());
}
