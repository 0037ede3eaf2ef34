//! What a run asks of its driver, effect by effect.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use hark_engine::dialplan::effect::{
    Action, Answer, Delivery, Effect, Finish, HangupCause, HangupOutcome, Input, Query, RecordEnd,
    RecordingId, Sound, Ticket,
};
use hark_engine::dialplan::{
    CallContext, CallerInfo, NoRoute, Options, Program, Run, Source, StartError, Value, builtin,
    compile,
};
use hark_engine::directory::{Directory, User};
use hark_engine::id::UserId;
use hark_engine::key::{Key, KeySet};
use hark_engine::presence::Presence;
use hark_engine::time::{Instant, UnixMillis};

fn program(text: &str) -> Arc<Program> {
    let options = Options { test_instructions: true, ..Options::default() };
    let sources = [Source { name: "test.dial".into(), text: text.into() }];
    compile(&sources, &options).unwrap_or_else(|found| panic!("{}", found.render(false)))
}

fn context(dialled: &str) -> CallContext {
    let bob = User {
        id: UserId(2),
        name: "bob".into(),
        display_name: "Bob Baker".into(),
        extension: "1002".into(),
        message_limit_secs: 59,
        language: "en".into(),
        contacts: Vec::new(),
        greetings: hark_engine::directory::Greetings::default(),
        has_spoken_name: false,
        mailbox_full: false,
    };
    CallContext {
        directory: Arc::new(Directory::new("Hark", vec![bob])),
        caller: CallerInfo::default(),
        dialled: dialled.into(),
        domain: "localhost".into(),
        trunk: None,
        language: "en".into(),
        at: UnixMillis(0),
    }
}

fn effects(run: &mut Run) -> Vec<Effect> {
    std::iter::from_fn(|| run.poll_output()).collect()
}

fn speech(text: &str) -> Sound {
    Sound::Speech { language: "en".into(), text: text.into(), file: None }
}

fn key(c: char) -> Input {
    Input::Key(Key::from_char(c).unwrap())
}

