//! A text with `{values}` to be put in.

use std::collections::BTreeMap;

use thiserror::Error;

/// The longest text, before and after the values are put in, in characters.
pub const LONGEST_TEXT: usize = 2000;
/// The longest value, in characters.
pub const LONGEST_VALUE: usize = 500;

/// Why no text was made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A value is asked for that was not given.
    #[error("the text asks for {{{0}}}: give it among the values")]
    Missing(String),
    /// A `{` without its `}`, or nothing between them.
    #[error("a {{ in the text has no name and }} behind it: write {{{{ for the sign itself")]
    Open,
    /// Too long.
    #[error("the text has more than {LONGEST_TEXT} characters")]
    TooLong,
}

/// The names of the values that a text asks for, each once, in order.
///
/// # Errors
/// [`TemplateError::Open`], [`TemplateError::TooLong`]
pub fn names(text: &str) -> Result<Vec<String>, TemplateError> {
    let mut names: Vec<String> = Vec::new();
    walk(text, |piece| {
        if let Piece::Name(name) = piece
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
        Ok(())
    })?;
    Ok(names)
}

/// The text with its values put in. What a value holds is never looked at for further names.
///
/// # Errors
/// [`TemplateError`]
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let mut filled = String::with_capacity(text.len());
    walk(text, |piece| {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => {
                let value = values.get(name);
                let value = value.ok_or_else(|| TemplateError::Missing(name.to_owned()))?;
                filled.extend(value.chars().take(LONGEST_VALUE));
            }
        }
        Ok(())
    })?;
    if filled.chars().count() > LONGEST_TEXT { Err(TemplateError::TooLong) } else { Ok(filled) }
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn walk<'a>(
    text: &'a str,
    mut take: impl FnMut(Piece<'a>) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(TemplateError::TooLong);
    }
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, sign) = rest.split_at(at);
        take(Piece::Text(before))?;
        if let Some(behind) = sign.strip_prefix("{{").or_else(|| sign.strip_prefix("}}")) {
            take(Piece::Text(&sign[..1]))?;
            rest = behind;
            continue;
        }
        let named = sign.strip_prefix('{').and_then(|sign| sign.split_once('}'));
        let (name, behind) = named.ok_or(TemplateError::Open)?;
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_name) {
            return Err(TemplateError::Open);
        }
        take(Piece::Name(name))?;
        rest = behind;
    }
    take(Piece::Text(rest))
}

/// Which of the languages to speak to somebody of `wanted` (BCP 47): the same, one that shares
/// its first part, the site's, or the first.
pub fn language<'a>(
    offered: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
    site: &str,
) -> Option<&'a str> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let find = |wanted: &str| {
        let same = offered.clone().find(|tag| tag.eq_ignore_ascii_case(wanted));
        same.or_else(|| offered.clone().find(|tag| primary(tag) == primary(wanted)))
    };
    find(wanted).or_else(|| find(site)).or_else(|| offered.clone().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn values_are_put_in_once() {
        let given = values(&[("room", "{room}"), ("who", "Bob")]);
        let text = "{who} waits in {room}. {{who}}";
        assert_eq!(fill(text, &given).unwrap(), "Bob waits in {room}. {who}");
        assert_eq!(names(text).unwrap(), ["who", "room"]);
        assert_eq!(fill("no values", &values(&[])).unwrap(), "no values");
    }

    #[test]
    fn what_is_missing_or_malformed_is_said() {
        let error = fill("{a} {b}", &values(&[("a", "x")])).unwrap_err();
        assert_eq!(error, TemplateError::Missing("b".into()));
        for text in ["{", "}", "{}", "{a b}", "x { y"] {
            assert_eq!(fill(text, &values(&[])).unwrap_err(), TemplateError::Open, "{text}");
        }
        let long = "x".repeat(LONGEST_TEXT + 1);
        assert_eq!(names(&long).unwrap_err(), TemplateError::TooLong);
        let given = values(&[("a", &"y".repeat(9000))]);
        assert_eq!(fill("{a}", &given).unwrap().len(), LONGEST_VALUE);
        assert_eq!(fill("{a}{a}{a}{a}{a}", &given).unwrap_err(), TemplateError::TooLong);
    }

    #[test]
    fn somebody_is_spoken_to_in_the_nearest_language() {
        let offered = ["en", "de-AT", "fr"];
        let chosen = |wanted, site| language(offered.into_iter(), wanted, site);
        assert_eq!(chosen("de", "en"), Some("de-AT"));
        assert_eq!(chosen("FR", "en"), Some("fr"));
        assert_eq!(chosen("it", "fr"), Some("fr"));
        assert_eq!(chosen("it", "es"), Some("en"));
        assert_eq!(language([].into_iter(), "en", "en"), None);
    }
}
