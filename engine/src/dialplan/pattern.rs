//! Numbers as authors write them: `"1002"`, `"1xxx"`, `"*9[78]"`, `"00(x+)"`, `"x{4,10}"`.

use crate::key::{Key, KeySet};

/// The longest number that a pattern may describe.
pub const MAX_PATTERN: usize = 32;

/// A number, with a set of keys in each place; the last place may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// The places that every such number has.
    places: Vec<KeySet>,
    /// What may follow them, and how often at most.
    more: (KeySet, usize),
    /// The places that `(…)` captures, from and to; to the number's end if there is no end.
    capture: Option<(usize, Option<usize>)>,
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { chars: text.chars().peekable(), places: Vec::new() };
        let (mut more, mut open, mut capture) = ((KeySet::EMPTY, 0), None, None);
        while let Some(c) = reader.chars.next() {
            match c {
                '(' if open.is_none() && capture.is_none() => open = Some(reader.places.len()),
                '(' => return Err("only one part of it can be captured by `(…)`".into()),
                ')' => {
                    let from = open.take().ok_or("the `)` has no `(`")?;
                    if from == reader.places.len() && more.1 == 0 {
                        return Err("`()` captures nothing".into());
                    }
                    let to = (more.1 == 0).then_some(reader.places.len());
                    capture = Some((from, to));
                }
                _ if more.1 > 0 => {
                    return Err("what is repeated can only stand at its end".into());
                }
                c => more = reader.place(c)?,
            }
            if reader.places.len() > MAX_PATTERN {
                return Err(format!("it is longer than {MAX_PATTERN} keys"));
            }
        }
        if open.is_some() {
            return Err("the `(` has no `)`".into());
        }
        if reader.places.is_empty() {
            return Err("it is empty".into());
        }
        more.1 = more.1.min(MAX_PATTERN - reader.places.len());
        Ok(Self { text: text.into(), places: reader.places, more, capture })
    }

    /// The pattern of one key.
    pub fn key(key: Key) -> Self {
        Self {
            text: key.to_string(),
            places: vec![KeySet::EMPTY.with(key)],
            more: (KeySet::EMPTY, 0),
            capture: None,
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The fewest keys of such a number.
    pub fn shortest(&self) -> usize {
        self.places.len()
    }

    /// The most keys of such a number.
    pub fn longest(&self) -> usize {
        self.places.len() + self.more.1
    }

    /// Whether it describes one number only.
    pub fn is_exact(&self) -> bool {
        self.more.1 == 0 && self.places.iter().all(|set| set.iter().count() == 1)
    }

    /// Whether `keys` is such a number.
    pub fn matches(&self, keys: &[Key]) -> bool {
        keys.len() >= self.shortest() && self.begins(keys)
    }

    /// Whether `keys` is such a number, or the beginning of one.
    pub fn begins(&self, keys: &[Key]) -> bool {
        keys.len() <= self.longest()
            && keys.iter().enumerate().all(|(at, key)| self.place(at).contains(*key))
    }

    /// Whether such a number may go on behind `keys`.
    pub fn goes_on(&self, keys: &[Key]) -> bool {
        keys.len() < self.longest() && self.begins(keys)
    }

    /// The part of such a number that `(…)` captures; all of it where there is none.
    pub fn captured<'a>(&self, keys: &'a [Key]) -> &'a [Key] {
        let (from, to) = self.capture.unwrap_or((0, None));
        keys.get(from..to.unwrap_or(keys.len())).unwrap_or(keys)
    }

    /// Whether every number of `other` is one of this pattern too.
    pub fn covers(&self, other: &Self) -> bool {
        self.shortest() <= other.shortest()
            && self.longest() >= other.longest()
            && (0..other.longest())
                .all(|at| other.place(at).iter().all(|k| self.place(at).contains(k)))
    }

    /// Whether some number of this pattern is the beginning of a longer one of `other`.
    pub fn begins_some(&self, other: &Self) -> bool {
        self.shortest() < other.longest()
            && (0..self.shortest())
                .all(|at| other.place(at).iter().any(|k| self.place(at).contains(k)))
    }

    /// Whether `key` may stand anywhere but in the first place.
    pub fn has_behind_first(&self, key: Key) -> bool {
        (1..self.longest()).any(|at| self.place(at).contains(key))
    }

    /// The keys that such a number may begin with.
    pub fn first(&self) -> KeySet {
        self.place(0)
    }

    /// The shortest such number, of the lowest keys.
    pub fn least(&self) -> Vec<Key> {
        self.places.iter().filter_map(|set| set.iter().next()).collect()
    }

    /// Whether every place takes any digit.
    pub fn covers_any_digit(&self) -> bool {
        (0..self.longest()).all(|at| digits('0', '9').iter().all(|k| self.place(at).contains(k)))
    }

    /// The keys that may stand in a place.
    fn place(&self, at: usize) -> KeySet {
        self.places.get(at).copied().unwrap_or(self.more.0)
    }
}

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    places: Vec<KeySet>,
}

