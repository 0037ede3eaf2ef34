//! `hark.toml`: what an operator decides. Every key has a default that serves the demo on
//! loopback; an unknown key is an error, so that a misspelt one is not silently ignored.

mod orders;
mod outside;
mod outward;
mod trunk;

mod events;
mod retention;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

pub use orders::{AllowedNumber, Orders};
pub use outside::Outside;
pub use outward::{Mail, MailAttachment, MailTls, Outward};
pub use trunk::{Trunk, TrunkAddress};

pub use events::Events;
pub use retention::Retention;

/// Why a configuration file can't be used. The text names file, line, cause and mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error(
        "{path}: can't be read: {source}\n  mend: check the path given to --config, and its permissions"
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or has an unknown key or a value of the wrong type.
    #[error(
        "{path}:{line}:{column}: {message}\n  {line} | {text}\n  mend: correct that line; the hark.toml that ships lists every key with its default"
    )]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
        /// The line itself.
        text: String,
    },
    /// A value is out of its range.
    #[error("{path}: {key} = {value}: {message}")]
    OutOfRange {
        /// Which file.
        path: PathBuf,
        /// Which key, with its section.
        key: &'static str,
        /// What it was set to.
        value: String,
        /// Which values are allowed.
        message: &'static str,
    },
}

/// The whole configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[site]`
    pub site: Site,
    /// `[storage]`
    pub storage: Storage,
    /// `[sip]`
    pub sip: Sip,
    /// `[media]`
    pub media: Media,
    /// `[web]`
    pub web: Web,
    /// `[dialplan]`
    pub dialplan: Dialplan,
    /// `[trace]`
    pub trace: Trace,
    /// `[messages]`
    pub messages: Messages,
    /// `[events]`
    pub events: Events,
    /// `[retention]`
    pub retention: Retention,
    /// `[speech]`
    pub speech: Speech,
    /// `[[trunk]]`
    #[serde(rename = "trunk")]
    pub trunks: Vec<Trunk>,
    /// `[orders]`
    pub orders: Orders,
    /// `[outside]`
    pub outside: Outside,
    /// `[mail]`
    pub mail: Mail,
    /// `[outward]`
    pub outward: Outward,
    /// `[demo]`
    pub demo: Demo,
    /// `[test]`
    pub test: Test,
}

/// `[site]`: who we are.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// What prompts and pages call the site.
    pub name: String,
    /// The SIP domain of our users, and the realm of their passwords.
    pub domain: String,
    /// Further host names whose callers have to identify, like those of the domain. The
    /// addresses and ports that we listen on count as ours without being named.
    pub aliases: Vec<String>,
    /// BCP 47 tag of the language in which telephones speak unless a user chose another.
    pub language: String,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            name: "Hark demo".into(),
            domain: "localhost".into(),
            aliases: Vec::new(),
            language: "en".into(),
        }
    }
}

/// `[storage]`: where all state lives.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The folder of the database, the audio, the spools and the prompt cache.
    pub dir: PathBuf,
}

impl Default for Storage {
    fn default() -> Self {
        Self { dir: "data".into() }
    }
}

/// `[sip]`: telephones.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sip {
    /// Where we listen: `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT`; port 0 takes a free one.
    pub listen: Vec<Listen>,
    /// The most calls at once; further ones get 503.
    pub max_calls: usize,
    /// Whether callers from foreign domains may leave messages without a password.
    pub guests: bool,
    /// Whether telephones that are registered and did not subscribe to their lamp are told of
    /// it all the same.
    pub unsolicited_lamps: bool,
}

impl Default for Sip {
    fn default() -> Self {
        let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060);
        Self {
            listen: vec![
                Listen { transport: SipTransport::Udp, addr },
                Listen { transport: SipTransport::Tcp, addr },
            ],
            max_calls: 2000,
            guests: true,
            unsolicited_lamps: true,
        }
    }
}

/// A transport that `[sip] listen` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipTransport {
    /// `udp:`
    Udp,
    /// `tcp:`
    Tcp,
}

/// One entry of `[sip] listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen {
    /// Over what.
    pub transport: SipTransport,
    /// Where.
    pub addr: SocketAddr,
}

