//! `;name=value` parameters of URIs and header fields, in order, case-insensitive by name.

use std::fmt;

use super::lex;

/// An ordered list of parameters. Values are kept as they were written, quotes included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// No parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads `;a=1;b` (the first semicolon may be missing). `None` where a parameter has no
    /// name, or holds what only quotes may hold.
    pub fn parse(s: &str) -> Option<Self> {
        let s = s.trim();
        if s.is_empty() {
            return Some(Self::new());
        }
        let s = s.strip_prefix(';').unwrap_or(s);
        lex::split_top_level(s, b';').into_iter().map(parameter).collect::<Option<_>>().map(Self)
    }

    /// The value of the first parameter `name`: `Some("")` for one that has no value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// Whether there is a parameter `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets the parameter `name` in place, or appends it.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|v| lex::one_line(v.to_owned()));
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Removes every parameter `name`.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Name and value of each parameter, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn parameter(piece: &str) -> Option<(String, Option<String>)> {
    let (name, value) = match piece.split_once('=') {
        Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
        None => (piece, None),
    };
    let bare = |c: char| !c.is_whitespace() && !matches!(c, '<' | '>' | '"' | ',');
    if name.is_empty() || !name.chars().all(bare) {
        return None;
    }
    if let Some(value) = value {
        let well_formed = match lex::quoted_string(value) {
            Some((_, rest)) => rest.is_empty(),
            None => value.chars().all(bare),
        };
        if !well_formed {
            return None;
        }
    }
    Some((name.to_owned(), value.map(str::to_owned)))
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_with_spaces_and_quotes() {
        let params = Params::parse(r#" ; tag  = a1 ;lr; x="a;b=\"c" "#).unwrap();
        assert_eq!(params.get("TAG"), Some("a1"));
        assert_eq!(params.get("lr"), Some(""));
        assert_eq!(params.get("x"), Some(r#""a;b=\"c""#));
        assert_eq!(params.to_string(), r#";tag=a1;lr;x="a;b=\"c""#);
    }

    #[test]
    fn nameless_parameters_are_refused() {
        for bad in [";;", ";a;;b", ";=x", ";a=\"x", ";a=b c", ";a=<b>"] {
            assert_eq!(Params::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn setting_replaces_and_cannot_break_the_line() {
        let mut params = Params::parse(";rport;branch=x").unwrap();
        params.set("rport", Some("5060"));
        params.set("received", Some("192.0.2.1\r\nX: y"));
        assert_eq!(params.to_string(), ";rport=5060;branch=x;received=192.0.2.1  X: y");
        params.remove("received");
        assert!(!params.contains("received"));
    }
}
