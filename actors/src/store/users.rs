//! Users: who can sign in, be called and be written to.

use rusqlite::{Connection, OptionalExtension, Row, params};

use hark_engine::delivery::profile::Profile;
use hark_engine::directory::{GreetingKind, Greetings, User};
use hark_engine::id::UserId;

use super::{Store, StoreError};

/// What digest authentication needs of a password: `H(user:realm:password)` by both algorithms.
#[derive(Clone, PartialEq, Eq)]
pub struct DigestSecrets {
    /// By MD5 (RFC 2617).
    pub md5: [u8; 16],
    /// By SHA-256 (RFC 8760).
    pub sha256: [u8; 32],
}

impl std::fmt::Debug for DigestSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestSecrets(..)")
    }
}

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Sign-in name, unlike every other in either case.
    pub name: String,
    /// The name that people see and hear.
    pub display_name: String,
    /// Digits, unlike every other's.
    pub extension: String,
    /// PHC string of the password.
    pub password_hash: String,
    /// For SIP.
    pub ha1: DigestSecrets,
    /// BCP 47 tag.
    pub language: String,
    /// The longest message that the user takes, in seconds (1-3600).
    pub limit_secs: u32,
    /// PHC string of the telephone PIN, if there is one.
    pub pin_hash: Option<String>,
}

/// A user as the store keeps it, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The account's number.
    pub id: UserId,
    /// Sign-in name.
    pub name: String,
    /// The name that people see and hear.
    pub display_name: String,
    /// The extension.
    pub extension: String,
    /// BCP 47 tag.
    pub language: String,
    /// The longest message that the user takes, in seconds.
    pub limit_secs: u32,
    /// The greetings that were recorded.
    pub greetings: Greetings,
    /// Whether the user's own name was recorded.
    pub has_spoken_name: bool,
    /// Whether the user does not want to be disturbed.
    pub do_not_disturb: bool,
    /// Whether the mailbox takes no further message.
    pub mailbox_full: bool,
    /// The contact list, in its own order.
    pub contacts: Vec<UserId>,
}

impl From<UserRecord> for User {
    fn from(record: UserRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            display_name: record.display_name,
            extension: record.extension,
            message_limit_secs: record.limit_secs,
            language: record.language,
            contacts: record.contacts,
            greetings: record.greetings,
            has_spoken_name: record.has_spoken_name,
            mailbox_full: record.mailbox_full,
        }
    }
}

