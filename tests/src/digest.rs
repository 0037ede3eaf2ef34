//! Digest authentication from the client's side (RFC 7616, MD5 and `qop=auth`), written apart from
//! the server's so that the one checks the other.

use md5::{Digest, Md5};

/// Answers a `WWW-Authenticate` or `Proxy-Authenticate` challenge.
///
/// `None` when the challenge is not MD5.
pub fn answer(
    challenge: &str,
    user: &str,
    password: &str,
    method: &str,
    uri: &str,
) -> Option<String> {
    let fields = fields(challenge.trim().strip_prefix("Digest ")?);
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    if !field("algorithm").unwrap_or("MD5").eq_ignore_ascii_case("MD5") {
        return None;
    }
    let (realm, nonce) = (field("realm")?, field("nonce")?);
    let ha1 = hash(&format!("{user}:{realm}:{password}"));
    let ha2 = hash(&format!("{method}:{uri}"));
    let (cnonce, nc) = ("0a4f113b", "00000001");
    let asks_qop = field("qop").is_some_and(|qop| qop.split(',').any(|one| one.trim() == "auth"));
    let response = match asks_qop {
        true => hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")),
        false => hash(&format!("{ha1}:{nonce}:{ha2}")),
    };
    let mut answer = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm=MD5"
    );
    if asks_qop {
        answer += &format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
    }
    if let Some(opaque) = field("opaque") {
        answer += &format!(", opaque=\"{opaque}\"");
    }
    Some(answer)
}

/// Whether credentials of MD5 and `qop=auth` prove this password, for this nonce.
pub fn proves(credentials: &str, password: &str, method: &str, nonce: &str) -> bool {
    let Some(given) = credentials.trim().strip_prefix("Digest ").map(fields) else { return false };
    let field = |name: &str| {
        let named = given.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let ha1 = hash(&format!("{}:{}:{password}", field("username"), field("realm")));
    let ha2 = hash(&format!("{method}:{}", field("uri")));
    let (nc, cnonce) = (field("nc"), field("cnonce"));
    field("nonce") == nonce
        && !cnonce.is_empty()
        && field("response") == hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"))
}

fn hash(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

/// `name=value` and `name="value"`, between commas that no quotes enclose.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .filter_map(|field| field.trim().split_once('='))
    .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2617 section 3.5.
    #[test]
    fn answers_the_example_of_the_rfc() {
        let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let answer =
            answer(challenge, "Mufasa", "Circle Of Life", "GET", "/dir/index.html").expect("MD5");
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
    }
}
