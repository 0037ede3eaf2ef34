//! The dialplans that ship, as an author's own dialplan imports them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use hark_engine::dialplan::{Options, Program, Source, builtin, check, compile, follow, run_tests};

/// An author's dialplan with all that it imports.
fn with_imports(text: &str) -> Vec<Source> {
    let own = Source { name: "mine.dial".into(), text: text.into() };
    follow(vec![own], 100, |_| None)
}

fn compiled(sources: &[Source]) -> Arc<Program> {
    let found = check(sources, &Options::default());
    assert!(found.is_empty(), "{}", found.render(false));
    compile(sources, &Options::default()).unwrap()
}

fn passes(text: &str) {
    let sources = with_imports(text);
    let report = run_tests(&compiled(&sources), &sources);
    assert!(!report.cases.is_empty());
    assert!(report.passed(), "{}", report.render(false));
}

#[test]
fn the_tests_of_what_ships_go_nearly_every_way_of_it() {
    let sources = builtin();
    let report = run_tests(&compiled(&sources), &sources);
    assert!(report.coverage.percent() >= 95, "{}", report.coverage.render());
}

/// As the server does when a dialplan is read anew.
#[test]
fn the_tests_of_each_file_pass_by_themselves() {
    let sources = builtin();
    let program = compiled(&sources);
    for source in &sources {
        let report = run_tests(&program, std::slice::from_ref(source));
        assert!(report.passed(), "{}", report.render(false));
    }
}

#[test]
fn each_file_can_be_imported_by_itself_in_every_choice_of_languages() {
    for source in builtin() {
        for languages in ["en", "de", "en, de", "de, en"] {
            let text = format!("languages {languages}\nimport \"hark/{}\"\n", source.name);
            compiled(&with_imports(&text));
        }
    }
}

#[test]
fn what_ships_is_spoken_in_the_language_of_whoever_imports_it() {
    passes(
        r##"
        languages de
        import "hark/mailbox.dial"

        route "*97" -> mailbox(caller)
        route "700" -> begruessung

        flow begruessung() {
            say "Guten Tag."
            change_language_of(caller)
        }

        flow change_language_of(who: Caller) {
            if who.user as me { change_language(me) }
        }

        test "auf Deutsch" {
            alice has new message from bob lasting 5s
            call "*97" as alice
            expect say "Sie haben eine neue Nachricht."
            expect say "Von Bob Baker, vor 5 Minuten."
        }

        test "one language only" {
            call "700" as alice
            expect say "Guten Tag."
            expect say "Es gibt keine andere Sprache."
            expect no set language
        }
        "##,
    );
}

#[test]
fn an_author_may_use_the_names_of_what_ships() {
    passes(
        r##"
        import "hark/main.dial"

        constant thinking = 2s
        hours office = sun 1:00-2:00

        route "700" -> goodbye("Bye.")
        route "701" when office -> goodbye("Never at noon.")
        route "701" -> goodbye("Closed.")

        flow goodbye(words: Text) {
            menu {
                say words
                key 1            -> hangup
                other            -> again at most 1 then hangup
                silence thinking -> hangup
            }
        }

        test "mine" {
            call "700" as alice
            expect say "Bye."
            wait 3s
            expect hangup
        }

        test "my hours" {
            call "701" as alice
            expect say "Closed."
        }

        test "what ships has its own" {
            call "1002" as alice
            speak 5s; press "#1"
            expect say "Goodbye."
            expect message to bob
        }
        "##,
    );
}
