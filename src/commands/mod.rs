//! What can be typed after `hark`.

mod calls;
mod client;
mod dialplan;
mod explain;
mod group;
mod mic;
mod operator;
mod record;
mod reload;
mod send;
mod serve;
mod table;
mod token;
mod trace;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The exit code for what the operator or the author wrote wrong.
const WRONG_INPUT: u8 = 2;

/// Hark: voice messages between phones and computers.
#[derive(Debug, Parser)]
#[command(version, about, long_about = LONG_ABOUT, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG_ABOUT: &str = "Hark: voice messages between phones and computers.\n\n\
    Speak a message from any phone or browser, and it finds its recipient on the phone or the \
    computer that the recipient's own profile chooses; the sender sees that it arrived.";

const EXAMPLES: &str = "Examples:\n  \
    hark serve                       serve the demo on this machine, state in ./data\n  \
    hark serve --config hark.toml    serve what the file says\n  \
    hark reload --config hark.toml   put changed .dial files in force while calls are up\n  \
    hark trace                       list the last calls; `hark trace ID` shows one\n  \
    hark dialplan check dialplans    look for mistakes in a folder of .dial files\n  \
    hark dialplan test dialplans     run the tests that stand in them\n  \
    hark dialplan simulate           call it from the terminal\n  \
    hark dialplan graph -o plan.svg  draw a picture of it\n  \
    hark dialplan fmt dialplans      bring them into the one style\n  \
    hark explain D0301               why a mistake is one, with an example\n  \
    hark user add dora --extension 1004 --display-name Dora\n  \
    hark token create --user dora --name doorbell --scope messages:send\n  \
    hark send --to bob --file hello.wav   send a recording, with a token\n  \
    hark record --to bob --mic -o x.ogg   speak into a file; `hark send x.ogg` sends it\n\n\
    What is logged is chosen by HARK_LOG, e.g. HARK_LOG=debug or HARK_LOG=hark_actors::sip=debug.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve phones and browsers until stopped (Ctrl-C or SIGTERM).
    Serve(serve::Serve),
    /// Let the running server read its dialplan anew; one that is wrong changes nothing.
    Reload(reload::Reload),
    /// List the calls that are up.
    Calls(calls::Calls),
    /// Show what a past call went through, line by line.
    Trace(trace::Trace),
    /// Look after the .dial files that say what phones hear.
    #[command(subcommand)]
    Dialplan(dialplan::Dialplan),
    /// Explain the code of a mistake in a .dial file, with an example.
    Explain(explain::Explain),
    /// Look after the users.
    #[command(subcommand)]
    User(user::User),
    /// Look after the tokens with which applications and `hark send` come in.
    #[command(subcommand)]
    Token(token::Token),
    /// Send a recording: a file, or what is spoken into the microphone.
    Send(send::Send),
    /// Make a file that says to whom it goes, to be sent later.
    Record(record::Record),
    /// Look after groups of users.
    #[command(subcommand)]
    Group(group::Group),
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file. Without it every key has its default: the demo on loopback.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn read(&self) -> Result<hark_actors::config::Config, ExitCode> {
        match &self.config {
            None => Ok(hark_actors::config::Config::default()),
            Some(path) => hark_actors::config::Config::read(path)
                .map_err(|error| complain(&error, ExitCode::from(WRONG_INPUT))),
        }
    }
}

/// Runs what was typed.
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Reload(reload) => reload.run(),
        Command::Calls(calls) => calls.run(),
        Command::Trace(trace) => trace.run(),
        Command::Dialplan(dialplan) => dialplan.run(),
        Command::Explain(explain) => explain.run(),
        Command::User(user) => user.run(),
        Command::Token(token) => token.run(),
        Command::Send(send) => send.run(),
        Command::Record(record) => record.run(),
        Command::Group(group) => group.run(),
    }
}

/// Says on standard error what went wrong.
#[allow(clippy::print_stderr, reason = "a command's errors belong there")]
fn complain(error: &dyn std::fmt::Display, code: ExitCode) -> ExitCode {
    eprintln!("hark: {error}");
    code
}

/// Says something on standard output.
#[allow(clippy::print_stdout, reason = "a command's answer belongs there")]
fn say(text: &dyn std::fmt::Display) {
    println!("{text}");
}

/// Writes a text to standard output as it is.
fn print(text: &str) {
    use std::io::Write;
    // Whoever closed the other end has read enough.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// A runtime for commands that talk to sockets or the store.
fn runtime() -> Result<tokio::runtime::Runtime, ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| complain(&error, ExitCode::FAILURE))
}
