//! The `name=value` fields of challenges and credentials (RFC 7235 section 2.1).

use super::lex;

/// More fields than this are no credentials: looking for repeated ones must stay cheap.
const MAX_FIELDS: usize = 32;

/// The fields of one Digest challenge, or of Digest credentials, values unquoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of the credentials in `value`: `None` where they are of another scheme,
    /// `Some(None)` where they cannot be read or a field stands twice.
    pub(super) fn credentials(value: &str) -> Option<Option<Self>> {
        let rest = after_digest(value)?;
        let mut fields = Self(Vec::new());
        for piece in lex::split_top_level(rest, b',').into_iter().filter(|p| !p.is_empty()) {
            let Some((name, value)) = field(piece) else { return Some(None) };
            if fields.0.len() == MAX_FIELDS || fields.get(name).is_some() {
                return Some(None);
            }
            fields.0.push((name.to_owned(), value));
        }
        Some(Some(fields))
    }

    /// The Digest challenges in `value`, which may hold several of several schemes.
    pub(super) fn challenges(value: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut current: Option<Self> = None;
        for piece in lex::split_top_level(value, b',') {
            let begins = match piece.split_once(char::is_whitespace) {
                Some((scheme, rest)) => {
                    lex::is_token(scheme) && !rest.trim_start().starts_with('=')
                }
                None => false,
            };
            let piece = if begins {
                found.extend(current.take());
                match after_digest(piece) {
                    Some(rest) => {
                        current = Some(Self(Vec::new()));
                        rest
                    }
                    None => continue,
                }
            } else {
                piece
            };
            if let (Some(fields), Some((name, value))) = (current.as_mut(), field(piece)) {
                fields.0.push((name.to_owned(), value));
            }
        }
        found.extend(current);
        found
    }

    /// The value of the field `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn after_digest(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
    scheme.eq_ignore_ascii_case("Digest").then(|| rest.trim_start())
}

fn field(piece: &str) -> Option<(&str, String)> {
    let (name, value) = piece.split_once('=')?;
    let (name, value) = (name.trim_end(), value.trim_start());
    lex::is_token(name).then(|| (name, lex::unquote(value)))
}
