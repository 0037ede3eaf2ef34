//! Orders about groups of users. Whoever tells a group something reads its members from the
//! store, so a change is in force at once.

use serde::{Deserialize, Serialize};

use super::{Failure, OperateError, Operator};
use crate::store::GroupRecord;

/// The longest name of a group, in characters.
const LONGEST_NAME: usize = 64;

/// What an operator wants of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GroupOrder {
    /// List them.
    List {},
    /// Make one, or replace its members.
    Set {
        /// Its name.
        name: String,
        /// The sign-in names of its members.
        members: Vec<String>,
    },
    /// Remove one.
    Remove {
        /// Its name.
        name: String,
    },
}

/// A group, as the command line shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLine {
    /// Its name.
    pub name: String,
    /// The sign-in names of its members.
    pub members: Vec<String>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupAnswer {
    /// It was done.
    Done,
    /// The groups.
    Groups(Vec<GroupLine>),
    /// It was not done.
    Failed(Failure),
}

impl Operator {
    /// Carries out an order; what stands in its way is in the answer.
    pub async fn groups(&self, order: GroupOrder) -> GroupAnswer {
        self.do_groups(order).await.unwrap_or_else(|error| GroupAnswer::Failed(error.into()))
    }

    async fn do_groups(&self, order: GroupOrder) -> Result<GroupAnswer, OperateError> {
        let store = &self.store;
        match order {
            GroupOrder::List {} => {
                let users = store.users().await?;
                let groups = store.groups().await?.into_iter().map(|group| {
                    let members = users.iter().filter(|user| group.members.contains(&user.id));
                    let members = members.map(|user| user.name.clone()).collect();
                    GroupLine { name: group.name, members }
                });
                Ok(GroupAnswer::Groups(groups.collect()))
            }
            GroupOrder::Set { name, members } => {
                let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(letters) {
                    let what = "a group's name has 1 to 64 letters, digits, '.', '_', '-'";
                    return Err(OperateError::Wrong(what.into()));
                }
                let users = store.users().await?;
                let mut ids = Vec::with_capacity(members.len());
                for member in &members {
                    let user = users.iter().find(|user| user.name.eq_ignore_ascii_case(member));
                    ids.push(user.ok_or(OperateError::NoSuchUser)?.id);
                }
                let display_name = name.clone();
                store.set_group(GroupRecord { name, display_name, members: ids }).await?;
                Ok(GroupAnswer::Done)
            }
            GroupOrder::Remove { name } => {
                store.delete_group(&name).await?;
                Ok(GroupAnswer::Done)
            }
        }
    }
}
