//! Messages from the commit on: what it costs to make one exist, to tell of it, and to go on with
//! those that were not delivered when the server ended.
//!
//! `store [commits] [popups [SESSIONS]] [presence] [resume [MESSAGES]]`; all of them if none is
//! named. Each table has its yardstick beside it, measured in the same run on the same disk.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod commits;
mod resume;
mod sessions;
mod world;

use std::error::Error;

/// What a benchmark answers when it can't go on.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [word, address, file] = &arguments[..]
        && word == "client"
    {
        return runtime.block_on(sessions::client(address, file));
    }
    let mut words = arguments.iter().map(String::as_str).peekable();
    if words.peek().is_none() {
        runtime.block_on(commits::run())?;
        runtime.block_on(sessions::popups(10_000))?;
        runtime.block_on(sessions::presence(1_000))?;
        return runtime.block_on(resume::run(100_000));
    }
    while let Some(word) = words.next() {
        let mut number = |usual: usize| match words.peek().and_then(|word| word.parse().ok()) {
            Some(number) => {
                words.next();
                number
            }
            None => usual,
        };
        match word {
            "commits" => runtime.block_on(commits::run())?,
            "popups" => runtime.block_on(sessions::popups(number(10_000)))?,
            "presence" => runtime.block_on(sessions::presence(number(1_000)))?,
            "resume" => runtime.block_on(resume::run(number(100_000)))?,
            other => return Err(format!("{other} is no benchmark").into()),
        }
    }
    Ok(())
}
