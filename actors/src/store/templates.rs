//! The templates of announcements: the site's, and each user's own.

use rusqlite::{OptionalExtension, Row, params};

use hark_engine::id::UserId;

use super::{Store, StoreError};

/// The most templates of one owner.
const MOST: i64 = 500;

/// A template as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateRecord {
    /// Whose it is; `None` for the site's.
    pub owner: Option<UserId>,
    /// Its name, unlike every other of its owner.
    pub name: String,
    /// What it says, as JSON.
    pub body: String,
}

impl Store {
    /// Makes a template, or replaces the one of its name.
    pub async fn set_template(&self, template: TemplateRecord) -> Result<(), StoreError> {
        self.write(move |c| {
            let owner = template.owner.map(|owner| owner.0);
            let sql = "SELECT count(*) FROM templates WHERE coalesce(owner, 0) = coalesce(?1, 0)";
            let count: i64 = c.query_row(sql, [owner], |r| r.get(0))?;
            if count >= MOST {
                return Err(StoreError::Conflict { what: format!("there are {MOST} templates") });
            }
            c.execute(
                "INSERT INTO templates (owner, name, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (coalesce(owner, 0), name) DO UPDATE SET body = excluded.body",
                params![owner, template.name, template.body],
            )?;
            Ok(())
        })
        .await
    }

    /// Removes a template.
    pub async fn delete_template(
        &self,
        owner: Option<UserId>,
        name: &str,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |c| {
            let sql =
                "DELETE FROM templates WHERE coalesce(owner, 0) = coalesce(?1, 0) AND name = ?2";
            match c.execute(sql, params![owner.map(|o| o.0), name])? {
                0 => Err(StoreError::NotFound { what: "template" }),
                _ => Ok(()),
            }
        })
        .await
    }

    /// The templates that a user can use: their own, and the site's.
    pub async fn templates(&self, user: UserId) -> Result<Vec<TemplateRecord>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT owner, name, body FROM templates WHERE owner = ?1 OR owner IS NULL
                 ORDER BY name, owner IS NULL",
            )?;
            let rows = query.query_map([user.0], template)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The template of a name: the user's own before the site's.
    pub async fn template(
        &self,
        user: UserId,
        name: &str,
    ) -> Result<Option<TemplateRecord>, StoreError> {
        let name = name.to_owned();
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT owner, name, body FROM templates
                 WHERE (owner = ?1 OR owner IS NULL) AND name = ?2 ORDER BY owner IS NULL LIMIT 1",
            )?
            .query_row(params![user.0, name], template)
            .optional()?)
        })
        .await
    }
}

fn template(row: &Row<'_>) -> rusqlite::Result<TemplateRecord> {
    let owner: Option<i64> = row.get(0)?;
    Ok(TemplateRecord { owner: owner.map(UserId), name: row.get(1)?, body: row.get(2)? })
}
