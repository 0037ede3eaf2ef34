//! `hark send`: a file, or what is spoken into the microphone, becomes a message.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hark_actors::clock;
use hark_actors::recording::foreign;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::client::{Client, Failed, ServerOptions};
use super::record::{Recipients, Sound, readable};
use super::table::{self, Format};
use super::{complain, say};

/// The exit code for a receipt that did not come in time.
const NOT_YET: u8 = 3;
/// How often it is asked what became of a message.
const ASKED: Duration = Duration::from_millis(500);
/// The longest list of recipients that a file may carry into an address.
const MOST_RECIPIENTS: usize = 50;

/// Send a recording.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hark send --to bob --to 1003 --file hello.wav   a file, to two people
  hark send hello.ogg                             to whom the file's own tags say
  hark send --to bob --mic                        speak now; Enter ends it
  hark send --to bob --mic --keep hello.ogg       and keep what was said
  hark send --to bob --file x.mp3 --wait heard    come back when bob has heard it

The token comes from --token-file, HARK_TOKEN, or client.toml in the folder hark of your
configuration (~/.config/hark/client.toml: server, token, token_file).

Exit code: 0 when it is a message (and has come as far as --wait says), 2 when what was given is
wrong, 3 when it is a message but has not come so far in time, 1 when something failed.")]
pub struct Send {
    /// A file to send: the same as --file.
    #[arg(value_name = "FILE", conflicts_with_all = ["file", "mic"])]
    plain: Option<PathBuf>,
    #[command(flatten)]
    recipients: Recipients,
    #[command(flatten)]
    sound: Sound,
    #[command(flatten)]
    server: ServerOptions,
    /// It goes before others.
    #[arg(long)]
    urgent: bool,
    /// Its recipients may not forward it.
    #[arg(long)]
    private: bool,
    /// Make what is sent here, and keep it in this file: compressed, with sender and recipients
    /// in it.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Come back when every recipient has come so far.
    #[arg(long, value_enum, value_name = "STEP")]
    wait: Option<Step>,
    /// How long to wait for that, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    patience: u64,
    /// Say what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Step {
    /// It can't be lost any more.
    Accepted,
    /// A device showed that it exists.
    Notified,
    /// Its audio reached a device.
    Delivered,
    /// Its recipient listened to it.
    Heard,
}

impl Step {
    const ALL: [Self; 4] = [Self::Accepted, Self::Notified, Self::Delivered, Self::Heard];

    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Notified => "notified",
            Self::Delivered => "delivered",
            Self::Heard => "heard",
        }
    }
}

impl Send {
    pub fn run(self) -> ExitCode {
        match self.sent() {
            Ok(code) => code,
            Err(failed) => failed.complain(),
        }
    }

    fn sent(mut self) -> Result<ExitCode, Failed> {
        if let Some(plain) = self.plain.take() {
            self.sound.file = Some(plain);
        }
        // Asked before anybody speaks: who can't come in need not begin.
        let client = if self.dry_run { None } else { Some(self.server.client()?) };
        let (file, _spoken) = self.recorded()?;
        let bytes = readable(&file)?;
        let Some(client) = client else { return self.dry(&file) };
        let path = self.path();
        let key = key();
        let reader = Progress::over(&file, bytes)?;
        let sent = client.post_file(&path, &key, bytes, reader)?;
        self.tell(&client, &sent)
    }

    /// The file that goes out, and what removes it again where nobody wants to keep it.
    fn recorded(&self) -> Result<(PathBuf, Option<Spoken>), Failed> {
        match (&self.keep, &self.sound.file) {
            (Some(keep), _) => {
                let kept = self.sound.keep(&self.recipients, keep)?;
                remark(&kept.told(keep));
                Ok((keep.clone(), None))
            }
            (None, Some(file)) => Ok((file.clone(), None)),
            (None, None) => {
                let spoken = Spoken::new();
                self.sound.keep(&self.recipients, &spoken.0)?;
                Ok((spoken.0.clone(), Some(spoken)))
            }
        }
    }

    fn path(&self) -> String {
        let mut query: Vec<String> =
            self.recipients.to.iter().map(|to| format!("to={}", encoded(to))).collect();
        for (name, set) in [
            ("urgent", self.urgent),
            ("private", self.private),
            ("partial", self.sound.partial || self.sound.mic),
        ] {
            if set {
                query.push(format!("{name}=true"));
            }
        }
        format!("/api/v1/messages?{}", query.join("&"))
    }