fn played(ticket: u32) -> Input {
    Input::PlayDone { ticket: Ticket(ticket), played: Duration::from_secs(1) }
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

#[test]
fn a_deposit_effect_by_effect() {
    let program = compile(&builtin(), &Options::default()).unwrap();
    let mut run = Run::for_call(&program, context("1002")).unwrap();
    assert_eq!(run.next_deadline(), Some(Instant::ZERO), "a new run wants to begin at once");
    run.handle_timeout(at(0));
    // How present bob is decides which greeting is played.
    let asked = Effect::Query(Ticket(1), Query::Presence(UserId(2)));
    assert_eq!(effects(&mut run), [asked]);
    let offline = Ok(Answer::Presence(Presence::Offline));
    run.handle_input(at(0), Input::Answered(Ticket(1), offline));
    let sounds = vec![speech("Please leave a message for Bob Baker after the tone.")];
    let play = Effect::Play { ticket: Ticket(2), sounds, stop_on: KeySet::ALL };
    assert_eq!(effects(&mut run), [Effect::Answer, play]);
    run.handle_input(at(3), played(2));
    let beep =
        Effect::Play { ticket: Ticket(3), sounds: vec![Sound::Beep], stop_on: KeySet::EMPTY };
    assert_eq!(effects(&mut run), [beep]);
    run.handle_input(at(4), played(3));
    let delivery = Delivery { to: vec![UserId(2)], receipt: true, ..Delivery::default() };
    let record = Effect::Record {
        ticket: Ticket(4),
        recording: RecordingId(0),
        max: Duration::from_secs(59),
        stop_on: KeySet::EMPTY.with(Key::POUND),
        silence: Some(Duration::from_secs(4)),
        on_hangup: HangupOutcome::Send(delivery.clone()),
        join: None,
    };
    assert_eq!(effects(&mut run), [record]);
    assert_eq!(run.hangup_outcome(), Some(HangupOutcome::Send(delivery.clone())));
    // The driver says that the media ended, then that the caller is gone.
    let (end, length) = (RecordEnd::Hangup, Duration::from_secs(5));
    run.handle_input(at(9), Input::RecordDone { ticket: Ticket(4), end, length });
    run.handle_input(at(9), Input::Hangup);
    let send = Effect::Send { ticket: Ticket(5), recording: RecordingId(0), delivery };
    assert_eq!(effects(&mut run), [send]);
    assert!(!run.is_finished(), "a run waits for the commit, though the caller is gone");
    run.handle_input(at(9), Input::Done(Ticket(5), Ok(())));
    assert_eq!(effects(&mut run), [Effect::Finished(Finish::CallerGone, HangupCause::Normal)]);
    run.handle_input(at(9), Input::Hangup);
    run.handle_timeout(at(99));
    assert_eq!(effects(&mut run), []);
    assert_eq!(run.next_deadline(), None);
}

#[test]
fn a_key_in_a_prompt_is_the_menus_answer_once_the_prompt_is_over() {
    let program = program(
        "route \"1\" -> ask
         menu ask {
             say \"Press 1.\"
             say \"Or wait.\"
             key 1      -> { say \"One.\" }
             other      -> again
             silence 5s -> hangup
         }",
    );
    let mut run = Run::for_call(&program, context("1")).unwrap();
    run.start(at(0));
    assert_eq!(effects(&mut run).len(), 2);
    run.handle_input(at(1), key('1'));
    assert_eq!(effects(&mut run), [], "the driver stops the prompt by itself");
    run.handle_input(at(1), played(1));
    let play =
        Effect::Play { ticket: Ticket(2), sounds: vec![speech("One.")], stop_on: KeySet::ALL };
    assert_eq!(effects(&mut run), [play], "the second prompt is not begun");
    run.handle_input(at(2), played(2));
    assert_eq!(effects(&mut run), [Effect::Finished(Finish::Completed, HangupCause::Normal)]);
}

#[test]
fn silence_is_counted_from_the_end_of_the_prompt() {
    let program = program(
        "route \"1\" -> ask
         menu ask {
             say \"Press 1.\"
             key 1      -> hangup
             other      -> again
             silence 5s -> again at most 1 then hangup
         }",
    );
    let mut run = Run::for_call(&program, context("1")).unwrap();
    run.start(at(0));
    assert_eq!(run.next_deadline(), None);
    run.handle_input(at(7), played(1));
    assert_eq!(run.next_deadline(), Some(at(12)));
    run.handle_timeout(at(11));
    assert_eq!(effects(&mut run).len(), 2, "too early");
    run.handle_timeout(at(12));
    assert_eq!(effects(&mut run).len(), 1, "asked again");
    run.handle_input(at(13), played(2));
    run.handle_timeout(at(18));
    assert_eq!(effects(&mut run), [Effect::Finished(Finish::Completed, HangupCause::Normal)]);
}

#[test]
fn answers_of_another_ticket_are_nothing() {
    let program = program("route \"1\" -> f\nflow f() { say \"One.\"; say \"Two.\" }");
    let mut run = Run::for_call(&program, context("1")).unwrap();
    run.start(at(0));
    effects(&mut run);
    run.handle_input(at(1), played(7));
    run.handle_input(at(1), Input::Done(Ticket(1), Ok(())));
    assert_eq!(effects(&mut run), []);
}

#[test]
fn the_planted_panic_compiles_for_tests_only() {
    let text = "route \"1\" -> f\nflow f() { say \"One.\"; panic }";
    let mut run = Run::for_call(&program(text), context("1")).unwrap();
    run.start(at(0));
    effects(&mut run);
    run.handle_input(at(1), played(1));
    assert_eq!(effects(&mut run)[0], Effect::Panic);
    let sources = [Source { name: "test.dial".into(), text: text.into() }];
    assert!(compile(&sources, &Options::default()).is_err());
}

#[test]
fn what_has_no_route_is_not_answered() {
    let program = compile(&builtin(), &Options::default()).unwrap();
    for number in ["1999", "", "*95", "sip:bob", "10021"] {
        assert_eq!(Run::for_call(&program, context(number)).err(), Some(NoRoute), "{number}");
    }
}

#[test]
fn a_flow_is_started_with_what_it_takes() {
    let program = compile(&builtin(), &Options::default()).unwrap();
    let wrong = Run::for_flow(&program, "deliver", vec![Value::User(UserId(2))], context(""));
    let wanted = "a Message, a User".to_owned();
    let error = StartError::WrongArguments { flow: "deliver".into(), wanted };
    assert_eq!(wrong.err(), Some(error));
    let none = Run::for_flow(&program, "dance", Vec::new(), context(""));
    assert_eq!(none.err(), Some(StartError::NoSuchFlow("dance".into())));
}

#[test]
fn a_missing_prompt_is_told_with_the_nearest() {
    let prompts = Some(vec![("en".to_owned(), "welcome".to_owned())]);
    let options = Options { prompts, ..Options::default() };
    let text = "flow f() { play prompt \"welcom\" }".to_owned();
    let found = compile(&[Source { name: "test.dial".into(), text }], &options).unwrap_err();
    assert!(found.to_string().contains("test.dial:1:24: error D0108"), "{found}");
    assert!(found.render(false).contains("did you mean `welcome`?"));
}

const TELLS_RECEIPTS: &str = "
    route \"1\" -> tell
    flow tell() {
        if user(\"1002\") as me {
            say \"Two of your messages were heard.\"
            told me
        }
    }";

#[test]
fn receipts_that_were_said_are_told() {
    let mut run = Run::for_call(&program(TELLS_RECEIPTS), context("1")).unwrap();
    run.handle_timeout(at(0));
    run.handle_input(at(3), played(1));
    let told = Effect::Act(Ticket(2), Action::ReceiptsTold(UserId(2)));
    assert!(effects(&mut run).contains(&told));
}

#[test]
fn receipts_that_were_hung_up_on_are_told_another_time() {
    let mut run = Run::for_call(&program(TELLS_RECEIPTS), context("1")).unwrap();
    run.handle_timeout(at(0));
    run.handle_input(at(1), Input::Hangup);
    let effects = effects(&mut run);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Act(..))), "{effects:?}");
    assert!(run.is_finished());
}
