//! Which SIP client wants to be told what becomes of what it sent (RFC 5438).

use std::fmt;

use hark_engine::id::{ChatId, MessageId, UserId};
use hark_engine::sip::body::imdn::Wanted;
use hark_engine::time::UnixMillis;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};

/// What a wish is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A text.
    Chat(ChatId),
    /// A voice message.
    Voice(MessageId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(id) => write!(f, "chat:{id}"),
            Self::Voice(id) => write!(f, "voice:{id}"),
        }
    }
}

/// What a client wants to be told of a message of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its own name for the message.
    pub message_id: String,
    /// What it wants to be told.
    pub wanted: Wanted,
}

/// A wish that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptWish {
    /// Who is to be told.
    pub sender: UserId,
    /// For whom the message was.
    pub recipient: UserId,
    /// What is to be told.
    pub wish: Wish,
    /// What was told already.
    pub told: Wanted,
    /// When the message was kept.
    pub at: UnixMillis,
}

impl Store {
    /// Keeps a wish about a voice message. A second one about the same changes nothing.
    pub(crate) async fn keep_wish(
        &self,
        subject: Subject,
        sender: UserId,
        recipient: UserId,
        wish: Wish,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        self.write(move |c| insert_wish(c, &subject, sender, recipient, &wish, at)).await
    }

    /// The wish about a message, if there is one.
    pub(crate) async fn wish(&self, subject: Subject) -> Result<Option<KeptWish>, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT sender, recipient, message_id, wanted, told, at FROM imdn_wishes
                 WHERE subject = ?1",
            )?
            .query_row([subject.to_string()], |r| {
                Ok(KeptWish {
                    sender: UserId(r.get(0)?),
                    recipient: UserId(r.get(1)?),
                    wish: Wish { message_id: r.get(2)?, wanted: Wanted::from_bits(r.get(3)?) },
                    told: Wanted::from_bits(r.get(4)?),
                    at: UnixMillis(r.get(5)?),
                })
            })
            .optional()?)
        })
        .await
    }

    /// Notes what a client was told, beside what it was told before.
    pub(crate) async fn wish_told(&self, subject: Subject, told: Wanted) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached("UPDATE imdn_wishes SET told = told | ?2 WHERE subject = ?1")?
                .execute(params![subject.to_string(), told.bits()])?;
            Ok(())
        })
        .await
    }
}

pub(super) fn insert_wish(
    c: &Connection,
    subject: &Subject,
    sender: UserId,
    recipient: UserId,
    wish: &Wish,
    at: UnixMillis,
) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT OR IGNORE INTO imdn_wishes (subject, sender, recipient, message_id, wanted, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        subject.to_string(),
        sender.0,
        recipient.0,
        wish.message_id,
        wish.wanted.bits(),
        at.0
    ])?;
    Ok(())
}
