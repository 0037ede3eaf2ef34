//! Numbers as authors write them: `"1002"`, `"1xxx"`, `"*9[78]"`, `"[2-5]xx"`.

use crate::key::{Key, KeySet};

/// The longest number that a pattern may describe.
pub const MAX_PATTERN: usize = 32;

/// A number of fixed length, with a set of keys in each place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    places: Vec<KeySet>,
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut places = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            places.push(match c {
                'x' | 'X' => digits('0', '9'),
                '[' => class(&mut chars)?,
                c => match Key::from_char(c) {
                    Some(key) => KeySet::EMPTY.with(key),
                    None => return Err(format!("`{c}` is on no telephone key")),
                },
            });
            if places.len() > MAX_PATTERN {
                return Err(format!("it is longer than {MAX_PATTERN} keys"));
            }
        }
        if places.is_empty() {
            return Err("it is empty".into());
        }
        Ok(Self { text: text.into(), places })
    }

    /// The pattern of one key.
    pub fn key(key: Key) -> Self {
        Self { text: key.to_string(), places: vec![KeySet::EMPTY.with(key)] }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many keys it describes.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Never: kept beside `len`.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether it describes one number only.
    pub fn is_exact(&self) -> bool {
        self.places.iter().all(|set| set.iter().count() == 1)
    }

    /// Whether `keys` is such a number.
    pub fn matches(&self, keys: &[Key]) -> bool {
        keys.len() == self.len() && self.begins(keys)
    }

    /// Whether `keys` is such a number, or the beginning of one.
    pub fn begins(&self, keys: &[Key]) -> bool {
        keys.len() <= self.len() && keys.iter().zip(&self.places).all(|(k, set)| set.contains(*k))
    }

    /// Whether every number of `other` is one of this pattern too.
    pub fn covers(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.places.iter().zip(&other.places).all(|(a, b)| b.iter().all(|k| a.contains(k)))
    }

    /// Whether some number of this pattern is the beginning of a longer one of `other`.
    pub fn begins_some(&self, other: &Self) -> bool {
        self.len() < other.len()
            && self.places.iter().zip(&other.places).all(|(a, b)| b.iter().any(|k| a.contains(k)))
    }
}

fn class(chars: &mut std::str::Chars<'_>) -> Result<KeySet, String> {
    let mut set = KeySet::EMPTY;
    let mut last: Option<char> = None;
    loop {
        match chars.next() {
            None => return Err("the `[` has no `]`".into()),
            Some(']') if set.is_empty() => return Err("`[]` holds no key".into()),
            Some(']') => return Ok(set),
            Some('-') => {
                let (Some(from), Some(to)) = (last.take(), chars.next()) else {
                    return Err("a range needs a digit on both sides, as in `[2-5]`".into());
                };
                if !from.is_ascii_digit() || !to.is_ascii_digit() || from > to {
                    return Err(format!("`{from}-{to}` is no range of digits"));
                }
                set = digits(from, to).iter().fold(set, KeySet::with);
            }
            Some(c) => match Key::from_char(c) {
                Some(key) => {
                    set = set.with(key);
                    last = Some(c);
                }
                None => return Err(format!("`{c}` is on no telephone key")),
            },
        }
    }
}

fn digits(from: char, to: char) -> KeySet {
    (from..=to).filter_map(Key::from_char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        text.chars().filter_map(Key::from_char).collect()
    }

    #[test]
    fn matches_by_place() {
        let pattern = Pattern::parse("*9[78]").unwrap();
        assert!(pattern.matches(&keys("*97")));
        assert!(!pattern.matches(&keys("*96")));
        assert!(pattern.begins(&keys("*")));
        assert!(Pattern::parse("1xxx").unwrap().covers(&Pattern::parse("10[2-4]x").unwrap()));
        assert!(
            Pattern::key(Key::from_char('1').unwrap())
                .begins_some(&Pattern::parse("1xxx").unwrap())
        );
    }

    #[test]
    fn says_what_is_wrong() {
        for wrong in ["", "1y", "[", "[]", "[5-2]", "[-]", "[2-", &"1".repeat(33)] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
