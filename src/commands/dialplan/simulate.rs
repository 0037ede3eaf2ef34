//! `hark dialplan simulate`: a telephone for authors, in the terminal.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use hark_engine::dialplan::compile;
use hark_engine::dialplan::simulator::{Kind, Setup, Simulator, Told};

use super::super::{WRONG_INPUT, complain, print};
use super::Files;

/// How often a call is looked after while nothing is typed.
const TICK: Duration = Duration::from_millis(50);
/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// Whom to call, as whom, and how.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    #[command(flatten)]
    files: Files,
    /// The number to dial.
    #[arg(long, value_name = "NUMBER", default_value = "1002")]
    call: String,
    /// Call as one of the users that tests have: alice (1001), bob (1002), carol (1003).
    #[arg(long = "as", value_name = "USER", conflicts_with = "from")]
    user: Option<String>,
    /// Call from this number, as somebody who has no account.
    #[arg(long, value_name = "NUMBER", default_value = "+15551234")]
    from: String,
    /// The language that the user speaks.
    #[arg(long, value_name = "LANGUAGE", requires = "user")]
    language: Option<String>,
    /// Type what stands in this file, a line each.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Don't wait while something is spoken; time goes on with what is typed. So it does where a
    /// script, or no terminal, types.
    #[arg(long)]
    fast: bool,
    /// Tell each step of the dialplan.
    #[arg(long)]
    trace: bool,
    /// Append the tests of `save test NAME` to this file.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl Simulate {
    pub fn run(&self) -> ExitCode {
        let sources = match self.files.sources() {
            Ok(sources) => sources,
            Err(error) => return complain(&error, ExitCode::from(WRONG_INPUT)),
        };
        let program = match compile(&sources, &self.files.options()) {
            Ok(program) => program,
            Err(found) => {
                let color = std::io::stderr().is_terminal();
                return complain(&found.render(color), ExitCode::from(WRONG_INPUT));
            }
        };
        let setup = Setup {
            number: self.call.clone(),
            user: self.user.clone(),
            from: self.from.clone(),
            language: self.language.clone(),
        };
        let mut session = Session {
            simulator: Simulator::new(&program, setup, self.trace),
            color: stdout().is_terminal(),
            save: self.save.clone(),
            failed: false,
        };
        let started = session.simulator.start();
        if session.tell(&started) {
            return ExitCode::from(WRONG_INPUT);
        }
        let done = match &self.script {
            Some(path) => match std::fs::File::open(path) {
                Ok(file) => session.fast(&mut BufReader::new(file), true),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
            None if stdin().is_terminal() && !self.fast => session.live(),
            None => {
                let echo = !stdin().is_terminal();
                session.fast(&mut stdin().lock(), echo)
            }
        };
        match done {
            Ok(()) if session.failed => ExitCode::FAILURE,
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error, ExitCode::FAILURE),
        }
    }
}

struct Session {
    simulator: Simulator,
    color: bool,
    save: Option<PathBuf>,
    /// Something that was typed could not be done.
    failed: bool,
}

impl Session {
    /// Virtual time: everything is played out before the next line.
    fn fast(&mut self, lines: &mut impl BufRead, echo: bool) -> Result<(), String> {
        loop {
            let told = self.simulator.settle();
            self.tell(&told);
            let prompt = self.simulator.prompt();
            print(&format!("{}> ", self.painted("2", &prompt)));
            let Some(line) = read_line(lines)? else {
                print("\n");
                return Ok(());
            };
            if echo {
                print(&format!("{line}\n"));
            }
            self.enter(&line);
            if self.simulator.is_over() {
                return Ok(());
            }
        }
    }

    /// Time as it goes by, at a terminal.
    fn live(&mut self) -> Result<(), String> {
        print("Type keys, `speak 5s`, `hang up`, `state`, or `help`.\n");
        let lines = typed();
        let mut before = Instant::now();
        let mut prompted = String::new();
        loop {
            let line = lines.recv_timeout(TICK);
            let now = Instant::now();
            let told = self.simulator.advance(now.duration_since(before));
            before = now;
            self.tell(&told);
            match line {
                Ok(line) => {
                    self.enter(&line);
                    prompted.clear();
                    // What was spoken took no time here.
                    before = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if self.simulator.is_over() {
                return Ok(());
            }
            // The time that is left changes all the time; a prompt is for what does not.
            let prompt = self.simulator.prompt();
            let stays = prompt.split(';').next().unwrap_or("").to_owned();
            if stays != prompted {
                print(&format!("{}\n", self.painted("2", &prompt)));
                prompted = stays;
            }
        }
    }

    fn enter(&mut self, line: &str) {
        let told = self.simulator.enter(line);
        if self.tell(&told) {
            self.failed = true;
        }
        let test: String = told
            .iter()
            .filter(|told| told.kind == Kind::Test)
            .map(|told| format!("{}\n", told.text))
            .collect();
        if let Some(path) = self.save.as_ref().filter(|_| !test.is_empty()) {
            let mut open = OpenOptions::new();
            let file = open.create(true).append(true).open(path);
            match file.and_then(|mut file| write!(file, "\n{test}")) {
                Ok(()) => print(&format!("appended to {}\n", path.display())),
                Err(error) => {
                    self.failed = true;
                    print(&format!("{}: can't be written: {error}\n", path.display()));
                }
            }
        }
    }

    /// Whether something of it was wrong.
    fn tell(&self, told: &[Told]) -> bool {
        for line in told {
            let (colour, sign) = match line.kind {
                Kind::Heard => ("1;36", "♪ "),
                Kind::Done => ("32", "· "),
                Kind::Trace => ("2", "  "),
                Kind::Note => ("0", ""),
                Kind::Wrong => ("31", "! "),
                Kind::Test => {
                    print(&format!("{}\n", line.text));
                    continue;
                }
            };
            let text = self.painted(colour, &format!("{sign}{}", line.text));
            print(&format!("{:>7}  {text}\n", line.clock()));
        }
        told.iter().any(|line| line.kind == Kind::Wrong)
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.color { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The lines that are typed at the terminal.
fn typed() -> Receiver<String> {
    let (send, receive) = sync_channel(16);
    thread::spawn(move || {
        let mut lines = stdin().lock();
        while let Ok(Some(line)) = read_line(&mut lines) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

/// A line without its end; none at the end of the input.
fn read_line(lines: &mut impl BufRead) -> Result<Option<String>, String> {
    let mut line = String::new();
    let read = lines.by_ref().take(LONGEST_LINE).read_line(&mut line);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned())),
        Err(error) => Err(format!("what is typed can't be read: {error}")),
    }
}
