//! Numbers and addresses outside that messages were sent to: rows of users, without an account.

use rusqlite::{OptionalExtension, params};

use hark_engine::delivery::address::Address;
use hark_engine::delivery::condition::When;
use hark_engine::delivery::profile::{Act, Attach, Device, DeviceKind, Profile, Ring, Rule};
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::users::user;
use super::{Store, StoreError, UserRecord};

/// How often a number outside is called for one message, and how far apart, in seconds.
const ATTEMPTS: u8 = 3;
const RETRY_SECS: u32 = 300;

impl Store {
    /// Every number and address outside that has a row.
    pub async fn outside(&self) -> Result<Vec<(UserRecord, Address)>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT id, name, display_name, extension, language, limit_secs, greetings,
                 has_spoken_name, do_not_disturb, mailbox_full, address
                 FROM users WHERE address IS NOT NULL ORDER BY id",
            )?;
            let rows = query.query_map([], |r| Ok((user(r)?, r.get::<_, String>(10)?)))?;
            let mut found = Vec::new();
            for row in rows {
                let (record, address) = row?;
                found.push((record, Address::parse(&address).map_err(StoreError::unavailable)?));
            }
            Ok(found)
        })
        .await
    }

    /// The row of a number or address outside, made now if there was none.
    pub async fn outside_row(
        &self,
        address: &Address,
        language: &str,
        limit_secs: u32,
    ) -> Result<UserId, StoreError> {
        let (written, shown) = (address.to_string(), address.shown().to_owned());
        let profile = serde_json::to_string(&profile(address)).map_err(StoreError::unavailable)?;
        let language = language.to_owned();
        // Nobody knows them, and nobody is asked for them: whoever signs in has a row without an
        // address.
        let mut secrets = [0; 64];
        getrandom::fill(&mut secrets).map_err(StoreError::unavailable)?;
        self.write(move |c| {
            let known: Option<i64> = c
                .prepare_cached("SELECT id FROM users WHERE address = ?1")?
                .query_row([&written], |r| r.get(0))
                .optional()?;
            if let Some(id) = known {
                return Ok(UserId(id));
            }
            c.prepare_cached(
                "INSERT INTO users (name, display_name, extension, password_hash, ha1_md5,
                 ha1_sha256, language, limit_secs, profile, address, receipts_told)
                 VALUES (?1, ?2, ?1, '', ?3, ?4, ?5, ?6, ?7, ?1,
                         (SELECT coalesce(max(seq), 0) FROM events))",
            )?
            .execute(params![
                written,
                shown,
                &secrets[..16],
                &secrets[32..],
                language,
                limit_secs.clamp(1, 3600),
                profile,
            ])?;
            Ok(UserId(c.last_insert_rowid()))
        })
        .await
    }

    /// Whether a message went from one of them to the other.
    pub async fn wrote_to_each_other(&self, a: UserId, b: UserId) -> Result<bool, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM messages m JOIN recipients r ON r.message = m.id
                 WHERE (m.sender_user = ?1 AND r.user = ?2)
                 OR (m.sender_user = ?2 AND r.user = ?1))",
            )?
            .query_row([a.0, b.0], |r| r.get(0))?)
        })
        .await
    }

    /// How many messages `sender` sent to numbers and addresses outside since then.
    pub async fn sent_outside(
        &self,
        sender: Option<UserId>,
        since: UnixMillis,
    ) -> Result<u32, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT count(*) FROM messages m
                 JOIN recipients r ON r.message = m.id JOIN users u ON u.id = r.user
                 WHERE m.sender_user IS ?1 AND m.at > ?2 AND u.address IS NOT NULL",
            )?
            .query_row(params![sender.map(|user| user.0), since.0], |r| r.get(0))?)
        })
        .await
    }
}

/// How such a row is reached: it has one device.
fn profile(address: &Address) -> Profile {
    let (name, kind) = match address {
        Address::Number(number) => {
            ("phone", DeviceKind::Number { number: number.clone(), trunk: None })
        }
        Address::Sip(uri) => ("phone", DeviceKind::SipAddress { uri: uri.clone() }),
        Address::Mail(address) => {
            ("mail", DeviceKind::Email { address: address.clone(), attach: Attach::No })
        }
    };
    let act = if address.is_called() {
        Act::Ring(Ring { attempts: ATTEMPTS, retry_secs: RETRY_SECS, ..Ring::of(name) })
    } else {
        Act::Notify { device: vec![name.to_owned()] }
    };
    Profile {
        devices: vec![Device { name: name.to_owned(), kind, verified: false }],
        rules: vec![Rule { when: When::default(), acts: vec![act], go_on: false }],
        ..Profile::default()
    }
}
