//! Any text: laying it out changes nothing of what it means, and doing so twice changes nothing
//! more.

#![no_main]

use hark_engine::dialplan::{Options, Source, check, format};
use libfuzzer_sys::fuzz_target;

fn source(text: String) -> Source {
    Source { name: "fuzz.dial".into(), text }
}

fn codes(source: &Source) -> Vec<u16> {
    check(std::slice::from_ref(source), &Options::default()).iter().map(|d| d.code).collect()
}

fuzz_target!(|text: &str| {
    let before = source(text.to_owned());
    let Ok(laid_out) = format(&before) else { return };
    let after = source(laid_out);
    assert_eq!(codes(&before), codes(&after), "another meaning");
    assert_eq!(format(&after).ok().as_ref(), Some(&after.text), "not settled");
});
