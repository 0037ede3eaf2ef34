//! Who can be reached: a snapshot of the users, taken by whoever runs a machine that needs it.

use std::collections::HashMap;

use crate::id::UserId;

/// What other parts may know of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The account's number in the store.
    pub id: UserId,
    /// The sign-in name, which is also the user part of the SIP address: `alice`.
    pub name: String,
    /// The name that people see and hear: `Alice Archer`.
    pub display_name: String,
    /// The extension that telephones dial: `1001`. Digits only.
    pub extension: String,
    /// The longest message that this user takes, in seconds (1-3600).
    pub message_limit_secs: u32,
    /// BCP 47 tag of the language in which telephones speak to this user.
    pub language: String,
    /// The users in this user's contact list.
    pub contacts: Vec<UserId>,
    /// Whether the user recorded a greeting of their own.
    pub has_greeting: bool,
}

/// A snapshot of all users and of the site's own data. Cheap to share behind an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    site_name: String,
    users: Vec<User>,
    by_id: HashMap<UserId, usize>,
    by_name: HashMap<String, usize>,
    by_extension: HashMap<String, usize>,
}

impl Directory {
    /// A snapshot of `users` at the site called `site_name`. Where two users share a name or an
    /// extension, the first keeps it.
    pub fn new(site_name: impl Into<String>, users: Vec<User>) -> Self {
        let mut directory = Self { site_name: site_name.into(), ..Self::default() };
        for (index, user) in users.iter().enumerate() {
            directory.by_id.entry(user.id).or_insert(index);
            directory.by_name.entry(user.name.to_ascii_lowercase()).or_insert(index);
            directory.by_extension.entry(user.extension.clone()).or_insert(index);
        }
        directory.users = users;
        directory
    }

    /// What the site calls itself, as prompts speak it.
    pub fn site_name(&self) -> &str {
        &self.site_name
    }

    /// Every user, in the order of the store.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// The user with this id.
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.by_id.get(&id).map(|i| &self.users[*i])
    }

    /// The user who signs in by this name, in either case.
    pub fn by_name(&self, name: &str) -> Option<&User> {
        self.by_name.get(&name.to_ascii_lowercase()).map(|i| &self.users[*i])
    }

    /// The user at this extension.
    pub fn by_extension(&self, extension: &str) -> Option<&User> {
        self.by_extension.get(extension).map(|i| &self.users[*i])
    }
}
