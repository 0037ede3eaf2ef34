//! Orders about users.

use std::io;

use bytes::Bytes;
use hark_engine::retention::Override;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Failure, OperateError, Operator};
use crate::retention::{erase, export};
use crate::site::{Credentials, create_user};
use crate::store::UserRecord;
use crate::users::hash_pin;

/// The shortest and the longest password that is taken, in characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=256;
/// The longest display name, in characters.
const LONGEST_DISPLAY_NAME: usize = 100;

/// A password or PIN on its way: no log shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// What was read from the operator's input.
    pub const fn new(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What an operator wants of users, each named by the sign-in name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UserOrder {
    /// List them.
    List {},
    /// Make one.
    Add {
        /// The sign-in name.
        name: String,
        /// The extension that phones dial.
        extension: String,
        /// The name that people see and hear.
        display_name: String,
        /// For the browser and for SIP.
        password: Secret,
    },
    /// Set the telephone PIN of one.
    Pin {
        /// Whose.
        name: String,
        /// The digits.
        digits: Secret,
    },
    /// Let a legal hold stand, or end it.
    Hold {
        /// For whom.
        name: String,
        /// Whether it stands from here on.
        hold: bool,
    },
    /// Say what differs for one from the site's retention.
    Retention(RetentionOrder),
    /// Erase one and everything of theirs.
    Erase {
        /// Whom.
        name: String,
    },
}

/// What differs for one user from the site's retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionOrder {
    /// For whom.
    pub name: String,
    /// What differs besides what did before.
    pub differs: Override,
    /// Whether what differed before is forgotten first.
    pub reset: bool,
}

/// A user, as the command line shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLine {
    /// The sign-in name.
    pub name: String,
    /// The extension.
    pub extension: String,
    /// The name that people see and hear.
    pub display_name: String,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAnswer {
    /// It was done.
    Done,
    /// The users.
    Users(Vec<UserLine>),
    /// Somebody was erased.
    Erased {
        /// Audio files removed.
        removed: usize,
        /// Audio files of others whose tags no longer name the user.
        rewritten: usize,
        /// Whether the database file was rewritten, so that its free pages hold nothing of it.
        compacted: bool,
    },
    /// It was not done.
    Failed(Failure),
}

impl Operator {
    /// Carries out an order; what stands in its way is in the answer.
    pub async fn users(&self, order: UserOrder) -> UserAnswer {
        self.do_users(order).await.unwrap_or_else(|error| UserAnswer::Failed(error.into()))
    }

    async fn do_users(&self, order: UserOrder) -> Result<UserAnswer, OperateError> {
        let store = &self.store;
        match order {
            UserOrder::List {} => {
                let line = |user: UserRecord| UserLine {
                    name: user.name,
                    extension: user.extension,
                    display_name: user.display_name,
                };
                Ok(UserAnswer::Users(store.users().await?.into_iter().map(line).collect()))
            }
            UserOrder::Add { name, extension, display_name, password } => {
                plausible(&name, &extension, &display_name, &password.0)?;
                let new = Credentials {
                    name: &name,
                    display_name: display_name.trim(),
                    extension: &extension,
                    password: &password.0,
                };
                create_user(store, &self.domain, &self.language, self.limit_secs, &new).await?;
                if let Some(live) = &self.live {
                    live.reload().await?;
                }
                tracing::info!("an operator added a user");
                Ok(UserAnswer::Done)
            }
            UserOrder::Pin { name, digits } => {
                let user = self.user(&name).await?;
                let hash = hash_pin(digits.0, &user.extension).await?;
                store.set_pin(user.id, hash).await?;
                Ok(UserAnswer::Done)
            }
            UserOrder::Hold { name, hold } => {
                let user = self.user(&name).await?.id;
                store.set_hold(user, hold).await?;
                tracing::info!(%user, hold, "a legal hold was changed");
                Ok(UserAnswer::Done)
            }
            UserOrder::Retention(RetentionOrder { name, differs, reset }) => {
                let user = self.user(&name).await?.id;
                let known = if reset {
                    Override::default()
                } else {
                    store.user_retention(user).await?.differs
                };
                store.set_retention(user, differs.or(known)).await?;
                if let Some(live) = &self.live {
                    live.recount(user).await;
                }
                Ok(UserAnswer::Done)
            }
            UserOrder::Erase { name } => {
                let done = erase::erase(store, &self.domain, &name, self.live.as_ref()).await?;
                let erase::Done { removed, rewritten, compacted } = done;
                tracing::info!(removed, rewritten, "an operator erased a user");
                Ok(UserAnswer::Erased { removed, rewritten, compacted })
            }
        }
    }

    /// Everything that a user has, as a tar archive in pieces. One that is not whole ends with an
    /// error.
    ///
    /// # Errors
    /// When there is no such user, or the store can't be read.
    pub async fn export(
        &self,
        name: &str,
    ) -> Result<mpsc::Receiver<io::Result<Bytes>>, OperateError> {
        let user = self.user(name).await?.id;
        let contents = self.store.export(user).await?;
        Ok(export::pieces(self.store.dir().to_owned(), user, contents))
    }

    pub(super) async fn user(&self, name: &str) -> Result<UserRecord, OperateError> {
        let users = self.store.users().await?;
        let user = users.into_iter().find(|user| user.name.eq_ignore_ascii_case(name));
        user.ok_or(OperateError::NoSuchUser)
    }
}

fn plausible(
    name: &str,
    extension: &str,
    display_name: &str,
    password: &str,
) -> Result<(), OperateError> {
    let wrong = |what: &str| Err(OperateError::Wrong(what.to_owned()));
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if name.is_empty() || name.len() > 32 || !name.chars().all(letters) {
        return wrong("a name is 1 to 32 of a-z, 0-9, '.', '_', '-'");
    }
    let digits = extension.bytes().all(|b| b.is_ascii_digit());
    if extension.is_empty() || extension.len() > 12 || !digits {
        return wrong("an extension is 1 to 12 digits");
    }
    let shown = display_name.trim();
    let length = shown.chars().count();
    if length == 0 || length > LONGEST_DISPLAY_NAME || shown.chars().any(char::is_control) {
        return wrong("a display name has 1 to 100 characters");
    }
    if !PASSWORD.contains(&password.chars().count()) {
        let (least, most) = (PASSWORD.start(), PASSWORD.end());
        let what =
            format!("a password has {least} to {most} characters: give it on standard input");
        return Err(OperateError::Wrong(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_in_no_debug_output() {
        let order = UserOrder::Pin { name: "bob".into(), digits: Secret::new("1357".into()) };
        assert!(!format!("{order:?}").contains("1357"));
        let json = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<UserOrder>(&json).unwrap(), order);
    }

    #[test]
    fn users_that_can_not_be_are_refused() {
        let fits = |name, extension, shown, password| plausible(name, extension, shown, password);
        fits("dora.d", "1009", "Dora D", "correct horse").unwrap();
        for (name, extension, shown, password) in [
            ("Dora", "1009", "Dora", "correct horse"),
            ("", "1009", "Dora", "correct horse"),
            ("dora", "10x", "Dora", "correct horse"),
            ("dora", "", "Dora", "correct horse"),
            ("dora", "1009", " ", "correct horse"),
            ("dora", "1009", "Do\nra", "correct horse"),
            ("dora", "1009", "Dora", "short"),
        ] {
            let error = fits(name, extension, shown, password).unwrap_err();
            assert!(error.is_input(), "{error}");
        }
    }
}