impl Store {
    /// Makes a user. [`StoreError::Conflict`] where the name or the extension is taken.
    pub async fn create_user(&self, user: NewUser) -> Result<UserId, StoreError> {
        self.write(move |c| {
            let taken: Option<bool> = c
                .prepare_cached("SELECT name = ?1 FROM users WHERE name = ?1 OR extension = ?2")?
                .query_row(params![user.name, user.extension], |r| r.get(0))
                .optional()?;
            if let Some(name) = taken {
                let what = if name { "the name is taken" } else { "the extension is taken" };
                return Err(StoreError::Conflict { what: what.into() });
            }
            c.prepare_cached(
                "INSERT INTO users (name, display_name, extension, password_hash, ha1_md5,
                 ha1_sha256, language, limit_secs, pin_hash, receipts_told)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                         (SELECT coalesce(max(seq), 0) FROM events))",
            )?
            .execute(params![
                user.name,
                user.display_name,
                user.extension,
                user.password_hash,
                user.ha1.md5,
                user.ha1.sha256,
                user.language,
                user.limit_secs.clamp(1, 3600),
                user.pin_hash,
            ])?;
            Ok(UserId(c.last_insert_rowid()))
        })
        .await
    }

    /// Changes a user's password; every session of theirs ends.
    pub async fn set_password(
        &self,
        user: UserId,
        password_hash: String,
        ha1: DigestSecrets,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE users SET password_hash = ?2, ha1_md5 = ?3, ha1_sha256 = ?4
                       WHERE id = ?1";
            let n = c.execute(sql, params![user.0, password_hash, ha1.md5, ha1.sha256])?;
            c.execute("DELETE FROM sessions WHERE user = ?1", [user.0])?;
            one_user(n)
        })
        .await
    }

    /// Every user, by id; numbers and addresses outside are none.
    pub async fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        self.read(all_users).await
    }

    /// The secrets of every SIP account, by name.
    pub async fn accounts(&self) -> Result<Vec<(String, DigestSecrets)>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT name, ha1_md5, ha1_sha256 FROM users WHERE address IS NULL AND NOT erased",
            )?;
            let rows = query.query_map([], |r| {
                Ok((r.get(0)?, DigestSecrets { md5: r.get(1)?, sha256: r.get(2)? }))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The account and the password's PHC string of whoever signs in by this name.
    pub async fn user_credentials(
        &self,
        name: &str,
    ) -> Result<Option<(UserId, String)>, StoreError> {
        let name = name.to_owned();
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT id, password_hash FROM users
                 WHERE name = ?1 AND address IS NULL AND NOT erased",
            )?
            .query_row([name], |r| Ok((UserId(r.get(0)?), r.get(1)?)))
            .optional()?)
        })
        .await
    }

    /// Replaces a user's contact list.
    pub async fn set_contacts(
        &self,
        user: UserId,
        contacts: Vec<UserId>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM contacts WHERE owner = ?1", [user.0])?;
            let mut insert = c.prepare_cached(
                "INSERT OR IGNORE INTO contacts (owner, contact, place) VALUES (?1, ?2, ?3)",
            )?;
            for (place, contact) in contacts.iter().enumerate() {
                insert.execute(params![user.0, contact.0, i64::try_from(place).unwrap_or(0)])?;
            }
            Ok(())
        })
        .await
    }

    /// Whether a greeting of the user's own exists from now on.
    pub async fn set_greeting(
        &self,
        user: UserId,
        kind: GreetingKind,
        exists: bool,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let known: Option<String> = c
                .prepare_cached("SELECT greetings FROM users WHERE id = ?1")?
                .query_row([user.0], |r| r.get(0))
                .optional()?;
            let known = greetings(&known.unwrap_or_default());
            let now = if exists { known.with(kind) } else { known.without(kind) };
            let names: Vec<_> = GreetingKind::ALL
                .into_iter()
                .filter(|k| now.contains(*k))
                .map(|k| k.name())
                .collect();
            let sql = "UPDATE users SET greetings = ?2 WHERE id = ?1";
            one_user(c.execute(sql, params![user.0, names.join(",")])?)
        })
        .await
    }

    /// Whether the user's own name exists as a recording from now on.
    pub async fn set_spoken_name(&self, user: UserId, exists: bool) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE users SET has_spoken_name = ?2 WHERE id = ?1";
            one_user(c.execute(sql, params![user.0, exists])?)
        })
        .await
    }

    /// In which language telephones speak to the user: a BCP 47 tag.
    pub async fn set_language(&self, user: UserId, language: String) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE users SET language = ?2 WHERE id = ?1";
            one_user(c.execute(sql, params![user.0, language])?)
        })
        .await
    }

    /// Whether the user does not want to be disturbed.
    pub async fn set_do_not_disturb(&self, user: UserId, on: bool) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE users SET do_not_disturb = ?2 WHERE id = ?1";
            one_user(c.execute(sql, params![user.0, on])?)
        })
        .await
    }

    /// The user's devices and rules; the default where none were set. Which devices are verified
    /// is looked up, whatever was stored.
    pub async fn profile(&self, user: UserId) -> Result<Profile, StoreError> {
        let (stored, outside, verified) = self
            .read(move |c| {
                let (stored, outside): (Option<String>, bool) = c
                    .prepare_cached("SELECT profile, address IS NOT NULL FROM users WHERE id = ?1")?
                    .query_row([user.0], |r| Ok((r.get(0)?, r.get(1)?)))
                    .optional()?
                    .ok_or(StoreError::NotFound { what: "user" })?;
                let mut query = c.prepare_cached("SELECT address FROM verified WHERE user = ?1")?;
                let verified = query.query_map([user.0], |r| r.get(0))?;
                Ok((stored, outside, verified.collect::<Result<Vec<String>, _>>()?))
            })
            .await?;
        let mut profile = match stored {
            None => Profile::default(),
            Some(json) => serde_json::from_str(&json).map_err(StoreError::unavailable)?,
        };
        for device in &mut profile.devices {
            let address = device.kind.address().map(|address| address.to_string());
            // Whoever writes to an address outside is judged by the operator's rules instead.
            device.verified = outside || address.is_some_and(|address| verified.contains(&address));
        }
        Ok(profile)
    }

    /// Replaces the user's devices and rules.
    pub async fn set_profile(&self, user: UserId, profile: &Profile) -> Result<(), StoreError> {
        let json = serde_json::to_string(profile).map_err(StoreError::unavailable)?;
        self.write(move |c| {
            let sql = "UPDATE users SET profile = ?2 WHERE id = ?1";
            one_user(c.execute(sql, params![user.0, json])?)
        })
        .await
    }
}

pub(super) fn one_user(changed: usize) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "user" }) }
}

fn all_users(c: &Connection) -> Result<Vec<UserRecord>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, name, display_name, extension, language, limit_secs, greetings,
         has_spoken_name, do_not_disturb, mailbox_full
         FROM users WHERE address IS NULL AND NOT erased ORDER BY id",
    )?;
    let mut users = query.query_map([], user)?.collect::<Result<Vec<_>, _>>()?;
    let mut query =
        c.prepare_cached("SELECT contact FROM contacts WHERE owner = ?1 ORDER BY place")?;
    for user in &mut users {
        let contacts = query.query_map([user.id.0], |r| Ok(UserId(r.get(0)?)))?;
        user.contacts = contacts.collect::<Result<_, _>>()?;
    }
    Ok(users)
}

/// The greetings of a list of names; what a newer hark wrote is passed over.
fn greetings(names: &str) -> Greetings {
    names.split(',').filter_map(GreetingKind::from_name).collect()
}

pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<UserRecord> {
    Ok(UserRecord {
        id: UserId(row.get(0)?),
        name: row.get(1)?,
        display_name: row.get(2)?,
        extension: row.get(3)?,
        language: row.get(4)?,
        limit_secs: row.get(5)?,
        greetings: greetings(&row.get::<_, String>(6)?),
        has_spoken_name: row.get(7)?,
        do_not_disturb: row.get(8)?,
        mailbox_full: row.get(9)?,
        contacts: Vec::new(),
    })
}
