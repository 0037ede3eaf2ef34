//! A child process that ends with its owner, and the lines that it prints.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::wait;

/// Lines kept for the message of a failing wait.
const KEPT_LINES: usize = 4000;

/// How long what a process printed may be on its way when it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A child process. Dropping it kills it by its id and reaps it.
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    /// Starts `command`, reading both of its outputs line by line.
    #[track_caller]
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{name}: can't start {:?}: {error}. `make deps-test` installs it.",
                command.get_program()
            )
        });
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        collect(child.stdout.take(), &lines);
        collect(child.stderr.take(), &lines);
        Self { name: name.to_owned(), child, lines }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input; only once.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input is taken once")
    }

    /// What it printed so far.
    pub fn output(&self) -> String {
        locked(&self.lines).iter().fold(String::new(), |all, line| all + line + "\n")
    }

    /// Waits for a line that `pick` accepts; panics when the process ends before.
    #[track_caller]
    pub fn wait_line<T>(
        &mut self,
        what: &str,
        at_most: Duration,
        pick: impl Fn(&str) -> Option<T>,
    ) -> T {
        let mut ended = None;
        let found = wait::until(&format!("{what} from {}", self.name), at_most, || {
            let gone = ended;
            ended = self.exit_status();
            match locked(&self.lines).iter().find_map(|line| pick(line)) {
                Some(found) => Some(Some(found)),
                // One more look after the end: its last lines may still be on their way.
                None => gone.map(|_| None),
            }
        });
        found.unwrap_or_else(|| {
            panic!("{} ended ({ended:?}) before {what}; it said:\n{}", self.name, self.output())
        })
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Waits until it ends by itself, and until all that it printed is read.
    #[track_caller]
    pub fn wait_exit(&mut self, at_most: Duration) -> ExitStatus {
        let what = format!("{} to end; it said:\n{}", self.name, self.output());
        let status = wait::until(&what, at_most, || self.exit_status());
        // The readers hold the lines too, until their stream has ended. Children of its own may
        // keep that open for longer.
        let readers = || Arc::strong_count(&self.lines) > 1;
        let deadline = Instant::now() + LAST_WORDS;
        while readers() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        status
    }

    /// `kill -9`, by its id.
    pub fn kill(&mut self) {
        if self.exit_status().is_none() {
            self.child.kill().expect("a child can be killed");
            self.child.wait().expect("a child can be reaped");
        }
    }

    /// Asks it to end, as systemd would (SIGTERM).
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal by its name, `HUP`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.is_ok_and(|status| status.success()), "SIG{name} to {} failed", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let output = self.output();
            let tail: Vec<_> = output.lines().rev().take(60).collect();
            eprintln!("--- {} said last:", self.name);
            tail.iter().rev().for_each(|line| eprintln!("    {line}"));
        }
    }
}

fn collect(stream: Option<impl Read + Send + 'static>, lines: &Arc<Mutex<VecDeque<String>>>) {
    let (Some(stream), lines) = (stream, Arc::clone(lines)) else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let mut kept = locked(&lines);
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
}

/// A panicking test must still be able to print what was collected.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
