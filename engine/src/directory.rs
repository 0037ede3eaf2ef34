//! Who can be reached: a snapshot of the users, taken by whoever runs a machine that needs it.

use std::collections::HashMap;

use crate::delivery::address::Address;
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
    /// The greetings that the user recorded.
    pub greetings: Greetings,
    /// Whether the user recorded their own name.
    pub has_spoken_name: bool,
    /// Whether the mailbox takes no further message.
    pub mailbox_full: bool,
}

/// When a greeting is meant to be played; the dialplan decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GreetingKind {
    /// At any time.
    Standard,
    /// While the user speaks with somebody else.
    Busy,
    /// While the user is away.
    Away,
    /// In the place of all others, until it is thrown away.
    Temporary,
    /// Outside of working hours.
    Closed,
}

impl GreetingKind {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Standard, Self::Busy, Self::Away, Self::Temporary, Self::Closed];

    /// As files and dialplans name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Temporary => "temporary",
            Self::Closed => "closed",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A set of greetings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greetings(u8);

impl Greetings {
    /// Whether it holds this one.
    pub const fn contains(self, kind: GreetingKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// The set with this one.
    #[must_use]
    pub const fn with(self, kind: GreetingKind) -> Self {
        Self(self.0 | (1 << kind as u8))
    }

    /// The set without this one.
    #[must_use]
    pub const fn without(self, kind: GreetingKind) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }
}

impl FromIterator<GreetingKind> for Greetings {
    fn from_iter<T: IntoIterator<Item = GreetingKind>>(kinds: T) -> Self {
        kinds.into_iter().fold(Self::default(), Self::with)
    }
}

/// A snapshot of all users and of the site's own data. Cheap to share behind an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    site_name: String,
    users: Vec<User>,
    outside: Vec<(User, Address)>,
    by_id: HashMap<UserId, usize>,
    outside_by_id: HashMap<UserId, usize>,
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

    /// This snapshot with numbers and addresses outside, to whom messages are sent like to users:
    /// they are found by their ids, and by nothing else.
    #[must_use]
    pub fn with_outside(mut self, outside: Vec<(User, Address)>) -> Self {
        let ids = outside.iter().enumerate().map(|(index, (user, _))| (user.id, index));
        self.outside_by_id = ids.collect();
        self.outside = outside;
        self
    }

    /// The number or address that this id stands for, if it is no user's.
    pub fn address(&self, id: UserId) -> Option<&Address> {
        self.outside_by_id.get(&id).and_then(|i| self.outside.get(*i)).map(|(_, address)| address)
    }

    /// What the site calls itself, as prompts speak it.
    pub fn site_name(&self) -> &str {
        &self.site_name
    }

    /// Every user, in the order of the store.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// The numbers and addresses outside to whom messages were sent.
    pub fn outside(&self) -> impl Iterator<Item = &User> {
        self.outside.iter().map(|(user, _)| user)
    }

    /// The user with this id, who may stand for a number or address outside.
    pub fn user(&self, id: UserId) -> Option<&User> {
        let outside = || {
            let index = self.outside_by_id.get(&id)?;
            self.outside.get(*index).map(|(user, _)| user)
        };
        self.by_id.get(&id).map(|i| &self.users[*i]).or_else(outside)
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
