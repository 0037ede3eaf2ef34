//! Programs that the checker once let pass, or that went astray once they ran: each is refused
//! now, or keeps its promises.

use hark_engine::dialplan::{Options, Run, Source, check, compile};

use super::caller::{Caller, Manner, context};
use super::choices::Choices;

fn sources(text: &str) -> [Source; 1] {
    [Source { name: "test.dial".into(), text: text.into() }]
}

fn codes(text: &str) -> Vec<u16> {
    check(&sources(text), &Options::default()).iter().map(|found| found.code).collect()
}

/// Compiles, and has very different callers call 1002.
fn keeps_its_promises(text: &str) {
    let program = compile(&sources(text), &Options::default())
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    for seed in 0..300 {
        let run = Run::for_call(&program, context("1002")).unwrap();
        let mut choices = Choices::seed(seed * 77 + 1);
        let manner = if seed % 3 == 0 { Manner::Silent } else { Manner::Any };
        Caller::new(&mut choices, manner).lead(run).unwrap_or_else(|what| panic!("{what}"));
    }
}

#[test]
fn a_match_on_what_the_store_did_not_answer_takes_an_answer_nonetheless() {
    keeps_its_promises(
        r#"route "1002" -> ask(user("1002"))
        flow ask(to: User) {
            there = presence(to) else {}
            pin = has_pin(to) else {}
            m = record max 9s, stop on #, hangup keeps
            match there {
                online or away or busy -> say "There."
                on_phone or do_not_disturb or offline -> {
                    match pin {
                        true -> discard m
                        false -> discard m
                    }
                    return
                }
            }
            discard m
        }"#,
    );
}

#[test]
fn a_number_of_nobody_is_a_wrong_key_only_where_keys_were_pressed() {
    for causes in ["silence 5s or digits \"1\"", "digits \"1\" or hangup"] {
        let rest = if causes.contains("silence") { "" } else { "silence 2s -> hangup" };
        let text = format!(
            r#"route "1002" as ext -> ask(ext)
            flow ask(ext: Digits) {{
                menu {{
                    say "x"
                    {causes} -> greet(user(ext))
                    other -> again
                    {rest}
                }}
            }}
            flow greet(to: User) {{ say to.name }}"#
        );
        assert_eq!(codes(&text), [207], "{causes}");
    }
    let text = r#"route "1002" as ext -> ask(ext)
        menu ask(ext: Digits) {
            say "x"
            digits "1" or other -> greet(user(ext))
            silence 2s -> hangup
        }
        flow greet(to: User) { say to.name }"#;
    assert_eq!(codes(text), [207], "it would come back to itself for ever");
}

#[test]
fn the_recording_that_a_flow_gives_back_is_taken() {
    let ask = "flow ask() -> Recording {
        m = record max 9s, stop on #, hangup keeps
        return m
    }
    flow bye() { hangup }\n";
    assert_eq!(codes(&format!("route \"1\" -> go\n{ask} flow go() {{ ask; bye }}")), [501]);
    assert_eq!(codes(&format!("route \"1\" -> ask\nroute \"2\" -> bye\n{ask}")), [501]);
    let ring = "flow go(to: User) { ring to -> ask else say \"No.\"; bye }";
    assert_eq!(codes(&format!("route \"100x\" as e -> go(user(e))\n{ask}{ring}")), [501]);
    let begun = "route \"1\" -> bye\nflow bye() { hangup }
        flow call_to_record() -> Recording {
            m = record max 9s, stop on #, hangup keeps
            return m
        }";
    assert_eq!(codes(begun), [501]);
    keeps_its_promises(&format!(
        "route \"1002\" -> go(user(\"1002\"))\n{ask}
        flow go(to: User) {{ m = ask(); send m to to else bye }}"
    ));
}

#[test]
fn contacts_that_are_gone_are_not_in_the_list() {
    keeps_its_promises(
        r#"route "1002" -> go(user("1002"))
        flow go(to: User) {
            for each c in to.contacts {
                m = record max 9s, stop on #, hangup keeps
                match c.user.has_greeting {
                    true -> discard m
                    false -> { discard m; return }
                }
            }
        }"#,
    );
}

#[test]
fn an_allow_list_of_any_long_number_is_none() {
    for all in ["x+", "xx+", "x{4,15}", "[0-9]x+", "xxxx{2,12}"] {
        assert!(codes(&format!("allow all = \"{all}\"")).contains(&321), "{all}");
    }
    for some in ["0x+", "xxxx", "x{3,5}", "[2-9]xxxxxxxxx"] {
        assert!(!codes(&format!("allow some = \"{some}\"")).contains(&321), "{some}");
    }
}

#[test]
fn one_number_written_in_two_ways_is_routed_once() {
    let text = "route \"000\" -> f\nroute \"0{3}\" -> f\nflow f() { hangup }";
    assert_eq!(codes(text), [402]);
}
