//! Which numbers whoever holds a link may have called, and how often.
//!
//! A link can be passed on to anybody, and every call over a trunk costs money. So nothing is
//! allowed unless the operator names patterns of numbers, and what they allow is limited for
//! each link, for each number, and for all of them together, in any 24 hours.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::dialplan::pattern::Pattern;
use crate::key::Key;
use crate::time::Instant;

/// The span that the limits are for.
pub const DAY: Duration = Duration::from_secs(86_400);

/// The longest number, with its `+`: E.164 has 15 digits, prefixes come before them.
pub const LONGEST: usize = 32;

/// A pattern of numbers that may be called: `+4930x{4,8}`, `0301234xxx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    plus: bool,
    pattern: Pattern,
}

impl Allowed {
    /// Reads one, or says what is wrong with it.
    ///
    /// # Errors
    /// What is wrong with the pattern, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (plus, rest) = split(text);
        Ok(Self { plus, pattern: Pattern::parse(rest)? })
    }

    fn matches(&self, number: &str) -> bool {
        let (plus, rest) = split(number);
        let keys: Option<Vec<Key>> = rest.chars().map(Key::from_char).collect();
        plus == self.plus && keys.is_some_and(|keys| self.pattern.matches(&keys))
    }
}

fn split(number: &str) -> (bool, &str) {
    number.strip_prefix('+').map_or((false, number), |rest| (true, rest))
}

/// How many calls there may be in any 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Asked for with one link.
    pub per_link: usize,
    /// To one number.
    pub per_number: usize,
    /// In all.
    pub total: usize,
}

/// Why a number is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no number.
    #[error("that is no telephone number: write digits, with + and the country's code in front")]
    NoNumber,
    /// No pattern allows it.
    #[error("this server does not call that number from a link: listen here, or ask its operator")]
    NotAllowed,
    /// One of the limits is reached.
    #[error(
        "too many calls were asked for with this link, to this number or in all: try again tomorrow"
    )]
    Limit,
}

impl Refused {
    /// As metrics call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoNumber => "no_number",
            Self::NotAllowed => "not_allowed",
            Self::Limit => "limit",
        }
    }
}

/// The policy, and the calls of the last 24 hours. It remembers as many as [`Limits::total`].
#[derive(Clone, Debug)]
pub struct Policy<L> {
    allowed: Vec<Allowed>,
    limits: Limits,
    begun: VecDeque<(Instant, L, String)>,
    per_link: HashMap<L, usize>,
    per_number: HashMap<String, usize>,
}

impl<L: Clone + Eq + std::hash::Hash> Policy<L> {
    /// A policy under which nothing was called yet. No pattern: nothing is allowed.
    pub fn new(allowed: Vec<Allowed>, limits: Limits) -> Self {
        Self {
            allowed,
            limits,
            begun: VecDeque::new(),
            per_link: HashMap::new(),
            per_number: HashMap::new(),
        }
    }

    /// Whether any number may be called at all.
    pub fn allows_some(&self) -> bool {
        !self.allowed.is_empty() && self.limits.total > 0
    }

    /// Claims a call to `number`, as somebody typed it, with `link`. Answers the number to dial.
    ///
    /// # Errors
    /// Why it is not to be called. Nothing is counted then.
    pub fn claim(&mut self, now: Instant, link: &L, number: &str) -> Result<String, Refused> {
        let number = plain(number).ok_or(Refused::NoNumber)?;
        if !self.allowed.iter().any(|allowed| allowed.matches(&number)) {
            return Err(Refused::NotAllowed);
        }
        self.forget(now);
        let Limits { per_link, per_number, total } = self.limits;
        let links = self.per_link.get(link).copied().unwrap_or(0);
        let numbers = self.per_number.get(&number).copied().unwrap_or(0);
        if links >= per_link || numbers >= per_number || self.begun.len() >= total {
            return Err(Refused::Limit);
        }
        *self.per_link.entry(link.clone()).or_default() += 1;
        *self.per_number.entry(number.clone()).or_default() += 1;
        self.begun.push_back((now, link.clone(), number.clone()));
        Ok(number)
    }

    fn forget(&mut self, now: Instant) {
        while self.begun.front().is_some_and(|(begun, ..)| now.since(*begun) >= DAY) {
            let Some((_, link, number)) = self.begun.pop_front() else { return };
            lower(&mut self.per_link, &link);
            lower(&mut self.per_number, &number);
        }
    }
}

