//! Lexical rules that many header fields share (RFC 3261 section 25.1).

/// Whether `s` is a `token`.
pub fn is_token(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(is_token_octet)
}

fn is_token_octet(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b)
}

/// Splits `s` at each `separator` that stands outside quoted strings and angle brackets, and
/// trims the pieces. A quote that never ends swallows the rest: the piece then fails to parse,
/// which is the answer it deserves.
pub fn split_top_level(s: &str, separator: u8) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped, mut angle) = (0, false, false, false);
    for (at, b) in s.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted {
            match b {
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else {
            match b {
                b'"' if !angle => quoted = true,
                b'<' => angle = true,
                b'>' => angle = false,
                b if b == separator && !angle => {
                    pieces.push(s[start..at].trim());
                    start = at + 1;
                }
                _ => {}
            }
        }
    }
    pieces.push(s[start..].trim());
    pieces
}

/// Reads the quoted string that `s` begins with: its unescaped content and what follows it.
pub fn quoted_string(s: &str) -> Option<(String, &str)> {
    let inner = s.strip_prefix('"')?;
    let mut content = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((content, &inner[at + 1..])),
            '\\' => content.push(chars.next()?.1),
            c => content.push(c),
        }
    }
    None
}

/// `s` as a quoted string.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// `value` without the quotes, if it is a quoted string.
pub fn unquote(value: &str) -> String {
    match quoted_string(value) {
        Some((content, _)) => content,
        None => value.to_owned(),
    }
}

/// `value` with every line break made a space, so that no value can become two header lines.
pub fn one_line(value: String) -> String {
    if value.bytes().any(|b| b == b'\r' || b == b'\n') {
        value.replace(['\r', '\n'], " ")
    } else {
        value
    }
}

/// A number of decimal digits that stops at `u32::MAX` instead of overflowing; `None` where
/// something else than digits stands.
pub fn saturating_number(s: &str) -> Option<u32> {
    if s.is_empty() || !s.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(s.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let pieces = split_top_level(r#""a, \", b" <sip:x,y@h>;p=1 , <sip:z@h>"#, b',');
        assert_eq!(pieces, [r#""a, \", b" <sip:x,y@h>;p=1"#, "<sip:z@h>"]);
    }

    #[test]
    fn a_quoted_string_is_unescaped_and_must_end() {
        assert_eq!(quoted_string(r#""a\"b" rest"#), Some(("a\"b".into(), " rest")));
        assert_eq!(quoted_string(r#""a\"b"#), None);
        assert_eq!(quoted_string(r#""a\"#), None);
        assert_eq!(unquote(&quote(r#"a"\b"#)), r#"a"\b"#);
    }

    #[test]
    fn numbers_saturate() {
        assert_eq!(saturating_number("0068"), Some(68));
        assert_eq!(saturating_number("99999999999999999999"), Some(u32::MAX));
        assert_eq!(saturating_number("-1"), None);
        assert_eq!(saturating_number(""), None);
    }
}
