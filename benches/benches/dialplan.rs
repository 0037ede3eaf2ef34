//! The dialplan language: compiling, a step of a run, and the size of a call that waits.

use std::fmt::Write as _;
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use hark_engine::dialplan::effect::{Answer, Effect, Input};
use hark_engine::dialplan::{
    CallContext, CallerInfo, Options, Program, Run, Source, builtin, compile, follow,
};
use hark_engine::directory::{Directory, User};
use hark_engine::id::UserId;
use hark_engine::key::Key;
use hark_engine::presence::Presence;
use hark_engine::time::{Instant, UnixMillis};

#[allow(clippy::print_stdout, reason = "a benchmark's answer belongs there")]
fn main() {
    let run = waiting(&shipped());
    println!("a call that waits in the review menu holds {} bytes of dialplan state", run.size());
    println!("a turn is {} steps", take_turn(&mut run.clone(), Instant::ZERO));
    divan::main();
}

fn shipped() -> Option<Arc<Program>> {
    compile(&builtin(), &Options::default()).ok()
}

/// A plan of ten thousand lines: the shipped one, and many menus.
fn large() -> Vec<Source> {
    let mut text = String::from("languages en\nimport \"hark/main.dial\"\n");
    for n in 0..1250 {
        // Writing to a String can't fail.
        let _ = write!(
            text,
            "\nmenu desk_{n} {{\n    say \"This is desk {n}. Press 1 to hear that again.\"\n    \
             key 1 -> again\n    key 2 -> hangup\n    silence 5s -> again at most 2 then hangup\n    \
             other -> again at most 2 then hangup\n}}\nroute \"5{n:04}\" -> desk_{n}\n"
        );
    }
    follow(vec![Source { name: "desks.dial".into(), text }], usize::MAX, |_| None)
}

/// Compiling what ships.
#[divan::bench]
fn compile_shipped(bencher: Bencher) {
    let sources = builtin();
    bencher.bench_local(|| compile(black_box(&sources), &Options::default()).is_ok());
}

/// Compiling ten thousand lines.
#[divan::bench(sample_count = 20)]
fn compile_ten_thousand_lines(bencher: Bencher) {
    let sources = large();
    bencher.bench_local(|| compile(black_box(&sources), &Options::default()).is_ok());
}

/// A turn: a wrong key in the review menu, and every sound that answers it, until it waits again.
/// Each input is a step; the throughput counts them.
#[divan::bench]
fn turn(bencher: Bencher) {
    let mut run = waiting(&shipped());
    let mut now = Instant::ZERO;
    let steps = take_turn(&mut run.clone(), now);
    bencher.counter(ItemsCount::new(steps)).bench_local(|| {
        now += std::time::Duration::from_millis(1);
        black_box(take_turn(&mut run, now));
        if run.is_finished() {
            run = waiting(&shipped());
        }
        black_box(run.next_deadline())
    });
}

/// How many inputs it took.
fn take_turn(run: &mut Run, now: Instant) -> usize {
    let mut steps = 0;
    if let Some(key) = Key::from_event(9) {
        run.handle_input(now, Input::Key(key));
        steps += 1;
    }
    while let Some(effect) = run.poll_output() {
        if let Effect::Play { ticket, .. } = effect {
            let played = std::time::Duration::ZERO;
            run.handle_input(now, Input::PlayDone { ticket, played });
            steps += 1;
        }
    }
    steps
}

/// The yardstick of a turn: cloning the same run.
#[divan::bench]
fn clone_a_run(bencher: Bencher) {
    let run = waiting(&shipped());
    bencher.bench_local(|| black_box(run.clone()));
}

/// A deposit that waits for the caller's answer.
#[allow(clippy::expect_used, reason = "a benchmark of what does not compile is none")]
fn waiting(program: &Option<Arc<Program>>) -> Run {
    let program = program.as_ref().expect("the shipped dialplan compiles");
    let bob = User {
        id: UserId(2),
        name: "bob".into(),
        display_name: "Bob".into(),
        extension: "1002".into(),
        message_limit_secs: 59,
        language: "en".into(),
        contacts: Vec::new(),
        greetings: hark_engine::directory::Greetings::default(),
        has_spoken_name: false,
        mailbox_full: false,
    };
    let context = CallContext {
        directory: Arc::new(Directory::new("a site", vec![bob])),
        caller: CallerInfo { user: None, number: "5551234".into(), name: "Somebody".into() },
        dialled: "1002".into(),
        domain: "localhost".into(),
        trunk: None,
        language: "en".into(),
        at: UnixMillis(0),
    };
    let mut run = Run::for_call(program, context).expect("1002 has a route");
    let mut now = Instant::ZERO;
    run.start(now);
    for _ in 0..16 {
        now += std::time::Duration::from_secs(1);
        match run.poll_output() {
            Some(Effect::Play { ticket, .. }) => {
                let played = std::time::Duration::from_secs(1);
                run.handle_input(now, Input::PlayDone { ticket, played });
            }
            Some(Effect::Query(ticket, _)) => {
                let presence = Ok(Answer::Presence(Presence::Offline));
                run.handle_input(now, Input::Answered(ticket, presence));
            }
            Some(Effect::Record { ticket, .. }) => {
                let end = hark_engine::dialplan::effect::RecordEnd::Key(Key::POUND);
                let length = std::time::Duration::from_secs(5);
                run.handle_input(now, Input::RecordDone { ticket, end, length });
            }
            Some(_) => {}
            None => break,
        }
    }
    run
}
