//! From what somebody wrote to whom they meant.

use hark_engine::directory::{Directory, User};
use hark_engine::id::UserId;

use super::error::ApiError;

/// The most recipients that one request may name.
pub const MOST: usize = 50;
/// The longest name or address of one.
const LONGEST: usize = 256;

/// Who stands in `written`: each a user's name, extension or SIP address, several also in one
/// text with commas between them. Each user once, in the order in which they were named.
///
/// # Errors
/// [`ApiError::Recipients`] names those who are nobody's, and says when there are none or too many.
pub fn find(
    directory: &Directory,
    domain: &str,
    written: &[String],
) -> Result<Vec<UserId>, ApiError> {
    let named = written.iter().flat_map(|text| text.split(',')).map(str::trim);
    let named: Vec<&str> = named.filter(|name| !name.is_empty()).take(MOST + 1).collect();
    if named.is_empty() {
        return Err(ApiError::Recipients("it is said to nobody: name a recipient".into()));
    }
    if named.len() > MOST {
        return Err(ApiError::Recipients(format!("a message has at most {MOST} recipients here")));
    }
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for name in named {
        match one(directory, domain, name) {
            Some(user) if found.contains(&user.id) => {}
            Some(user) => found.push(user.id),
            None => unknown.push(name.chars().take(LONGEST).collect::<String>()),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    Err(ApiError::Recipients(format!("there is no user {}", unknown.join(", "))))
}

/// The user whom one name, extension or SIP address means.
fn one<'a>(directory: &'a Directory, domain: &str, written: &str) -> Option<&'a User> {
    if written.len() > LONGEST {
        return None;
    }
    let bare = ["sip:", "sips:"].iter().find_map(|scheme| strip(written, scheme));
    let (name, host) = match bare.unwrap_or(written).split_once('@') {
        Some((name, host)) => (name, host.split([';', '?']).next()),
        None => (bare.unwrap_or(written), None),
    };
    // A stranger's address that begins like one of ours is not ours.
    if host.is_some_and(|host| !host.eq_ignore_ascii_case(domain)) {
        return None;
    }
    directory.by_name(&name.to_lowercase()).or_else(|| directory.by_extension(name))
}

fn strip<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let begin = text.get(..scheme.len())?;
    begin.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let user = |id: i64, name: &str, extension: &str| User {
            id: UserId(id),
            name: name.into(),
            display_name: name.to_uppercase(),
            extension: extension.into(),
            message_limit_secs: 59,
            language: "en".into(),
            contacts: Vec::new(),
            greetings: Default::default(),
            has_spoken_name: false,
            mailbox_full: false,
        };
        Directory::new("Test", vec![user(1, "alice", "1001"), user(2, "bob", "1002")])
    }

    fn find_all(written: &[&str]) -> Result<Vec<UserId>, String> {
        let written: Vec<String> = written.iter().map(|text| (*text).to_owned()).collect();
        find(&directory(), "hark.example", &written).map_err(|error| error.to_string())
    }

    #[test]
    fn users_are_found_by_whatever_names_them() {
        for bob in [
            "bob",
            "BOB",
            "1002",
            "sip:bob@hark.example",
            "SIP:bob@Hark.Example;transport=tcp",
            "bob@hark.example",
            " bob ",
            "bob,bob",
        ] {
            assert_eq!(find_all(&[bob]), Ok(vec![UserId(2)]), "{bob}");
        }
        assert_eq!(find_all(&["bob, 1001", "alice"]), Ok(vec![UserId(2), UserId(1)]));
    }

    #[test]
    fn whoever_is_unknown_is_named() {
        assert!(find_all(&["bob", "zed"]).unwrap_err().contains("zed"));
        assert!(find_all(&["sip:bob@elsewhere.example"]).unwrap_err().contains("elsewhere"));
        assert!(find_all(&[]).unwrap_err().contains("nobody"));
        assert!(find_all(&["", " , "]).unwrap_err().contains("nobody"));
        assert!(find_all(&vec!["bob"; MOST + 1]).unwrap_err().contains("at most"));
        assert!(find_all(&["é".repeat(9).as_str(), "sipé"]).is_err());
    }
}
