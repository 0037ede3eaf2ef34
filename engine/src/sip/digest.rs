//! Digest access authentication: RFC 7616 and RFC 8760, and RFC 2617 for those that know no
//! better. Both sides: verifying what a phone says, and answering a challenge.

use std::fmt;

use md5::Md5;
use sha2::Sha256;
use sha2::digest::Digest;
use subtle::ConstantTimeEq;

pub use super::nonce::Nonces;
use super::{digest_fields, lex};
use crate::time::UnixMillis;
use digest_fields::Fields;

/// A digest algorithm, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `SHA-256`.
    Sha256,
    /// `MD5`: broken, and all that many phones speak.
    Md5,
}

/// What a realm keeps of a password: `H(user:realm:password)` by either algorithm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ha1 {
    /// By MD5.
    pub md5: [u8; 16],
    /// By SHA-256.
    pub sha256: [u8; 32],
}

/// What somebody claims, and about which request.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The value of Authorization or Proxy-Authorization.
    pub authorization: &'a str,
    /// Our realm.
    pub realm: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The body of the request.
    pub body: &'a [u8],
}

/// What a claim is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password was right.
    Ok {
        /// Whose password.
        user: String,
    },
    /// The password was right, the nonce is old, foreign or was used before: challenge again
    /// with `stale`, and the phone answers without asking its user.
    Stale,
    /// The password was wrong or there is no such user: nobody can tell which.
    Wrong,
    /// Another scheme, algorithm or realm: not a claim to us. Challenge.
    NotOurs,
    /// Digest, but unreadable: 400.
    Malformed,
}

/// Whom we are elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// A request of ours that was challenged.
#[derive(Clone, Copy, Debug)]
pub struct Challenged<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its Request-URI.
    pub uri: &'a str,
    /// A random client nonce.
    pub cnonce: &'a str,
    /// How often this nonce was answered, this answer included.
    pub count: u32,
}

impl Algorithm {
    /// The name in a challenge.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// The algorithm that the field names; MD5 where it is absent. Some phones quote it.
    fn of(fields: &Fields) -> Option<Self> {
        match fields.get("algorithm") {
            None => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }

    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Sha256 => hex::encode(joined::<Sha256>(parts)),
            Self::Md5 => hex::encode(joined::<Md5>(parts)),
        }
    }
}

impl Ha1 {
    /// What `realm` keeps of `user`'s password.
    pub fn new(user: &str, realm: &str, password: &str) -> Self {
        let parts = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
        Self { md5: joined::<Md5>(&parts).into(), sha256: joined::<Sha256>(&parts).into() }
    }

    fn hex(&self, algorithm: Algorithm) -> String {
        match algorithm {
            Algorithm::Sha256 => hex::encode(self.sha256),
            Algorithm::Md5 => hex::encode(self.md5),
        }
    }
}

/// The two values of WWW-Authenticate or Proxy-Authenticate: SHA-256 first, as RFC 8760
/// section 2.3 wants the preferred one to stand.
pub fn challenges(realm: &str, nonce: &str, stale: bool) -> [String; 2] {
    [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| {
        let stale = if stale { ", stale=true" } else { "" };
        let (realm, name) = (lex::quote(realm), algorithm.name());
        format!("Digest realm={realm}, nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}")
    })
}

