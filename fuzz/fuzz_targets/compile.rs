//! Any text: it compiles, or it is told what is wrong with it, at once and without a panic. What
//! compiles keeps its promises.

#![no_main]

#[path = "../../engine/tests/dialplan_properties/caller.rs"]
mod caller;
#[path = "../../engine/tests/dialplan_properties/choices.rs"]
mod choices;

use caller::{Caller, Manner, context};
use choices::Choices;
use hark_engine::dialplan::{Options, Run, Source, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let sources = [Source { name: "fuzz.dial".into(), text: text.into() }];
    match compile(&sources, &Options::default()) {
        Err(found) => drop((found.render(false), found.to_string())),
        Ok(program) => {
            for number in ["1001", "1002", "*97", "0"] {
                let Ok(run) = Run::for_call(&program, context(number)) else { continue };
                for manner in [Manner::Any, Manner::Silent] {
                    let mut choices = Choices::bytes(text.as_bytes());
                    if let Err(what) = Caller::new(&mut choices, manner).lead(run.clone()) {
                        panic!("{what}");
                    }
                }
            }
        }
    }
});