impl TryFrom<String> for Listen {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let mend = || format!("'{text}' should look like udp:127.0.0.1:5060 or tcp:[::1]:5060");
        let (transport, addr) = text.split_once(':').ok_or_else(mend)?;
        let transport = match transport {
            "udp" => SipTransport::Udp,
            "tcp" => SipTransport::Tcp,
            _ => return Err(mend()),
        };
        Ok(Self { transport, addr: addr.parse().map_err(|_| mend())? })
    }
}

/// `[media]`: RTP.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The address that RTP sockets bind to and that SDP announces.
    pub bind: IpAddr,
    /// `FIRST-LAST` of the UDP ports for RTP; `0` takes free ones.
    pub ports: PortRange,
    /// Media threads; 0 is one a core.
    pub shards: usize,
    /// A call without any RTP for so long is over. 1-3600 s.
    pub dead_after_seconds: u64,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: PortRange { first: 20000, last: 29999 },
            shards: 0,
            dead_after_seconds: 30,
        }
    }
}

impl Media {
    /// How long a call may be without RTP.
    pub fn dead_after(&self) -> Duration {
        Duration::from_secs(self.dead_after_seconds)
    }
}

/// A range of UDP ports, both ends included; 0-0 stands for free ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl TryFrom<String> for PortRange {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let mend = || format!("'{text}' should look like 20000-29999, or 0 for free ports");
        if text == "0" {
            return Ok(Self { first: 0, last: 0 });
        }
        let (first, last) = text.split_once('-').ok_or_else(mend)?;
        let range = Self {
            first: first.trim().parse().map_err(|_| mend())?,
            last: last.trim().parse().map_err(|_| mend())?,
        };
        if range.first == 0 || range.first > range.last { Err(mend()) } else { Ok(range) }
    }
}

/// `[web]`: the computer server.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Where we listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address under which browsers reach us, as links and the Origin check use it.
    /// Absent: `http://` and the Host that the browser asked for.
    pub public_url: Option<String>,
    /// How often one token, session or address may ask in a second, ten seconds' worth of it at
    /// once; 0 is without limit (0-100000).
    pub requests_per_second: u32,
    /// The largest file that may be sent up, in MiB (1-100).
    pub upload_mib: u32,
    /// Proxies that stand before us: addresses, or networks such as 10.0.0.0/8. For requests of
    /// theirs the limits count whom their `Forwarded` or `X-Forwarded-For` names; a proxy that
    /// sets one of these has to remove the other. None: whoever connects is counted.
    pub trusted_proxies: Vec<Network>,
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let wrong = || format!("{text:?} is no address or network: write 10.0.0.1 or 10.0.0.0/8");
        let net: IpNet = net.map_err(|_| wrong())?;
        Ok(Self(net.trunc()))
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            requests_per_second: 100,
            upload_mib: 64,
            trusted_proxies: Vec::new(),
        }
    }
}

/// `[dialplan]`: what telephones hear.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialplan {
    /// The folder of the `.dial` files. Absent: the ones built into the binary.
    pub dir: Option<PathBuf>,
    /// Whether a change of one of them reloads the dialplan.
    pub watch: bool,
}

impl Default for Dialplan {
    fn default() -> Self {
        Self { dir: None, watch: true }
    }
}

/// `[trace]`: what is kept of past calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trace {
    /// Whether it is kept at all.
    pub enabled: bool,
    /// For how many days (1-3650).
    pub keep_days: u32,
    /// How much all of it may take, in MiB (16-65536).
    pub max_mib: u32,
}

impl Default for Trace {
    fn default() -> Self {
        Self { enabled: true, keep_days: 7, max_mib: 64 }
    }
}

/// `[messages]`: limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    /// The longest message, in seconds (1-3600).
    pub limit_seconds: u32,
    /// How long a link to a message works, in days (1-3650).
    pub link_days: u32,
}

impl Default for Messages {
    fn default() -> Self {
        Self { limit_seconds: 59, link_days: 30 }
    }
}

/// `[speech]`: text-to-speech.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speech {
    /// The command that turns text into a WAV file, with `{text}`, `{language}` and `{file}`
    /// replaced in its arguments. Absent: flite for English, espeak-ng for other languages.
    pub command: Option<Vec<String>>,
    /// The folder of recorded prompts: `<language>/<name>.wav`. Absent: there are none.
    pub prompts: Option<PathBuf>,
}

/// `[demo]`: the demo site's users, made when the store is empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Demo {
    /// Whether alice, bob and carol are made when the store has no users.
    pub users: bool,
}

