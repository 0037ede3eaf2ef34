//! What deliveries keep: the calls that limits are judged by, the explanations, and recipients
//! that were added.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use hark_engine::delivery::explain::{Line, MOST_LINES};
use hark_engine::delivery::limits::{DAY, HOUR, judge};
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Event;
use hark_engine::time::UnixMillis;

use super::events::append;
use super::messages::{MAX_RECIPIENTS, recipients};
use super::{Store, StoreError};

/// A delivery call that is about to be made, and the limits that it must keep.
#[derive(Clone, Debug)]
pub struct CallClaim {
    /// Whom it is for.
    pub user: UserId,
    /// How many calls for them may begin in an hour.
    pub an_hour: u32,
    /// The numbers outside that it rings, as the store writes them.
    pub numbers: Vec<String>,
    /// How many calls to one number may begin in an hour and in a day.
    pub a_number: (u32, u32),
    /// Who caused a call to somebody who is no user, and how many they may cause in a day.
    pub sender: Option<(Option<UserId>, u32)>,
}

/// Why a call may not be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Which limit.
    pub reason: &'static str,
    /// When there is room again.
    pub wait: Duration,
}

impl Store {
    /// Claims a delivery call: it counts from here on.
    pub async fn claim_call(
        &self,
        claim: CallClaim,
        now: UnixMillis,
    ) -> Result<Result<(), Limited>, StoreError> {
        self.write(move |c| claim_call(c, &claim, now)).await
    }

    /// Adds lines to the explanation of a delivery. More than [`MOST_LINES`] are not kept.
    pub async fn explain(
        &self,
        message: MessageId,
        recipient: UserId,
        lines: Vec<Line>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let kept: i64 = c
                .prepare_cached(
                    "SELECT count(*) FROM explanations WHERE message = ?1 AND recipient = ?2",
                )?
                .query_row(params![message.0.as_bytes(), recipient.0], |r| r.get(0))?;
            let mut insert = c.prepare_cached(
                "INSERT INTO explanations (message, recipient, line) VALUES (?1, ?2, ?3)",
            )?;
            for line in
                lines.iter().take(MOST_LINES.saturating_sub(usize::try_from(kept).unwrap_or(0)))
            {
                let json = serde_json::to_string(line).map_err(StoreError::unavailable)?;
                insert.execute(params![message.0.as_bytes(), recipient.0, json])?;
            }
            Ok(())
        })
        .await
    }

    /// The explanation of a delivery, oldest line first.
    pub async fn explanation(
        &self,
        message: MessageId,
        recipient: UserId,
    ) -> Result<Vec<Line>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT line FROM explanations WHERE message = ?1 AND recipient = ?2
                 ORDER BY rowid",
            )?;
            let rows = query
                .query_map(params![message.0.as_bytes(), recipient.0], |r| r.get::<_, String>(0))?;
            let mut lines = Vec::new();
            for json in rows {
                lines.push(serde_json::from_str(&json?).map_err(StoreError::unavailable)?);
            }
            Ok(lines)
        })
        .await
    }

    /// Delivers a message to one recipient more. Says whether that is news.
    pub async fn add_recipient(
        &self,
        message: MessageId,
        user: UserId,
        at: UnixMillis,
    ) -> Result<bool, StoreError> {
        let added = self
            .write(move |c| {
                let private: Option<bool> = c
                    .prepare_cached("SELECT private FROM messages WHERE id = ?1")?
                    .query_row([message.0.as_bytes()], |r| r.get(0))
                    .optional()?;
                match private {
                    None => return Err(StoreError::NotFound { what: "message" }),
                    Some(true) => {
                        let what = "the message is private: it may not be passed on".into();
                        return Err(StoreError::Conflict { what });
                    }
                    Some(false) => {}
                }
                let known = recipients(c, message)?;
                if known.contains(&user) {
                    return Ok(false);
                }
                if known.len() >= MAX_RECIPIENTS {
                    let what = format!("a message has at most {MAX_RECIPIENTS} recipients");
                    return Err(StoreError::Conflict { what });
                }
                c.prepare_cached(
                    "INSERT INTO recipients (message, user, place, step, finished, state)
                     VALUES (?1, ?2, ?3, '', 0, '')",
                )?
                .execute(params![
                    message.0.as_bytes(),
                    user.0,
                    i64::try_from(known.len()).unwrap_or(0)
                ])?;
                append(c, message, user, at, &Event::Accepted)?;
                Ok(true)
            })
            .await?;
        if added {
            self.shared.metrics.messages.with_label_values(&["accepted"]).inc();
        }
        Ok(added)
    }
}

