//! The thread that writes traces, and removes those that are too old or too many.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hark_engine::time::UnixMillis;
use prometheus::IntCounter;

use super::{FOLDER, Record, TraceConfig, read};
use crate::clock;
use crate::recording::date::civil;

/// How many records may wait to be written, and how many bytes they may hold together.
const MOST_WAITING: usize = 1024;
const MOST_WAITING_BYTES: usize = 16 << 20;
/// The largest file: a part of what all may take, so that removing one leaves most.
const PARTS: u64 = 16;
/// How often a disk that refuses is complained of.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    dropped: IntCounter,
}

enum Job {
    Keep(Box<Record>, usize),
    Flush(SyncSender<()>),
}

impl Writer {
    pub fn start(dir: &Path, config: TraceConfig, dropped: IntCounter) -> std::io::Result<Self> {
        let folder = dir.join(FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let (jobs, receiver) = sync_channel(MOST_WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let files = Files::new(folder, config);
        let (held, lost) = (Arc::clone(&waiting), dropped.clone());
        std::thread::Builder::new()
            .name("hark-traces".into())
            .spawn(move || write(&receiver, files, &held, &lost))?;
        Ok(Self { jobs, waiting, dropped })
    }

    pub fn keep(&self, record: Record) {
        let size = size(&record);
        // Counted before it is sent, so that the thread never takes off what was not put on.
        let held = self.waiting.fetch_add(size, Ordering::Relaxed);
        let fits = held + size <= MOST_WAITING_BYTES;
        if !fits || self.jobs.try_send(Job::Keep(Box::new(record), size)).is_err() {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            self.dropped.inc();
        }
    }

    pub fn flush(&self, at_most: Duration) {
        let (done, flushed) = sync_channel(1);
        // A thread that is gone, or a full queue, has nothing that waiting would help.
        if self.jobs.try_send(Job::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(at_most);
        }
    }
}

/// About how many bytes a record holds.
fn size(record: &Record) -> usize {
    let lines =
        record.lines.iter().map(|line| size_of_val(line) + line.file.len() + line.what.len());
    size_of::<Record>() + lines.sum::<usize>()
}

fn write(jobs: &Receiver<Job>, mut files: Files, waiting: &AtomicUsize, dropped: &IntCounter) {
    let mut complained: Option<Instant> = None;
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Keep(record, size) => {
                let kept = files.append(&record, clock::wall());
                drop(record);
                waiting.fetch_sub(size, Ordering::Relaxed);
                if let Err(error) = kept {
                    dropped.inc();
                    if complained.is_none_or(|last| last.elapsed() > COMPLAIN_EVERY) {
                        complained = Some(Instant::now());
                        tracing::warn!(%error, "traces of calls can't be written: they are dropped");
                    }
                }
            }
            Job::Flush(done) => {
                // Whoever waits may remove the file: the next record opens it anew.
                files.open = None;
                // Who waited may have given up.
                let _ = done.send(());
            }
        }
    }
}

/// The files, and the one that is written.
struct Files {
    folder: PathBuf,
    keep: Duration,
    max_bytes: u64,
    open: Option<Open>,
}

struct Open {
    file: File,
    day: String,
    size: u64,
}

impl Files {
    fn new(folder: PathBuf, config: TraceConfig) -> Self {
        let TraceConfig { keep, max_bytes } = config;
        Self { folder, keep, max_bytes, open: None }
    }

    fn append(&mut self, record: &Record, now: UnixMillis) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(record)?;
        text.push(b'\n');
        let length = text.len() as u64;
        if length > self.part() {
            return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        }
        let day = day(now);
        let room = |open: &Open| open.day == day && open.size + length <= self.part();
        if !self.open.as_ref().is_some_and(room) {
            self.open = None;
            self.remove_old(now);
            self.open = Some(self.open_for(day, length)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.size += length;
        let written = open.file.write_all(&text);
        if written.is_err() {
            // What was written of it ends where the next file is opened.
            self.open = None;
        }
        written
    }

    const fn part(&self) -> u64 {
        self.max_bytes / PARTS
    }

    /// Opens the day's newest file if it has room for so many bytes, or its next.
    fn open_for(&self, day: String, length: u64) -> std::io::Result<Open> {
        let newest = read::files(&self.folder)?.into_iter().rev().find_map(|path| {
            let name = path.file_stem()?.to_str()?.strip_prefix(&day)?.strip_prefix('-')?;
            Some((name.parse::<u32>().ok()?, std::fs::metadata(&path).ok()?.len()))
        });
        let number = match newest {
            None => 0,
            Some((number, size)) if size + length <= self.part() => number,
            Some((number, _)) => number.saturating_add(1),
        };
        let path = self.folder.join(format!("{day}-{number:03}.jsonl"));
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        if size > 0 && !ends_a_line(&mut file)? {
            file.write_all(b"\n")?;
        }
        Ok(Open { file, day, size })
    }

    /// Removes what is too old, and the oldest until the rest and one more file have room.
    fn remove_old(&self, now: UnixMillis) {
        let Ok(files) = read::files(&self.folder) else { return };
        let keep = i64::try_from(self.keep.as_millis()).unwrap_or(i64::MAX);
        let oldest = day(UnixMillis(now.0.saturating_sub(keep)));
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        let mut total: u64 = files.iter().map(size).sum();
        let most = self.max_bytes - self.part();
        for path in files {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let is_old = name.is_none_or(|name| name.as_str() < oldest.as_str());
            if !is_old && total <= most {
                return;
            }
            let size = size(&path);
            match std::fs::remove_file(&path) {
                Ok(()) => total = total.saturating_sub(size),
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "an old trace can't be removed");
                }
            }
        }
    }
}

/// Whether the last line is whole: a process that was killed may have left half of one.
fn ends_a_line(file: &mut File) -> std::io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn day(at: UnixMillis) -> String {
    let (year, month, day) = civil(at);
    format!("{year:04}-{month:02}-{day:02}")
}
