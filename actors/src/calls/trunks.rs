//! Trunks: which calls come in over one, and how many may go out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hark_engine::sip::address::NameAddr;
use hark_engine::sip::uri::{SipUri, Uri};
use hark_engine::time::Instant;
use prometheus::IntCounterVec;

use crate::config::Trunk;

const HOUR: Duration = Duration::from_secs(3600);
/// The longest number that is dialled; E.164 allows 15 digits, prefixes come before them.
const LONGEST_NUMBER: usize = 32;

/// The trunks. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Trunks {
    lines: Arc<[Line]>,
    refused: IntCounterVec,
}

#[derive(Debug)]
struct Line {
    config: Trunk,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    calls: usize,
    /// When the calls of the last hour began, oldest first.
    begun: VecDeque<Instant>,
}

/// A call that goes out over a trunk; it counts until this is dropped.
#[derive(Debug)]
pub struct TrunkCall {
    trunks: Trunks,
    line: usize,
}

impl Drop for TrunkCall {
    fn drop(&mut self) {
        if let Some(line) = self.trunks.lines.get(self.line) {
            let mut used = line.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.calls = used.calls.saturating_sub(1);
        }
    }
}

impl TrunkCall {
    /// The trunk's name.
    pub fn name(&self) -> &str {
        self.trunks.lines.get(self.line).map_or("", |line| line.config.name.as_str())
    }

    /// Where a number is called on it. `None` if it is no number: digits, `*`, `#`, `+` in front.
    pub fn uri(&self, number: &str) -> Option<Uri> {
        let rest = number.strip_prefix('+').unwrap_or(number);
        let dialled = |c: char| c.is_ascii_digit() || c == '*' || c == '#';
        if rest.is_empty() || number.len() > LONGEST_NUMBER || !rest.chars().all(dialled) {
            return None;
        }
        self.at_trunk(number)
    }

    /// As whom the carrier knows us, if it does.
    pub fn identity(&self) -> Option<NameAddr> {
        let user = self.trunks.lines.get(self.line)?.config.user.as_deref()?;
        self.at_trunk(user).map(NameAddr::new)
    }

    /// User and password, if the carrier asks for them.
    pub fn credentials(&self) -> Option<(String, String)> {
        let Trunk { user, password, .. } = &self.trunks.lines.get(self.line)?.config;
        Some((user.clone()?, password.clone()?))
    }

    fn at_trunk(&self, user: &str) -> Option<Uri> {
        let address = self.trunks.lines.get(self.line)?.config.address.uri();
        let mut uri = SipUri::new(user, address.host.clone(), address.port);
        uri.params = address.params.clone();
        Some(Uri::Sip(uri))
    }
}

impl Trunks {
    /// The trunks of the configuration, the first one being that of numbers without a trunk.
    /// `refused` counts by trunk and reason.
    pub fn new(trunks: &[Trunk], refused: IntCounterVec) -> Self {
        let lines = trunks.iter().map(|t| Line { config: t.clone(), used: Mutex::default() });
        Self { lines: lines.collect(), refused }
    }

    /// The trunk whose calls come from this address.
    pub fn of_source(&self, ip: IpAddr) -> Option<&str> {
        let ip = ip.to_canonical();
        let mut lines = self.lines.iter();
        let line = lines.find(|line| line.config.from.iter().any(|from| from.to_canonical() == ip));
        line.map(|line| line.config.name.as_str())
    }

    /// Whether there is a trunk of this name, or any for numbers without one.
    pub fn has(&self, name: Option<&str>) -> bool {
        name.map_or(!self.lines.is_empty(), |name| {
            self.lines.iter().any(|line| line.config.name == name)
        })
    }

