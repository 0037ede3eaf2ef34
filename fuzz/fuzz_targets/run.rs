//! Bytes grow a program and lead its callers: a program that the checker accepts ends under
//! anything that they do, each recording used exactly once.

#![no_main]

#[path = "../../engine/tests/dialplan_properties/caller.rs"]
mod caller;
#[path = "../../engine/tests/dialplan_properties/choices.rs"]
mod choices;
#[path = "../../engine/tests/dialplan_properties/grow.rs"]
mod grow;

use caller::{Caller, Manner, context};
use choices::Choices;
use hark_engine::dialplan::{Options, Run, Source, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::bytes(bytes);
    let text = grow::grow(&mut choices);
    let sources = [Source { name: "grown.dial".into(), text }];
    let Ok(program) = compile(&sources, &Options::default()) else { return };
    let Ok(run) = Run::for_call(&program, context("1002")) else { return };
    for manner in [Manner::Any, Manner::Any, Manner::Silent] {
        if let Err(what) = Caller::new(&mut choices, manner).lead(run.clone()) {
            panic!("{what}\n{}", sources[0].text);
        }
    }
});