impl Default for Demo {
    fn default() -> Self {
        Self { users: true }
    }
}

/// `[test]`: nothing that a site in service should set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Test {
    /// Whether dialplans may use the instructions that exist for tests (`panic`).
    pub instructions: bool,
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] with the line that is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
        Self::parse(path, &text)
    }

    /// Reads a configuration from its text; `path` is for the errors.
    ///
    /// # Errors
    /// [`ConfigError`] with the line that is wrong.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start).min(text.len());
            let before = &text.as_bytes()[..start];
            let line = before.iter().filter(|b| **b == b'\n').count() + 1;
            let column = start - before.iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1) + 1;
            let message = error.message().to_owned();
            let text = text.lines().nth(line - 1).unwrap_or_default().trim().to_owned();
            ConfigError::Malformed { path: path.into(), line, column, message, text }
        })?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |key, value: String, message| {
            Err(ConfigError::OutOfRange { path: path.into(), key, value, message })
        };
        let limit = self.messages.limit_seconds;
        if !(1..=3600).contains(&limit) {
            return wrong("messages.limit_seconds", limit.to_string(), "allowed are 1 to 3600");
        }
        if !(1..=3650).contains(&self.messages.link_days) {
            let value = self.messages.link_days.to_string();
            return wrong("messages.link_days", value, "allowed are 1 to 3650");
        }
        if !(1..=3650).contains(&self.trace.keep_days) {
            let value = self.trace.keep_days.to_string();
            return wrong("trace.keep_days", value, "allowed are 1 to 3650");
        }
        if !(16..=65_536).contains(&self.trace.max_mib) {
            let value = self.trace.max_mib.to_string();
            return wrong("trace.max_mib", value, "allowed are 16 to 65536");
        }
        if !(1..=3600).contains(&self.media.dead_after_seconds) {
            let value = self.media.dead_after_seconds.to_string();
            return wrong("media.dead_after_seconds", value, "allowed are 1 to 3600");
        }
        if self.media.bind.is_unspecified() {
            let value = self.media.bind.to_string();
            let message = "name one address that phones can reach: it stands in every SDP";
            return wrong("media.bind", value, message);
        }
        if self.sip.listen.is_empty() {
            return wrong("sip.listen", "[]".into(), "name at least one, e.g. udp:127.0.0.1:5060");
        }
        if self.site.domain.is_empty() {
            return wrong("site.domain", "\"\"".into(), "name the SIP domain of your users");
        }
        if let Some(url) = &self.web.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return wrong("web.public_url", url.clone(), "must begin with http:// or https://");
        }
        if self.web.requests_per_second > 100_000 {
            let value = self.web.requests_per_second.to_string();
            return wrong("web.requests_per_second", value, "allowed are 0 to 100000");
        }
        if !(1..=100).contains(&self.web.upload_mib) {
            let value = self.web.upload_mib.to_string();
            return wrong("web.upload_mib", value, "allowed are 1 to 100 MiB");
        }
        if self.speech.command.as_ref().is_some_and(Vec::is_empty) {
            return wrong("speech.command", "[]".into(), "name a program, or leave the key out");
        }
        let checked = [
            self.outside.check(),
            self.orders.check(),
            self.events.check(),
            self.retention.check(),
        ];
        for checked in checked {
            if let Err((key, value, message)) = checked {
                return wrong(key, value, message);
            }
        }
        if let Some(trunk) = &self.orders.link_trunk
            && !self.trunks.iter().any(|known| known.name == *trunk)
        {
            let message = "no [[trunk]] has this name: add one, or leave the key out";
            return wrong("orders.link_trunk", format!("{trunk:?}"), message);
        }
        for (n, trunk) in self.trunks.iter().enumerate() {
            if let Err((key, value, message)) = trunk.check() {
                return wrong(key, value, message);
            }
            if self.trunks.iter().take(n).any(|other| other.name == trunk.name) {
                let value = format!("{:?}", trunk.name);
                return wrong("trunk.name", value, "two trunks have this name: rename one");
            }
        }
        if let Err((key, value, message)) = self.mail.check().and_then(|()| self.outward.check()) {
            return wrong(key, value, message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("hark.toml"), text).map_err(|e| e.to_string())
    }

    #[test]
    fn an_empty_file_serves_the_demo() {
        let config = parse("").unwrap();
        assert_eq!(config.messages.limit_seconds, 59);
        assert_eq!(config.sip.listen.len(), 2);
        assert!(config.demo.users);
    }

    #[test]
    fn errors_name_the_line() {
        let error = parse("[site]\nname = \"x\"\nlanguag = \"en\"\n").unwrap_err();
        assert!(error.starts_with("hark.toml:3:1:"), "{error}");
        assert!(error.contains("languag"), "{error}");
        let error = parse("[sip]\nlisten = [\"upd:1\"]\n").unwrap_err();
        assert!(error.starts_with("hark.toml:2:"), "{error}");
        assert!(error.contains("udp:127.0.0.1:5060"), "{error}");
    }

    #[test]
    fn trunks_are_read_and_judged() {
        let trunk = "[[trunk]]\nname = \"out\"\naddress = \"sip:127.0.0.5:5070\"\n";
        let config = parse(&format!("{trunk}from = [\"127.0.0.5\"]\n")).unwrap();
        let first = &config.trunks[0];
        assert_eq!((first.max_calls, first.calls_per_hour), (10, 100));
        assert_eq!(first.address.uri().port, Some(5070));
        assert!(parse(&format!("{trunk}{trunk}")).unwrap_err().contains("two trunks"));
        let secret = format!("{trunk}password = \"hunter2\"");
        assert!(parse(&secret).unwrap_err().contains("needs a user"));
        let config = parse(&format!("{secret}\nuser = \"hark\"")).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for address in ["sip:me@127.0.0.5", "sips:127.0.0.5", "carrier.example", "tel:+49"] {
            let text = format!("[[trunk]]\nname = \"x\"\naddress = \"{address}\"");
            assert!(parse(&text).unwrap_err().contains("sip:carrier.example"), "{address}");
        }
        let text = trunk.replace("\"out\"", "\"no way\"");
        assert!(parse(&text).unwrap_err().contains("letters"));
    }

    #[test]
    fn numbers_outside_are_none_unless_they_are_named() {
        let config = parse("").unwrap();
        assert!(config.outside.allow.is_empty());
        assert!(config.orders.link_allow.is_empty());
        assert_eq!(config.orders.limits().per_link, 3);
        let allowed = parse("[orders]\nlink_allow = [\"+4930x{4,8}\"]").unwrap();
        assert_eq!(allowed.orders.link_allow.len(), 1);
        let error = parse("[orders]\nlink_allow = [\"bob\"]").unwrap_err();
        assert!(error.starts_with("hark.toml:2:") && error.contains("pattern"), "{error}");
        assert!(parse("[orders]\nlink_trunk = \"moon\"").unwrap_err().contains("[[trunk]]"));
        assert!(parse("[orders]\ncalls_per_day = 200000").unwrap_err().contains("100000"));
        assert!(parse("[orders]\nper_hour = 0").unwrap_err().contains("1 to 1000"));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert!(parse("[messages]\nlimit_seconds = 0").unwrap_err().contains("1 to 3600"));
        assert!(parse("[trace]\nkeep_days = 0").unwrap_err().contains("1 to 3650"));
        assert!(parse("[trace]\nmax_mib = 1").unwrap_err().contains("16 to 65536"));
        assert!(parse("[media]\nports = \"9-3\"").is_err());
        assert!(parse("[web]\npublic_url = \"ftp://x\"").is_err());
        let web = parse("[web]\ntrusted_proxies = ['127.0.0.1', '10.1.0.0/8', '::1']").unwrap().web;
        let proxies: Vec<_> = web.trusted_proxies.iter().map(|net| net.0.to_string()).collect();
        assert_eq!(proxies, ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
        let wrong = parse("[web]\ntrusted_proxies = ['proxy.example']").unwrap_err();
        assert!(wrong.contains("10.0.0.0/8"), "{wrong}");
        assert!(parse("[web]\nupload_mib = 0").unwrap_err().contains("1 to 100 MiB"));
        assert!(parse("[speech]\ncommand = []").is_err());
        assert!(parse("[events]\nquiet_hours = \"22\"").unwrap_err().contains("22:00-07:00"));
        assert!(parse("[events]\ntime_zone = \"Mars\"").unwrap_err().contains("IANA"));
        assert!(parse("[retention]\nsweep_seconds = 0").unwrap_err().contains("86400"));
    }
}
