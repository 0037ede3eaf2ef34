//! Many G.711 calls over loopback: what a call costs, beside a bare loop of sockets.
//!
//! `calls [--calls 100,500,1000,2000] [--seconds 10]`
//!
//! For every number of calls, once playing and once recording, two subjects are measured one
//! after the other, each in a process of its own: Hark's media plane, and a bare loop that
//! sends (or receives) the same packets and does nothing else. The peer is a third process, so
//! that its cost is not counted. CPU is that of the subject's process alone.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod generate;
mod measure;

use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a program of threads and sockets answers when it can't go on.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// 50 packets a second, as G.711 calls send them.
const TICK: Duration = Duration::from_millis(20);

/// What the calls do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Play,
    Record,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Play => "play",
            Self::Record => "record",
        }
    }

    fn parse(text: &str) -> Outcome<Self> {
        match text {
            "play" => Ok(Self::Play),
            "record" => Ok(Self::Record),
            other => Err(format!("{other} is neither play nor record").into()),
        }
    }
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", mode, calls] => generate::run(Mode::parse(mode)?, calls.parse()?),
        ["measure", subject, mode, calls, seconds] => {
            let seconds = Duration::from_secs(seconds.parse()?);
            measure::run(subject, Mode::parse(mode)?, calls.parse()?, seconds)
        }
        _ => compare(&words),
    }
}

fn compare(words: &[&str]) -> Outcome {
    let mut counts = vec![100, 500, 1000, 2000];
    let mut seconds = "10".to_owned();
    for pair in words.chunks(2) {
        match pair {
            ["--calls", list] => {
                counts = list.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            ["--seconds", number] => seconds = (*number).to_owned(),
            // What `cargo bench` adds.
            ["--bench"] => {}
            _ => return Err("usage: calls [--calls 100,500,1000,2000] [--seconds 10]".into()),
        }
    }
    println!("CPU in % of one core a call; memory is resident memory a call.\n");
    println!(
        "{:<8}{:>7}{:>12}{:>12}{:>8}{:>12}{:>13}{:>12}{:>12}",
        "mode", "calls", "hark", "bare loop", "ratio", "memory", "late frames", "packets/s", "lost"
    );
    for mode in [Mode::Play, Mode::Record] {
        for calls in &counts {
            let bare = subject("bare", mode, *calls, &seconds)?;
            let hark = subject("hark", mode, *calls, &seconds)?;
            println!(
                "{:<8}{:>7}{:>12.4}{:>12.4}{:>8.2}{:>9.1} KB{:>13}{:>12.0}{:>11.2}%",
                mode.name(),
                calls,
                hark.cpu,
                bare.cpu,
                hark.cpu / bare.cpu,
                hark.memory_kb,
                hark.late,
                hark.packets,
                hark.lost,
            );
        }
    }
    Ok(())
}

/// What was measured of one subject.
#[derive(Debug, Default)]
struct Figures {
    cpu: f64,
    memory_kb: f64,
    late: u64,
    packets: f64,
    lost: f64,
}

/// Runs a subject in its own process, with as many open files as the system lets it have.
fn subject(name: &str, mode: Mode, calls: usize, seconds: &str) -> Outcome<Figures> {
    eprint!("measuring {name}: {calls} calls that {} … ", mode.name());
    std::io::stderr().flush()?;
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -S -n "$(ulimit -H -n)"; exec "$0" "$@""#])
        .arg(std::env::current_exe()?)
        .args(["measure", name, mode.name(), &calls.to_string(), seconds])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [cpu, memory_kb, late, packets, lost] = numbers[..] else {
        return Err(format!("{name} answered {text:?}").into());
    };
    eprintln!("{cpu:.4} % of a core a call");
    Ok(Figures { cpu, memory_kb, late: late as u64, packets, lost })
}