    /// Begins a call over the trunk of this name, or the first. `None` if there is no such
    /// trunk, or it carries as many calls as it may, now or in an hour.
    pub fn begin(&self, now: Instant, name: Option<&str>) -> Option<TrunkCall> {
        let mut lines = self.lines.iter();
        let index = match name {
            Some(name) => lines.position(|line| line.config.name == name),
            None => (!self.lines.is_empty()).then_some(0),
        };
        let Some((index, line)) = index.and_then(|i| Some((i, self.lines.get(i)?))) else {
            tracing::warn!(name, "a dialplan calls over a trunk that hark.toml does not have");
            return None;
        };
        let mut used = line.used.lock().unwrap_or_else(PoisonError::into_inner);
        while used.begun.front().is_some_and(|begun| now.since(*begun) >= HOUR) {
            used.begun.pop_front();
        }
        let limit = if used.calls >= line.config.max_calls {
            Some("max_calls")
        } else {
            (used.begun.len() >= line.config.calls_per_hour).then_some("calls_per_hour")
        };
        if let Some(reason) = limit {
            self.refused.with_label_values(&[line.config.name.as_str(), reason]).inc();
            return None;
        }
        used.calls += 1;
        used.begun.push_back(now);
        Some(TrunkCall { trunks: self.clone(), line: index })
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;

    use super::*;
    use crate::config::Config;

    fn trunks() -> Trunks {
        let text = r#"
            [[trunk]]
            name = "first"
            address = "sip:127.0.0.5:5070;transport=tcp"
            user = "hark"
            password = "secret"
            from = ["127.0.0.5", "127.0.0.6"]
            max_calls = 2
            calls_per_hour = 3
            [[trunk]]
            name = "second"
            address = "sip:carrier.example"
        "#;
        let config = Config::parse(std::path::Path::new("hark.toml"), text).unwrap();
        let refused = IntCounterVec::new(Opts::new("refused", "x"), &["trunk", "reason"]).unwrap();
        Trunks::new(&config.trunks, refused)
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn numbers_become_addresses_of_the_trunk_and_nothing_else_does() {
        let trunks = trunks();
        let call = trunks.begin(at(0), None).unwrap();
        let uri = call.uri("+493012345").unwrap();
        assert_eq!(uri.to_string(), "sip:+493012345@127.0.0.5:5070;transport=tcp");
        assert_eq!(call.name(), "first");
        assert!(call.identity().unwrap().to_string().contains("sip:hark@127.0.0.5:5070"));
        assert_eq!(call.credentials(), Some(("hark".into(), "secret".into())));
        for number in ["", "+", "12a", "1@evil.example", "1;x", "1 2", "++1", &"1".repeat(33)] {
            assert_eq!(call.uri(number), None, "{number:?}");
        }
        let other = trunks.begin(at(0), Some("second")).unwrap();
        assert_eq!(other.uri("110").unwrap().to_string(), "sip:110@carrier.example");
        assert_eq!((other.identity(), other.credentials()), (None, None));
        assert!(trunks.begin(at(0), Some("third")).is_none());
    }

    #[test]
    fn no_more_calls_than_allowed_at_once_or_in_an_hour() {
        let trunks = trunks();
        let first = trunks.begin(at(0), None).unwrap();
        let second = trunks.begin(at(10), None).unwrap();
        assert!(trunks.begin(at(20), None).is_none(), "two at once");
        drop(first);
        drop(trunks.begin(at(30), None).unwrap());
        drop(second);
        assert!(trunks.begin(at(40), None).is_none(), "three in an hour");
        assert!(trunks.begin(at(3599), None).is_none());
        assert!(trunks.begin(at(3600), None).is_some(), "the first was an hour ago");
        let count = |reason| trunks.refused.with_label_values(&["first", reason]).get();
        assert_eq!((count("max_calls"), count("calls_per_hour")), (1, 2));
    }

    #[test]
    fn a_call_is_known_by_its_source() {
        let trunks = trunks();
        assert_eq!(trunks.of_source([127, 0, 0, 6].into()), Some("first"));
        assert_eq!(trunks.of_source("::ffff:127.0.0.5".parse().unwrap()), Some("first"));
        assert_eq!(trunks.of_source([127, 0, 0, 7].into()), None);
    }
}
