//! Who may register and call as one of ours.

use std::collections::HashMap;

use crate::sip::digest::Ha1;

/// The accounts by name, with what digest authentication needs of each password.
#[derive(Clone, Default)]
pub struct Accounts(HashMap<String, Ha1>);

impl Accounts {
    /// No accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an account, or changes its password.
    pub fn insert(&mut self, name: impl Into<String>, ha1: Ha1) {
        self.0.insert(name.into(), ha1);
    }

    /// What `name`'s password hashes to.
    pub fn get(&self, name: &str) -> Option<&Ha1> {
        self.0.get(name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Ha1)> for Accounts {
    fn from_iter<T: IntoIterator<Item = (String, Ha1)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Accounts({})", self.0.len())
    }
}