fn lower<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// The number without what people write between digits. `None` if it is none: a name, an address,
/// a star code, or too long.
fn plain(text: &str) -> Option<String> {
    let number: String =
        text.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '/' | '.')).collect();
    let (_, digits) = split(&number);
    let fits = (3..=LONGEST).contains(&number.len()) && digits.chars().all(|c| c.is_ascii_digit());
    (fits && !digits.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { per_link: 2, per_number: 3, total: 5 };

    fn policy(patterns: &[&str]) -> Policy<u32> {
        let allowed = patterns.iter().map(|p| Allowed::parse(p).unwrap()).collect();
        Policy::new(allowed, LIMITS)
    }

    #[test]
    fn nothing_is_allowed_unless_it_is_named() {
        let mut nothing = policy(&[]);
        assert!(!nothing.allows_some());
        let refused = nothing.claim(Instant::ZERO, &1, "+493012345");
        assert_eq!(refused, Err(Refused::NotAllowed));
    }

    #[test]
    fn numbers_are_read_as_people_write_them_and_nothing_else_is_one() {
        let mut policy = policy(&["+4930x{4,8}"]);
        let dialled = policy.claim(Instant::ZERO, &1, " +49 (30) 123-456/7 ");
        assert_eq!(dialled.as_deref(), Ok("+49301234567"));
        let wrong = [
            "",
            "+",
            "12",
            "bob",
            "sip:bob@x",
            "*97",
            "+49#30",
            "+4930123;phone-context=x",
            "+49 30 1234\r\nX: y",
            "٣٤٥٦٧٨",
            "+4930123456789012345678901234567890",
        ];
        for text in wrong {
            assert_eq!(policy.claim(Instant::ZERO, &1, text), Err(Refused::NoNumber), "{text}");
        }
    }

    #[test]
    fn a_premium_number_beside_the_patterns_is_refused() {
        let mut policy = policy(&["+4930x{4,8}", "1xxx"]);
        // Another country, too long, the same digits without +, a prefix before.
        for number in ["+1900555123", "+49301234567890", "49301234567", "00493012345", "9001234"] {
            let refused = policy.claim(Instant::ZERO, &1, number);
            assert_eq!(refused, Err(Refused::NotAllowed), "{number}");
        }
        assert!(policy.claim(Instant::ZERO, &1, "1002").is_ok());
    }

    #[test]
    fn each_limit_holds_for_a_day_and_no_longer() {
        let mut policy = policy(&["+4930xxxx"]);
        let mut claim = |at: u64, link: u32, number: &str| {
            policy.claim(Instant::ZERO + Duration::from_secs(at), &link, number)
        };
        assert!(claim(0, 1, "+49301111").is_ok());
        assert!(claim(1, 1, "+49302222").is_ok());
        assert_eq!(claim(2, 1, "+49303333"), Err(Refused::Limit), "a link has two");
        assert!(claim(3, 2, "+49301111").is_ok());
        assert!(claim(4, 3, "+49301111").is_ok());
        assert_eq!(claim(5, 4, "+49301111"), Err(Refused::Limit), "a number has three");
        assert!(claim(6, 4, "+49304444").is_ok());
        assert_eq!(claim(7, 5, "+49305555"), Err(Refused::Limit), "all have five");
        let day = DAY.as_secs();
        assert_eq!(claim(day - 1, 5, "+49305555"), Err(Refused::Limit));
        assert!(claim(day, 5, "+49305555").is_ok(), "the first one is forgotten");
        assert_eq!(claim(day, 1, "+49306666"), Err(Refused::Limit));
        assert!(claim(day + 1, 1, "+49306666").is_ok());
    }

    #[test]
    fn what_is_remembered_stays_bounded() {
        let mut policy = policy(&["+4930xxxx"]);
        for n in 0..10_000_u32 {
            let now = Instant::ZERO + Duration::from_secs(u64::from(n) * 60);
            let _ = policy.claim(now, &n, &format!("+4930{:04}", n % 10_000));
            assert!(policy.begun.len() <= LIMITS.total);
            assert!(policy.per_link.len() <= LIMITS.total);
            assert!(policy.per_number.len() <= LIMITS.total);
        }
    }
}