/// [`challenges`] for the phone that `user_agent` names: MD5 alone for those that give up on
/// the whole answer when any challenge in it names an algorithm that they do not know, in
/// whatever order (baresip 1.0 with libre 1.1, which Debian 12 ships, is one). As MD5 is
/// accepted in any case, nobody gains by calling themselves such a phone.
pub fn challenges_for(
    user_agent: Option<&str>,
    realm: &str,
    nonce: &str,
    stale: bool,
) -> Vec<String> {
    const MD5_ONLY: [&str; 4] = ["baresip v0.", "baresip v1.", "baresip v2.", "sipp"];
    let knows = |prefix: &&str| {
        let start = user_agent.and_then(|name| name.trim_start().get(..prefix.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let skipped = usize::from(MD5_ONLY.iter().any(knows));
    challenges(realm, nonce, stale).into_iter().skip(skipped).collect()
}

/// Judges a claim. An unknown user costs as much time as a wrong password.
///
/// An ACK repeats the credentials of its INVITE and a CANCEL has none of its own: neither is
/// to be judged (RFC 3261 section 22.1), and the nonce count would make them replays.
pub fn verify<'k>(
    claim: &Claim<'_>,
    nonces: &mut Nonces,
    now: UnixMillis,
    lookup: impl FnOnce(&str) -> Option<&'k Ha1>,
) -> Verdict {
    let Some(fields) = Fields::credentials(claim.authorization) else { return Verdict::NotOurs };
    let Some(fields) = fields else { return Verdict::Malformed };
    let required = ["username", "realm", "nonce", "uri", "response"].map(|name| fields.get(name));
    let [Some(user), Some(realm), Some(nonce), Some(uri), Some(response)] = required else {
        return Verdict::Malformed;
    };
    let Some(algorithm) = Algorithm::of(&fields) else { return Verdict::NotOurs };
    if realm != claim.realm {
        return Verdict::NotOurs;
    }
    let Some(protection) = Protection::of(&fields) else { return Verdict::Malformed };
    let found = lookup(user);
    let nobody = nonces.nobody();
    let key = match found {
        Some(ha1) => ha1.hex(algorithm),
        None => hex::encode(match algorithm {
            Algorithm::Sha256 => &nobody[..],
            Algorithm::Md5 => &nobody[..16],
        }),
    };
    let asked = Asked { method: claim.method, uri, body: claim.body };
    let expected = protection.response(algorithm, &key, nonce, &asked);
    let given = response.to_ascii_lowercase();
    let right = bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
    let stamp = nonces.read(now, nonce);
    if !right || found.is_none() {
        return Verdict::Wrong;
    }
    let fresh = match (stamp, &protection) {
        (None, _) => false,
        // RFC 2069 has no count: the nonce's short life is all that stands against a replay.
        (Some(_), Protection::None) => true,
        (Some(stamp), Protection::Auth(c) | Protection::AuthInt(c)) => {
            nonces.use_once(stamp, c.number)
        }
    };
    if fresh { Verdict::Ok { user: user.to_owned() } } else { Verdict::Stale }
}

/// The value of Authorization (or Proxy-Authorization) that answers the challenges, each the
/// value of a WWW-Authenticate (or Proxy-Authenticate) field; the strongest that we know is
/// answered. `None` where we know none.
pub fn answer<'c>(
    challenges: impl IntoIterator<Item = &'c str>,
    credentials: &Credentials,
    asked: &Challenged<'_>,
) -> Option<String> {
    let mut known: Vec<_> = challenges
        .into_iter()
        .flat_map(Fields::challenges)
        .filter_map(|fields| Some((Algorithm::of(&fields)?, fields)))
        .collect();
    known.sort_by_key(|(algorithm, _)| *algorithm != Algorithm::Sha256);
    known.iter().find_map(|(algorithm, fields)| one_answer(*algorithm, fields, credentials, asked))
}

fn one_answer(
    algorithm: Algorithm,
    challenge: &Fields,
    credentials: &Credentials,
    asked: &Challenged<'_>,
) -> Option<String> {
    let (realm, nonce) = (challenge.get("realm")?, challenge.get("nonce")?);
    let protection = match challenge.get("qop") {
        None => Protection::None,
        Some(list) if list.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => {
            let (text, cnonce) = (format!("{:08x}", asked.count), asked.cnonce.to_owned());
            Protection::Auth(Count { number: asked.count, text, cnonce })
        }
        Some(_) => return None,
    };
    let key = Ha1::new(&credentials.user, realm, &credentials.password).hex(algorithm);
    let about = Asked { method: asked.method, uri: asked.uri, body: &[] };
    let response = protection.response(algorithm, &key, nonce, &about);
    let mut out = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
        lex::quote(&credentials.user),
        lex::quote(realm),
        lex::quote(nonce),
        lex::quote(asked.uri),
    );
    if challenge.get("algorithm").is_some() {
        out.push_str(&format!(", algorithm={}", algorithm.name()));
    }
    if let Protection::Auth(count) = &protection {
        let cnonce = lex::quote(&count.cnonce);
        out.push_str(&format!(", qop=auth, nc={}, cnonce={cnonce}", count.text));
    }
    if let Some(opaque) = challenge.get("opaque") {
        out.push_str(&format!(", opaque={}", lex::quote(opaque)));
    }
    Some(out)
}

/// The quality of protection (RFC 7616 section 3.4).
enum Protection {
    /// None: RFC 2069.
    None,
    /// `auth`.
    Auth(Count),
    /// `auth-int`: the body is protected too.
    AuthInt(Count),
}

struct Count {
    number: u32,
    /// As it was written: that is what was hashed.
    text: String,
    cnonce: String,
}

struct Asked<'a> {
    method: &'a str,
    uri: &'a str,
    body: &'a [u8],
}

impl Protection {
    fn of(fields: &Fields) -> Option<Self> {
        let Some(qop) = fields.get("qop") else { return Some(Self::None) };
        let text = fields.get("nc").filter(|nc| nc.len() <= 8)?;
        let number = u32::from_str_radix(text, 16).ok()?;
        let cnonce = fields.get("cnonce")?.to_owned();
        let count = Count { number, text: text.to_owned(), cnonce };
        match qop.to_ascii_lowercase().as_str() {
            "auth" => Some(Self::Auth(count)),
            "auth-int" => Some(Self::AuthInt(count)),
            _ => None,
        }
    }

    fn response(&self, algorithm: Algorithm, key: &str, nonce: &str, asked: &Asked<'_>) -> String {
        let (method, uri) = (asked.method.as_bytes(), asked.uri.as_bytes());
        let (count, qop, a2) = match self {
            Self::None => (None, "", algorithm.hash(&[method, uri])),
            Self::Auth(count) => (Some(count), "auth", algorithm.hash(&[method, uri])),
            Self::AuthInt(count) => {
                let body = algorithm.hash(&[asked.body]);
                (Some(count), "auth-int", algorithm.hash(&[method, uri, body.as_bytes()]))
            }
        };
        let (key, nonce, a2) = (key.as_bytes(), nonce.as_bytes(), a2.as_bytes());
        match count {
            None => algorithm.hash(&[key, nonce, a2]),
            Some(Count { text, cnonce, .. }) => {
                let (text, cnonce) = (text.as_bytes(), cnonce.as_bytes());
                algorithm.hash(&[key, nonce, text, cnonce, qop.as_bytes(), a2])
            }
        }
    }
}

/// The hash of the parts with colons between them.
fn joined<D: Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut hash = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize()
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(…)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
