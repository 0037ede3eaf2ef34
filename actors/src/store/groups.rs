//! Named groups of users.

use rusqlite::{Connection, OptionalExtension, params};

use hark_engine::id::UserId;

use super::{Store, StoreError};

/// The most groups, and the most members of one.
pub const MOST_GROUPS: i64 = 1000;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// Its name, unlike every other in either case.
    pub name: String,
    /// The name that people see.
    pub display_name: String,
    /// Its members, by id.
    pub members: Vec<UserId>,
}

impl Store {
    /// Makes a group, or replaces its display name and its members.
    pub async fn set_group(&self, group: GroupRecord) -> Result<(), StoreError> {
        self.write(move |c| {
            let count: i64 = c.query_row("SELECT count(*) FROM user_groups", [], |r| r.get(0))?;
            if count >= MOST_GROUPS {
                return Err(StoreError::Conflict {
                    what: format!("there are {MOST_GROUPS} groups"),
                });
            }
            c.execute(
                "INSERT INTO user_groups (name, display_name) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET display_name = excluded.display_name",
                params![group.name, group.display_name],
            )?;
            let id: i64 =
                c.query_row("SELECT id FROM user_groups WHERE name = ?1", [&group.name], |r| {
                    r.get(0)
                })?;
            c.execute("DELETE FROM group_members WHERE grp = ?1", [id])?;
            for user in &group.members {
                c.execute(
                    "INSERT OR IGNORE INTO group_members (grp, user) VALUES (?1, ?2)",
                    params![id, user.0],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Removes a group.
    pub async fn delete_group(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |c| {
            match c.execute("DELETE FROM user_groups WHERE name = ?1", [&name])? {
                0 => Err(StoreError::NotFound { what: "group" }),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Every group, by name.
    pub async fn groups(&self) -> Result<Vec<GroupRecord>, StoreError> {
        self.read(|c| {
            let mut query =
                c.prepare_cached("SELECT id, name, display_name FROM user_groups ORDER BY name")?;
            let rows = query.query_map([], |r| {
                let group =
                    GroupRecord { name: r.get(1)?, display_name: r.get(2)?, members: Vec::new() };
                Ok((r.get::<_, i64>(0)?, group))
            })?;
            let mut groups = rows.collect::<Result<Vec<_>, _>>()?;
            for (id, group) in &mut groups {
                group.members = members(c, *id)?;
            }
            Ok(groups.into_iter().map(|(_, group)| group).collect())
        })
        .await
    }

    /// The members of a group; `None` where there is none of this name.
    pub async fn group_members(&self, name: &str) -> Result<Option<Vec<UserId>>, StoreError> {
        let name = name.to_owned();
        self.read(move |c| {
            let id: Option<i64> = c
                .prepare_cached("SELECT id FROM user_groups WHERE name = ?1")?
                .query_row([name], |r| r.get(0))
                .optional()?;
            id.map(|id| members(c, id)).transpose()
        })
        .await
    }
}

fn members(c: &Connection, group: i64) -> Result<Vec<UserId>, StoreError> {
    let mut query =
        c.prepare_cached("SELECT user FROM group_members WHERE grp = ?1 ORDER BY user")?;
    let users = query.query_map([group], |r| Ok(UserId(r.get(0)?)))?;
    Ok(users.collect::<Result<_, _>>()?)
}
