//! `[mail]` and `[outward]`: how Hark reaches people and applications outside of itself.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use serde::Deserialize;

/// `[mail]`: the server that takes our mail.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The SMTP server's name or address. Absent: no mail is sent.
    pub host: Option<String>,
    /// Its port. Absent: 587 with STARTTLS, 465 with TLS from the start, 25 without TLS.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: MailTls,
    /// A PEM file with the certificate that vouches for the server's, beside Mozilla's roots.
    pub ca: Option<PathBuf>,
    /// Whether mail may leave this machine without TLS.
    pub unprotected: bool,
    /// The user to sign in as.
    pub user: Option<String>,
    /// The password for it.
    pub password: Option<String>,
    /// A file with the password, in place of `password`.
    pub password_file: Option<PathBuf>,
    /// The sender of our mail: `hark@example.org` or `Hark <hark@example.org>`.
    pub from: Option<String>,
    /// In which form recordings are attached where a profile asks for it: `ogg` (small), `wav`
    /// (played everywhere), or `none` (they stay behind the link).
    pub attachment: MailAttachment,
    /// The largest recording that is attached, in KiB (0-20480); larger ones stay behind the link.
    pub attach_max_kib: u32,
    /// The most mails in an hour (1-1000000).
    pub per_hour: u32,
    /// The most mails in an hour to one address (1-1000).
    pub per_address_per_hour: u32,
    /// How long receipts are gathered before they are mailed, in seconds (1-86400).
    pub receipts_after_seconds: u64,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            tls: MailTls::Starttls,
            ca: None,
            unprotected: false,
            user: None,
            password: None,
            password_file: None,
            from: None,
            attachment: MailAttachment::Ogg,
            attach_max_kib: 2048,
            per_hour: 1000,
            per_address_per_hour: 30,
            receipts_after_seconds: 180,
        }
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password is nobody's business.
        f.debug_struct("Mail").field("host", &self.host).finish_non_exhaustive()
    }
}

/// In which form a recording goes with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailAttachment {
    /// As it is stored: Ogg Opus.
    Ogg,
    /// As WAV: 16 bits, 16 kHz, about 2 MB a minute.
    Wav,
    /// Never.
    None,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// In the clear until STARTTLS (RFC 3207), and no mail without it.
    Starttls,
    /// Not at all.
    None,
}

/// What is wrong with a section: the key, its value, and which values are allowed.
type Wrong = (&'static str, String, &'static str);

impl Mail {
    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Implicit => 465,
            MailTls::Starttls => 587,
            MailTls::None => 25,
        })
    }

    /// How long receipts are gathered.
    pub const fn receipts_after(&self) -> Duration {
        Duration::from_secs(self.receipts_after_seconds)
    }

    pub(super) fn check(&self) -> Result<(), Wrong> {
        if self.attach_max_kib > 20_480 {
            let value = self.attach_max_kib.to_string();
            return Err(("mail.attach_max_kib", value, "allowed are 0 to 20480"));
        }
        if !(1..=1_000_000).contains(&self.per_hour) {
            return Err(("mail.per_hour", self.per_hour.to_string(), "allowed are 1 to 1000000"));
        }
        if !(1..=1000).contains(&self.per_address_per_hour) {
            let value = self.per_address_per_hour.to_string();
            return Err(("mail.per_address_per_hour", value, "allowed are 1 to 1000"));
        }
        if !(1..=86_400).contains(&self.receipts_after_seconds) {
            let value = self.receipts_after_seconds.to_string();
            return Err(("mail.receipts_after_seconds", value, "allowed are 1 to 86400"));
        }
        let Some(host) = &self.host else { return Ok(()) };
        if host.is_empty() {
            return Err(("mail.host", "\"\"".into(), "name the server, or leave the key out"));
        }
        if self.tls == MailTls::None && !is_this_machine(host) && !self.unprotected {
            let message = "without TLS mail and password can be read on their way: \
                           use \"starttls\" or \"implicit\", or set mail.unprotected = true";
            return Err(("mail.tls", "\"none\"".into(), message));
        }
        if self.password.is_some() && self.password_file.is_some() {
            let message = "set mail.password or mail.password_file, not both";
            return Err(("mail.password", "both".into(), message));
        }
        if self.user.is_some() != (self.password.is_some() || self.password_file.is_some()) {
            let message = "a user needs a password, and a password a user";
            return Err(("mail.user", format!("{:?}", self.user), message));
        }
        match &self.from {
            Some(from) if from.parse::<Mailbox>().is_ok() => Ok(()),
            from => {
                let message = "name the sender of the mails, as in \"Hark <hark@example.org>\"";
                Err(("mail.from", format!("{from:?}"), message))
            }
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `[outward]`: web services of users, and the push services of their browsers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outward {
    /// Whether they may be at private and loopback addresses, and there without TLS.
    pub private_networks: bool,
    /// Whom a push service may write to about us (RFC 8292): `mailto:` or `https://`. Absent:
    /// the sender of our mail, or else the postmaster of `site.domain`.
    pub contact: Option<String>,
}

impl Outward {
    pub(super) fn check(&self) -> Result<(), Wrong> {
        match &self.contact {
            Some(contact)
                if contact.len() > 256
                    || !contact.chars().all(|c| c.is_ascii_graphic())
                    || !(contact.starts_with("mailto:") || contact.starts_with("https://")) =>
            {
                let message = "must begin with mailto: or https://";
                Err(("outward.contact", contact.clone(), message))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> Result<Mail, &'static str> {
        let mail: Mail = toml::from_str(text).unwrap();
        mail.check().map(|()| mail).map_err(|(key, _, _)| key)
    }

    const RELAY: &str = "host = \"smtp.example.org\"\nfrom = \"Hark <hark@example.org>\"\n";

    #[test]
    fn a_server_needs_a_sender_and_protection() {
        assert_eq!(mail("").unwrap().host, None);
        assert_eq!(mail(RELAY).unwrap().port(), 587);
        assert_eq!(mail(&format!("{RELAY}tls = \"implicit\"")).unwrap().port(), 465);
        assert_eq!(mail("host = \"x\"").unwrap_err(), "mail.from");
        assert_eq!(mail(&format!("{RELAY}tls = \"none\"")).unwrap_err(), "mail.tls");
        assert!(mail(&format!("{RELAY}tls = \"none\"\nunprotected = true")).is_ok());
        let here = RELAY.replace("smtp.example.org", "127.0.0.1");
        assert!(mail(&format!("{here}tls = \"none\"")).is_ok());
        assert_eq!(mail(&format!("{RELAY}user = \"x\"")).unwrap_err(), "mail.user");
        assert!(mail(&format!("{RELAY}user = \"x\"\npassword = \"y\"")).is_ok());
        assert_eq!(mail("per_hour = 0").unwrap_err(), "mail.per_hour");
    }

    #[test]
    fn passwords_are_not_shown() {
        let mail = mail(&format!("{RELAY}user = \"x\"\npassword = \"hunter2\"")).unwrap();
        assert!(!format!("{mail:?}").contains("hunter2"));
    }

    #[test]
    fn contacts_are_addresses() {
        let outward =
            |contact: &str| Outward { contact: Some(contact.into()), ..Outward::default() };
        assert!(outward("mailto:ops@example.org").check().is_ok());
        assert!(outward("ops@example.org").check().is_err());
        assert!(outward("mailto:a b").check().is_err());
    }
}
