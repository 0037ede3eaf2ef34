//! `hark record`: a recording becomes a file that carries its sender, its recipients and its time,
//! on this machine and without a server. `hark send FILE` delivers it, whoever runs that.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hark_actors::clock;
use hark_actors::recording::{ForeignLimits, Tags, foreign, ogg_opus};
use hark_engine::id::MessageId;

use super::client::Failed;
use super::{mic, say};

/// The longest recording that a limit may allow, in seconds.
const LONGEST: u32 = 3_600;

/// Make a file that says to whom it goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is Ogg Opus: any player plays it, and `hark send FILE` delivers it to whom it names.

Exit code: 0 when the file is written, 2 when what was given is wrong, 1 when something failed.")]
pub struct Record {
    #[command(flatten)]
    recipients: Recipients,
    #[command(flatten)]
    sound: Sound,
    /// The file that is written. One that exists is not overwritten.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// To whom, and from whom, as the file's tags say it.
#[derive(Clone, Debug, clap::Args)]
pub struct Recipients {
    /// A recipient: a user's name, extension or SIP address. May be repeated.
    #[arg(long, value_name = "WHOM", value_delimiter = ',')]
    pub to: Vec<String>,
    /// Who speaks, as the file shows it. Left out: the name on this machine.
    #[arg(long, value_name = "NAME")]
    pub from: Option<String>,
}

/// What is recorded.
#[derive(Clone, Debug, clap::Args)]
pub struct Sound {
    /// A recording: WAV, Ogg, WebM, MP4, MP3 or AAC.
    #[arg(long, value_name = "FILE", conflicts_with = "mic")]
    pub file: Option<PathBuf>,
    /// Speak into the microphone of this machine; Enter or the limit ends it.
    #[arg(long)]
    pub mic: bool,
    /// The longest recording, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 59,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST)))]
    pub limit: u32,
    /// Take a file that breaks off as far as it goes.
    #[arg(long)]
    pub partial: bool,
}

impl Record {
    pub fn run(self) -> ExitCode {
        match self.sound.keep(&self.recipients, &self.output) {
            Ok(kept) => {
                say(&kept.told(&self.output));
                ExitCode::SUCCESS
            }
            Err(failed) => failed.complain(),
        }
    }
}

/// A file that was made.
pub struct Kept {
    /// How long it is, in milliseconds.
    pub ms: u32,
    /// How large it is.
    pub bytes: u64,
}

impl Kept {
    /// What is said of it.
    pub fn told(&self, file: &Path) -> String {
        let (seconds, tenths) = (self.ms / 1000, self.ms % 1000 / 100);
        format!("{}: {seconds}.{tenths} s, {} KB", file.display(), self.bytes.div_ceil(1000))
    }
}

impl Recipients {
    /// The tags of a file that is made now.
    fn tags(&self) -> Tags {
        let at = clock::wall();
        let name = self.from.clone().or_else(|| std::env::var("USER").ok());
        let sender = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".into());
        Tags {
            id: MessageId::new(at, clock::random()),
            title: format!("Voice message from {sender}"),
            sender,
            sender_address: String::new(),
            recipients: self.to.clone(),
            at,
            forwarded_from: None,
        }
    }
}

impl Sound {
    /// Makes the file `output` of it.
    pub fn keep(&self, recipients: &Recipients, output: &Path) -> Result<Kept, Failed> {
        let tags = recipients.tags();
        match (&self.file, self.mic) {
            (Some(file), _) => {
                let made = self.judged(file)?;
                let bytes = ogg_opus::write(&made.made.stream, &tags)
                    .map_err(|error| Failed::undone(error.to_string()))?;
                let mut out = create(output)?;
                std::io::Write::write_all(&mut out, &bytes)
                    .and_then(|()| out.sync_all())
                    .map_err(|error| Failed::undone(format!("{}: {error}", output.display())))?;
                Ok(Kept { ms: made.made.stream.length_ms(), bytes: bytes.len() as u64 })
            }
            (None, true) => {
                let out = BufWriter::new(create(output)?);
                let ms = mic::record(out, &tags, self.limit).inspect_err(|_| {
                    // Nothing was said into it: it is in nobody's way.
                    if std::fs::metadata(output).is_ok_and(|file| file.len() == 0) {
                        let _ = std::fs::remove_file(output);
                    }
                })?;
                let bytes = std::fs::metadata(output).map_or(0, |file| file.len());
                Ok(Kept { ms, bytes })
            }
            (None, false) => Err(Failed::wrong("say what to record: --file FILE or --mic")),
        }
    }

    /// Judges the file as a server would.
    pub fn judged(&self, file: &Path) -> Result<foreign::Foreign, Failed> {
        readable(file)?;
        let limits = ForeignLimits { limit_ms: self.limit * 1_000, partial: self.partial };
        foreign::read(file, limits).map_err(|error| {
            Failed::wrong(format!("{}: {error}\n  mend: {}", file.display(), error.mend()))
        })
    }
}

/// Refuses a file that can't be read, before anything else is said of it.
pub fn readable(file: &Path) -> Result<u64, Failed> {
    let opened = File::open(file).and_then(|file| file.metadata());
    let found = opened.map_err(|error| Failed::wrong(format!("{}: {error}", file.display())))?;
    if !found.is_file() {
        return Err(Failed::wrong(format!("{}: this is no file", file.display())));
    }
    Ok(found.len())
}

fn create(output: &Path) -> Result<File, Failed> {
    File::create_new(output).map_err(|error| {
        let mend = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "\n  mend: remove it, or name another file",
            _ => "",
        };
        Failed::wrong(format!("{}: {error}{mend}", output.display()))
    })
}