fn claim_call(
    c: &Connection,
    claim: &CallClaim,
    now: UnixMillis,
) -> Result<Result<(), Limited>, StoreError> {
    // What lies ahead counts (the clock was set back); what is over does not.
    let since = now.0.saturating_sub(i64::try_from(DAY.as_millis()).unwrap_or(0));
    c.prepare_cached("DELETE FROM delivery_calls WHERE at < ?1")?.execute([since])?;
    let times = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> Result<Vec<_>, StoreError> {
        let mut query = c.prepare_cached(sql)?;
        let rows = query.query_map(params, |r| Ok(UnixMillis(r.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let limited = |reason| move |wait| Limited { reason, wait };
    let of_user =
        times("SELECT DISTINCT at FROM delivery_calls WHERE user = ?1", &[&claim.user.0])?;
    let mut judged = judge(now, &of_user, claim.an_hour, HOUR)
        .map_err(limited("as many calls were made as the profile allows in an hour"));
    for number in &claim.numbers {
        let of_number = times("SELECT at FROM delivery_calls WHERE address = ?1", &[number])?;
        judged = judged
            .and_then(|()| {
                judge(now, &of_number, claim.a_number.0, HOUR)
                    .map_err(limited("the number was called as often as allowed in an hour"))
            })
            .and_then(|()| {
                judge(now, &of_number, claim.a_number.1, DAY)
                    .map_err(limited("the number was called as often as allowed in a day"))
            });
    }
    if let Some((sender, a_day)) = claim.sender {
        let of_sender = times(
            "SELECT at FROM delivery_calls WHERE sender = ?1",
            &[&sender.map_or(0, |user| user.0)],
        )?;
        judged = judged.and_then(|()| {
            judge(now, &of_sender, a_day, DAY)
                .map_err(limited("the sender caused as many calls as allowed in a day"))
        });
    }
    if judged.is_err() {
        return Ok(judged);
    }
    let mut insert = c.prepare_cached(
        "INSERT INTO delivery_calls (user, address, sender, at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let sender = claim.sender.map(|(user, _)| user.map_or(0, |user| user.0));
    if claim.numbers.is_empty() {
        insert.execute(params![claim.user.0, None::<String>, sender, now.0])?;
    }
    for number in &claim.numbers {
        insert.execute(params![claim.user.0, number, sender, now.0])?;
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;
    use crate::store::StoreConfig;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    #[tokio::test]
    async fn calls_are_counted_by_person_number_and_sender_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(StoreConfig::new(dir.path()), &Registry::new()).unwrap();
        let store = open();
        let claim = |user, number: &str, sender| CallClaim {
            user: UserId(user),
            an_hour: 2,
            numbers: vec![number.to_owned()],
            a_number: (2, 3),
            sender: Some((Some(UserId(sender)), 4)),
        };
        let at = |secs| NOW.after(Duration::from_secs(secs));
        let call = async |store: &Store, user, number: &str, sender, secs| {
            store.claim_call(claim(user, number, sender), at(secs)).await.unwrap()
        };
        assert_eq!(call(&store, 1, "tel:+1", 9, 0).await, Ok(()));
        assert_eq!(call(&store, 1, "tel:+1", 9, 1).await, Ok(()));
        let refused = call(&store, 1, "tel:+2", 9, 2).await.unwrap_err();
        assert!(refused.reason.contains("profile"), "{refused:?}");
        assert_eq!(refused.wait, Duration::from_secs(3_598));
        drop(store);
        let store = open();
        let refused = call(&store, 2, "tel:+1", 9, 3).await.unwrap_err();
        assert!(refused.reason.contains("in an hour"), "{refused:?}");
        assert_eq!(call(&store, 2, "tel:+1", 9, 3_700).await, Ok(()));
        let refused = call(&store, 3, "tel:+1", 8, 7_400).await.unwrap_err();
        assert!(refused.reason.contains("in a day"), "{refused:?}");
        assert_eq!(call(&store, 3, "tel:+3", 9, 7_400).await, Ok(()));
        let refused = call(&store, 4, "tel:+4", 9, 7_400).await.unwrap_err();
        assert!(refused.reason.contains("sender"), "{refused:?}");
        assert_eq!(call(&store, 4, "tel:+4", 9, 90_000).await, Ok(()));
    }
}