impl Reader<'_> {
    /// One place with its repetition; what may follow it.
    fn place(&mut self, c: char) -> Result<(KeySet, usize), String> {
        let set = match c {
            'x' | 'X' => digits('0', '9'),
            '[' => self.class()?,
            c => match Key::from_char(c) {
                Some(key) => KeySet::EMPTY.with(key),
                None => return Err(format!("`{c}` is on no telephone key")),
            },
        };
        let (fewest, most) = match self.chars.peek() {
            Some('+') => {
                self.chars.next();
                (1, MAX_PATTERN)
            }
            Some('{') => {
                self.chars.next();
                self.repetition()?
            }
            _ => (1, 1),
        };
        self.places.extend(std::iter::repeat_n(set, fewest));
        Ok((set, most - fewest))
    }

    /// `{4}` or `{4,10}`, behind its brace.
    fn repetition(&mut self) -> Result<(usize, usize), String> {
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some('}') => break,
                Some(c) if text.len() < 8 => text.push(c),
                _ => return Err("the `{` has no `}`".into()),
            }
        }
        let (fewest, most) = text.split_once(',').unwrap_or((&text, &text));
        match (fewest.trim().parse(), most.trim().parse()) {
            (Ok(fewest), Ok(most)) if (1..=most).contains(&fewest) && most <= MAX_PATTERN => {
                Ok((fewest, most))
            }
            _ => Err(format!("`{{{text}}}` is no number of times: write `x{{4}}` or `x{{4,10}}`")),
        }
    }

    fn class(&mut self) -> Result<KeySet, String> {
        let mut set = KeySet::EMPTY;
        let mut last: Option<char> = None;
        loop {
            match self.chars.next() {
                None => return Err("the `[` has no `]`".into()),
                Some(']') if set.is_empty() => return Err("`[]` holds no key".into()),
                Some(']') => return Ok(set),
                Some('-') => {
                    let (Some(from), Some(to)) = (last.take(), self.chars.next()) else {
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

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn matches_by_place() {
        let star = pattern("*9[78]");
        assert!(star.matches(&keys("*97")));
        assert!(!star.matches(&keys("*96")));
        assert!(star.begins(&keys("*")));
        assert!(pattern("1xxx").covers(&pattern("10[2-4]x")));
        assert!(Pattern::key(Key::from_char('1').unwrap()).begins_some(&pattern("1xxx")));
    }

    #[test]
    fn the_end_may_be_repeated() {
        let abroad = pattern("00x{4,10}");
        assert!(!abroad.matches(&keys("00123")));
        assert!(abroad.matches(&keys("001234")) && abroad.goes_on(&keys("001234")));
        assert!(abroad.matches(&keys("001234567890")) && !abroad.goes_on(&keys("001234567890")));
        assert!(!abroad.matches(&keys("0012345678901")));
        assert!(pattern("0x+").covers(&abroad) && !abroad.covers(&pattern("0x+")));
        assert!(pattern("x+").longest() == MAX_PATTERN && !pattern("x+").is_exact());
        assert!(pattern("0{3}").is_exact());
    }

    #[test]
    fn a_part_is_captured() {
        let prefixed = pattern("9(x+)");
        assert_eq!(prefixed.captured(&keys("9123")), keys("123"));
        assert_eq!(pattern("*2(xx)#").captured(&keys("*247#")), keys("47"));
        assert_eq!(pattern("1xx").captured(&keys("123")), keys("123"));
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = [
            "", "1y", "[", "[]", "[5-2]", "[-]", "[2-", "(1", "1)", "()", "(1)(2)", "x+1", "x{",
            "x{0}", "x{3,2}", "x{99}", "x{a}", "+",
        ];
        for wrong in wrong.into_iter().map(str::to_owned).chain(["1".repeat(33)]) {
            assert!(Pattern::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
