//! Everything that a user has, as one tar archive: documents as JSON, audio as it is stored.
//!
//! The archive is written while it is sent: it takes no room on the disk, and of memory as much
//! as its largest document.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use hark_engine::directory::GreetingKind;
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;
use tar::{Builder, Header};
use tokio::sync::mpsc;

use crate::clock;
use crate::store::export::Export;
use crate::users::{greeting_file, name_file};

/// Pieces of an archive that wait for whoever takes them; a slow one holds the archive back.
const PIECES: usize = 8;
/// How large a piece is, in bytes.
const PIECE: usize = 64 * 1024;

const README: &str = "Everything that Hark keeps of one user.\n\n\
account.json        the account, its devices, rules and times (without passwords and PIN)\n\
contacts.json       the contact list; groups.json: the groups it belongs to\n\
received.json       the messages in the mailbox, with what became of each\n\
sent.json           the messages sent\n\
message-log.json    every step of them, in order\n\
events.json         announcements made; templates.json, schedules.json, event-rules.json\n\
confirmed.json, event-messages.json: announcements confirmed, and the messages that were made\n\
chats.json          texts exchanged; chat-marks.json: when they reached which device, and were read\n\
tokens.json         tokens of applications and what they may do (without their secrets)\n\
explanations.json   why messages went where they went; calls.json: calls made to deliver them\n\
pin-attempts.json, codes-sent.json, request-keys.json, sip-receipts.json: what was tried and asked\n\
webhook-queue.json, webhook-failures.json, receipt-mail-queue.json: what is still to be told\n\
verified.json, push.json, webhooks.json, receipt-mails.json\n\
links.json          links to messages; sign-ins.json, registrations.json: until when they hold\n\
audio/ID.ogg        each message, as Ogg Opus; greetings/ and name.ogg: what was recorded\n\n\
Times are milliseconds since 1970-01-01T00:00:00Z, lengths are milliseconds.\n";

/// Writes the archive of a user, whose files are under the storage folder `dir`. Blocks.
///
/// # Errors
/// When a file can't be read, or `out` can't be written. Audio that was removed meanwhile is
/// left out.
pub fn write(
    dir: &Path,
    user: UserId,
    export: &Export,
    at: UnixMillis,
    out: impl Write,
) -> io::Result<()> {
    let mut archive = Builder::new(out);
    let seconds = u64::try_from(at.as_secs()).unwrap_or(0);
    put(&mut archive, "README.txt", README.as_bytes(), seconds)?;
    for (name, document) in &export.documents {
        let mut text = serde_json::to_vec_pretty(document)?;
        text.push(b'\n');
        put(&mut archive, name, &text, seconds)?;
    }
    for (message, audio) in &export.audio {
        put_file(&mut archive, &format!("audio/{message}.ogg"), &dir.join(audio), seconds)?;
    }
    for kind in GreetingKind::ALL {
        let file = dir.join(greeting_file(user, kind));
        put_file(&mut archive, &format!("greetings/{}.ogg", kind.name()), &file, seconds)?;
    }
    put_file(&mut archive, "name.ogg", &dir.join(name_file(user)), seconds)?;
    archive.into_inner()?.flush()
}

/// The archive in pieces, made on a thread of its own as they are taken. One that broke off ends
/// with an error. To be called on a runtime.
pub fn pieces(dir: PathBuf, user: UserId, contents: Export) -> mpsc::Receiver<io::Result<Bytes>> {
    let (pieces, ready) = mpsc::channel(PIECES);
    tokio::runtime::Handle::current().spawn_blocking(move || {
        let out = io::BufWriter::with_capacity(PIECE, Pieces(pieces.clone()));
        if let Err(error) = write(&dir, user, &contents, clock::wall(), out) {
            tracing::warn!(%error, "an export broke off");
            // Whoever takes it sees that the archive has no end.
            let _gone = pieces.blocking_send(Err(error));
        }
    });
    ready
}

/// Hands pieces over, and waits while there are enough.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn header(length: u64, seconds: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(seconds);
    header
}

fn put(archive: &mut Builder<impl Write>, name: &str, text: &[u8], at: u64) -> io::Result<()> {
    archive.append_data(&mut header(text.len() as u64, at), name, text)
}

fn put_file(archive: &mut Builder<impl Write>, name: &str, file: &Path, at: u64) -> io::Result<()> {
    let open = match std::fs::File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        open => open?,
    };
    let length = open.metadata()?.len();
    archive.append_data(&mut header(length, at), name, open)
}
