//! The keys of a telephone: `0`-`9`, `*`, `#`, `A`-`D` (RFC 4733 section 3.2, events 0-15).

use std::fmt;

/// One key of a telephone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u8);

impl Key {
    /// `*`
    pub const STAR: Self = Self(10);
    /// `#`
    pub const POUND: Self = Self(11);

    /// The key of an RFC 4733 event code, if the code names a key (0-15).
    pub const fn from_event(event: u8) -> Option<Self> {
        if event < 16 { Some(Self(event)) } else { None }
    }

    /// The RFC 4733 event code, 0-15.
    pub const fn event(self) -> u8 {
        self.0
    }

    /// The key that a character names, if it names one. Letters in either case.
    pub const fn from_char(c: char) -> Option<Self> {
        match c {
            '0'..='9' => Some(Self(c as u8 - b'0')),
            '*' => Some(Self::STAR),
            '#' => Some(Self::POUND),
            'A'..='D' => Some(Self(c as u8 - b'A' + 12)),
            'a'..='d' => Some(Self(c as u8 - b'a' + 12)),
            _ => None,
        }
    }

    /// The character on the key.
    pub const fn as_char(self) -> char {
        match self.0 {
            n @ 0..=9 => (b'0' + n) as char,
            10 => '*',
            11 => '#',
            n => (b'A' + n - 12) as char,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.as_char())
    }
}

/// A set of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeySet(u16);

impl KeySet {
    /// No key.
    pub const EMPTY: Self = Self(0);
    /// Every key.
    pub const ALL: Self = Self(u16::MAX);

    /// Whether `key` is in the set.
    pub const fn contains(self, key: Key) -> bool {
        self.0 & (1 << key.0) != 0
    }

    /// The set with `key` added.
    #[must_use]
    pub const fn with(self, key: Key) -> Self {
        Self(self.0 | (1 << key.0))
    }

    /// Whether no key is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The keys of the set, in the order of their event codes.
    pub fn iter(self) -> impl Iterator<Item = Key> {
        (0..16).filter_map(Key::from_event).filter(move |k| self.contains(*k))
    }
}

impl FromIterator<Key> for KeySet {
    fn from_iter<T: IntoIterator<Item = Key>>(iter: T) -> Self {
        iter.into_iter().fold(Self::EMPTY, Self::with)
    }
}
