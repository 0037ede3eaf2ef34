//! Names by the side that they were given on. An author who imports what ships may use the names
//! that stand there for something else: each side means its own, and the other's where it has none.

use std::collections::HashMap;

/// What is known by name.
pub(super) struct Known<T> {
    own: HashMap<String, T>,
    shipped: HashMap<String, T>,
}

impl<T> Known<T> {
    pub fn new() -> Self {
        Self { own: HashMap::new(), shipped: HashMap::new() }
    }

    /// What a source of this side means by a name.
    pub fn get(&self, shipped: bool, name: &str) -> Option<&T> {
        let (near, far) =
            if shipped { (&self.shipped, &self.own) } else { (&self.own, &self.shipped) };
        near.get(name).or_else(|| far.get(name))
    }

    /// What this side itself has given the name to.
    pub fn of_side(&self, shipped: bool, name: &str) -> Option<&T> {
        if shipped { self.shipped.get(name) } else { self.own.get(name) }
    }

    pub fn insert(&mut self, shipped: bool, name: &str, value: T) {
        let side = if shipped { &mut self.shipped } else { &mut self.own };
        side.insert(name.to_owned(), value);
    }

    /// Every name, for whoever mistypes one.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.own.keys().chain(self.shipped.keys())
    }
}
