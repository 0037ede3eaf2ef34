//! Codes that show that a number or address is a user's own. Only their hashes are kept.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use hark_engine::delivery::limits::{DAY, HOUR, judge};
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::{Store, StoreError};

/// How long a code is good.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// How often it may be given wrongly.
const WRONG: u32 = 5;
/// How many codes may be sent in an hour, and in a day: to one address by whomever, and by one
/// user to whatever address.
const AN_HOUR_TO_ONE: u32 = 3;
const A_DAY_TO_ONE: u32 = 6;
const AN_HOUR_BY_ONE: u32 = 6;

/// What came of giving a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeGiven {
    /// It is the one: the address is the user's from here on.
    Right,
    /// It is not; so often may it still be tried.
    Wrong(u32),
    /// None was sent, or it is too old, or it was given wrongly too often.
    None,
}

impl Store {
    /// Keeps a code that is about to be sent, in the place of an earlier one.
    ///
    /// `Ok(Err(wait))`: too many were sent.
    pub async fn keep_code(
        &self,
        user: UserId,
        address: &str,
        code: &str,
        now: UnixMillis,
    ) -> Result<Result<(), Duration>, StoreError> {
        let (address, hash) = (address.to_owned(), hash(user, address, code));
        self.write(move |c| {
            let since = UnixMillis(now.0.saturating_sub(86_400_000));
            c.prepare_cached("DELETE FROM codes_sent WHERE at < ?1")?.execute([since.0])?;
            let sent = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> Result<Vec<_>, StoreError> {
                let mut query = c.prepare_cached(sql)?;
                let rows = query.query_map(params, |r| Ok(UnixMillis(r.get(0)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            };
            let to_one = sent("SELECT at FROM codes_sent WHERE address = ?1", &[&address])?;
            let by_one = sent("SELECT at FROM codes_sent WHERE user = ?1", &[&user.0])?;
            let judged = judge(now, &to_one, AN_HOUR_TO_ONE, HOUR)
                .and_then(|()| judge(now, &to_one, A_DAY_TO_ONE, DAY))
                .and_then(|()| judge(now, &by_one, AN_HOUR_BY_ONE, HOUR));
            if let Err(wait) = judged {
                return Ok(Err(wait));
            }
            c.prepare_cached("INSERT INTO codes_sent (user, address, at) VALUES (?1, ?2, ?3)")?
                .execute(params![user.0, address, now.0])?;
            c.prepare_cached(
                "INSERT OR REPLACE INTO codes (user, address, code_hash, expires)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![user.0, address, hash, now.after(CODE_LIFETIME).0])?;
            Ok(Ok(()))
        })
        .await
    }

    /// Judges a code that a user gives for an address.
    pub async fn give_code(
        &self,
        user: UserId,
        address: &str,
        code: &str,
        now: UnixMillis,
    ) -> Result<CodeGiven, StoreError> {
        let (address, given) = (address.to_owned(), hash(user, address, code));
        self.write(move |c| {
            let kept: Option<([u8; 32], u32)> = c
                .prepare_cached(
                    "SELECT code_hash, wrong FROM codes
                     WHERE user = ?1 AND address = ?2 AND expires > ?3",
                )?
                .query_row(params![user.0, address, now.0], |r| Ok((r.get(0)?, r.get(1)?)))
                .optional()?;
            let Some((hash, wrong)) = kept.filter(|(_, wrong)| *wrong < WRONG) else {
                return Ok(CodeGiven::None);
            };
            if bool::from(hash.ct_eq(&given)) {
                c.prepare_cached(
                    "INSERT OR REPLACE INTO verified (user, address, at) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![user.0, address, now.0])?;
                c.prepare_cached("DELETE FROM codes WHERE user = ?1 AND address = ?2")?
                    .execute(params![user.0, address])?;
                return Ok(CodeGiven::Right);
            }
            c.prepare_cached("UPDATE codes SET wrong = ?3 WHERE user = ?1 AND address = ?2")?
                .execute(params![user.0, address, wrong + 1])?;
            Ok(CodeGiven::Wrong(WRONG - 1 - wrong))
        })
        .await
    }
}

fn hash(user: UserId, address: &str, code: &str) -> [u8; 32] {
    Sha256::digest(format!("{user} {address} {code}")).into()
}

#[cfg(test)]
mod tests {
    use hark_engine::delivery::profile::{Device, DeviceKind, Profile};
    use prometheus::Registry;

    use super::*;
    use crate::store::{DigestSecrets, NewUser, StoreConfig};

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    async fn store() -> (tempfile::TempDir, Store, UserId) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(dir.path()), &Registry::new()).unwrap();
        let bob = NewUser {
            name: "bob".into(),
            display_name: "Bob".into(),
            extension: "1002".into(),
            password_hash: String::new(),
            ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
            language: "en".into(),
            limit_secs: 59,
            pin_hash: None,
        };
        let bob = store.create_user(bob).await.unwrap();
        (dir, store, bob)
    }

    #[tokio::test]
    async fn the_right_code_verifies_that_address_and_no_other() {
        let (_dir, store, bob) = store().await;
        let device = |name: &str, number: &str| Device {
            name: name.into(),
            kind: DeviceKind::Number { number: number.into(), trunk: None },
            // What a client claims counts for nothing.
            verified: true,
        };
        let devices = vec![device("mobile", "+49 30 123"), device("other", "+4930124")];
        let profile = Profile { devices, ..Profile::default() };
        store.set_profile(bob, &profile).await.unwrap();
        let verified = async || -> Vec<bool> {
            let profile = store.profile(bob).await.unwrap();
            profile.devices.iter().map(|device| device.verified).collect()
        };
        assert_eq!(verified().await, [false, false]);
        let address = "tel:+4930123";
        assert_eq!(store.give_code(bob, address, "123456", NOW).await.unwrap(), CodeGiven::None);
        store.keep_code(bob, address, "123456", NOW).await.unwrap().unwrap();
        let given = store.give_code(bob, address, "654321", NOW).await.unwrap();
        assert_eq!(given, CodeGiven::Wrong(4));
        assert_eq!(store.give_code(bob, address, "123456", NOW).await.unwrap(), CodeGiven::Right);
        assert_eq!(verified().await, [true, false]);
        assert_eq!(store.give_code(bob, address, "123456", NOW).await.unwrap(), CodeGiven::None);
    }

    #[tokio::test]
    async fn codes_expire_and_are_not_guessed() {
        let (_dir, store, bob) = store().await;
        store.keep_code(bob, "tel:+49", "123456", NOW).await.unwrap().unwrap();
        let late = NOW.after(CODE_LIFETIME);
        assert_eq!(store.give_code(bob, "tel:+49", "123456", late).await.unwrap(), CodeGiven::None);
        for left in [4, 3, 2, 1, 0] {
            let given = store.give_code(bob, "tel:+49", "000000", NOW).await.unwrap();
            assert_eq!(given, CodeGiven::Wrong(left));
        }
        assert_eq!(store.give_code(bob, "tel:+49", "123456", NOW).await.unwrap(), CodeGiven::None);
    }

    #[tokio::test]
    async fn not_many_codes_are_sent() {
        let (_dir, store, bob) = store().await;
        let send = async |address: &str, at| store.keep_code(bob, address, "1", at).await.unwrap();
        for _ in 0..3 {
            send("tel:+491", NOW).await.unwrap();
        }
        assert_eq!(send("tel:+491", NOW).await, Err(HOUR));
        for address in ["tel:+492", "tel:+493", "tel:+494"] {
            send(address, NOW).await.unwrap();
        }
        assert_eq!(send("tel:+495", NOW).await, Err(HOUR), "by one user");
        send("tel:+495", NOW.after(HOUR)).await.unwrap();
    }
}