    fn dry(&self, file: &Path) -> Result<ExitCode, Failed> {
        let judged = self.sound.judged(file)?;
        let labels = foreign::labels(file).map_err(|error| Failed::undone(error.to_string()))?;
        let to = if self.recipients.to.is_empty() {
            labels.recipients
        } else {
            self.recipients.to.clone()
        };
        if to.is_empty() {
            return Err(Failed::wrong(format!(
                "{}: the file names nobody\n  mend: say to whom it goes: --to NAME",
                file.display()
            )));
        }
        let ms = judged.made.stream.length_ms();
        let to: Vec<String> =
            to.iter().take(MOST_RECIPIENTS).map(|name| table::printable(name)).collect();
        say(&format_args!(
            "{}: {}, {}.{} s, to {}; nothing was sent",
            file.display(),
            judged.container,
            ms / 1000,
            ms % 1000 / 100,
            to.join(", ")
        ));
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, client: &Client, sent: &Value) -> Result<ExitCode, Failed> {
        let id = sent["id"].as_str().unwrap_or_default().to_owned();
        if self.format == Format::Text {
            say(&format_args!("sent {id} to {}", names(sent).join(", ")));
        }
        let (mut last, mut code) = (sent.clone(), ExitCode::SUCCESS);
        if let Some(step) = self.wait {
            let (known, reached) = wait(client, &id, step, self.patience)?;
            last = known;
            let lagging = lagging(&last, step);
            if reached {
                if self.format == Format::Text {
                    say(&format_args!("{} by {}", step.name(), names(&last).join(", ")));
                }
            } else {
                let what = format!(
                    "not {} yet by {}\n  mend: it goes on by itself; the web client's Sent shows it",
                    step.name(),
                    lagging.join(", ")
                );
                code = complain(&what, ExitCode::from(NOT_YET));
            }
        }
        if self.format == Format::Json {
            table::json(&last);
        }
        Ok(code)
    }
}

/// Asks until every recipient has come as far as `step`, or the time is up.
fn wait(client: &Client, id: &str, step: Step, patience: u64) -> Result<(Value, bool), Failed> {
    let deadline = Instant::now() + Duration::from_secs(patience);
    let bar = bar(ProgressBar::new_spinner(), "{spinner} {msg}");
    bar.set_message(format!("waiting until it is {}", step.name()));
    let mut failures = 0;
    loop {
        match client.get(&format!("/api/v1/outbox/{id}")) {
            Ok(sent) if lagging(&sent, step).is_empty() => {
                bar.finish_and_clear();
                return Ok((sent, true));
            }
            Ok(sent) if Instant::now() >= deadline => {
                bar.finish_and_clear();
                return Ok((sent, false));
            }
            Ok(_) => failures = 0,
            // A server that is started anew is not the end of it.
            Err(_) if failures < 20 && Instant::now() < deadline => failures += 1,
            Err(failed) => {
                bar.finish_and_clear();
                return Err(failed);
            }
        }
        bar.tick();
        std::thread::sleep(ASKED.min(deadline.saturating_duration_since(Instant::now())));
    }
}

/// Whom a sent message went to.
fn names(sent: &Value) -> Vec<String> {
    let recipients = sent["recipients"].as_array().into_iter().flatten();
    recipients.map(|r| table::printable(r["name"].as_str().unwrap_or_default())).collect()
}

/// Who of them has not come as far as `step`.
fn lagging(sent: &Value, step: Step) -> Vec<String> {
    let recipients = sent["recipients"].as_array().into_iter().flatten();
    let reached = |recipient: &Value| {
        let steps = recipient["steps"].as_array().into_iter().flatten();
        let known = |name: &str| Step::ALL.into_iter().find(|step| step.name() == name);
        steps.filter_map(|s| known(s["step"].as_str()?)).max()
    };
    recipients
        .filter(|recipient| reached(recipient).is_none_or(|reached| reached < step))
        .map(|r| table::printable(r["name"].as_str().unwrap_or_default()))
        .collect()
}

/// A file that is only on its way: removed when the command ends.
struct Spoken(PathBuf);

impl Spoken {
    fn new() -> Self {
        let name: String = clock::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        Self(std::env::temp_dir().join(format!("hark-{name}.ogg")))
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        // What can't be removed lies in the folder for such files.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A file that shows how much of it was read.
struct Progress {
    file: File,
    bar: ProgressBar,
}

impl Progress {
    fn over(file: &Path, bytes: u64) -> Result<Self, Failed> {
        let opened = File::open(file);
        let opened = opened.map_err(|e| Failed::wrong(format!("{}: {e}", file.display())))?;
        let bar = bar(ProgressBar::new(bytes), "sending {bar:30} {bytes}/{total_bytes} {eta}");
        Ok(Self { file: opened, bar })
    }
}

impl Read for Progress {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bar.inc(read as u64);
        if read == 0 {
            self.bar.finish_and_clear();
        }
        Ok(read)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar on standard error, where that is a terminal; nothing where it is not.
pub fn bar(bar: ProgressBar, template: &str) -> ProgressBar {
    // The template stands in this file: a wrong one falls back to the plain bar.
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Says something beside the answer, on standard error.
#[allow(clippy::print_stderr, reason = "standard output is for the answer")]
fn remark(text: &str) {
    eprintln!("{text}");
}

/// A key under which sending again is no second message.
fn key() -> String {
    clock::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// For the query of an address (RFC 3986 section 2.1).
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_survive_the_address() {
        assert_eq!(encoded("sip:bob@x.org"), "sip:bob@x.org");
        assert_eq!(encoded("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }

    #[test]
    fn whoever_has_not_come_so_far_is_named() {
        let sent: Value = serde_json::from_str(
            r#"{"recipients":[
                {"name":"Bob","steps":[{"step":"accepted"},{"step":"heard"}]},
                {"name":"Carol","steps":[{"step":"accepted"}]},
                {"name":"Dora","steps":[]}]}"#,
        )
        .unwrap();
        assert_eq!(lagging(&sent, Step::Heard), ["Carol", "Dora"]);
        assert_eq!(lagging(&sent, Step::Accepted), ["Dora"]);
        assert_eq!(names(&sent), ["Bob", "Carol", "Dora"]);
    }
}
